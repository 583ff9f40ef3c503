# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What every script of this directory starts with: where things are, progress
# lines, and a scratch directory that goes away with everything started in it.
# Sourced, never run.

set -eu -o pipefail

VM_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$VM_DIR/../.." && pwd)
CACHE=${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/vshm
START=$EPOCHREALTIME

# Microseconds between two values of $EPOCHREALTIME, whose decimal sign is the
# locale's.
us_between()
{
	echo $((${2//[!0-9]/} - ${1//[!0-9]/}))
}

# say TEXT: a progress line with the time since the start
say()
{
	local ds

	ds=$(($(us_between "$START" "$EPOCHREALTIME") / 100000))
	printf '[%4d.%d s] %s\n' $((ds / 10)) $((ds % 10)) "$*"
}

die()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

# quietly LOG COMMAND...: its output goes to LOG and is shown only on failure,
# or with V=1 right away
quietly()
{
	local log=$1

	shift
	if [ "${V:-0}" != 0 ]; then
		"$@"
	elif ! "$@" >"$log" 2>&1; then
		cat "$log" >&2
		return 1
	fi
}

# Where the modules are: VM_MODULES, when they were built elsewhere.
MODULES=${VM_MODULES:-$TOP}

# prepare GROUP...: installs what is missing, builds modules and programs
prepare()
{
	local target=all

	[ "$MODULES" = "$TOP" ] || target=userspace
	"$VM_DIR/deps.sh" "$@"
	say "building"
	quietly "$RUN/make.log" env -u MAKEFLAGS -u MFLAGS \
		make -C "$TOP" -j"$(nproc)" --no-print-directory "$target"
}

# tree_copy NAME: prints a copy of the tree, for modules of another kernel, so
# that what was built for the machine's own stays as it is
tree_copy()
{
	local copy=$TOP/selftests/build/$1

	mkdir -p "$copy"
	rsync -a --delete --exclude=/.git --filter=':- .gitignore' "$TOP/" "$copy/"
	echo "$copy"
}

# alive PID: is that process there, and more than a zombie? Its first thread may
# be one while others still hold what was open. After the name, which is in
# brackets, fields 1 and 18 are state and number of threads.
alive()
{
	local stat fields

	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
	read -ra fields <<<"${stat##*) }"
	[ "${fields[0]}" != Z ] || [ "${fields[17]}" -gt 1 ]
}

# end PID: kill it for good and wait until it is gone
end()
{
	kill -KILL "$1" 2>/dev/null || true
	while alive "$1"; do
		sleep 0.02
	done
}

# Everything that a script starts in the background leaves its process ID in
# $RUN/NAME/pid, so that it can be ended from any subshell.
cleanup()
{
	local file

	trap - EXIT
	for file in "$RUN"/*/pid; do
		[ ! -e "$file" ] || end "$(<"$file")"
	done
	if [ -n "${KEEP:-}" ]; then
		echo "kept: $RUN" >&2
	else
		rm -rf "$RUN"
	fi
}

RUN=$(mktemp -d "${TMPDIR:-/tmp}/vshm.XXXXXX")
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# shellcheck source=selftests/vm/common.sh
. "$VM_DIR/common.sh"
