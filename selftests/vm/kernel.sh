#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Which kernel to build for and to boot. Status 1 and no output if there is none.
#
# kernel.sh		its version
# kernel.sh --root	the directory below which it lies: empty if it is
#			installed, else a tree that kernel-fetch.sh made
# kernel.sh --source	the release whose source package is used, whatever
#			KERNEL and KDIR say: that of the default kernel
#
# KERNEL is a version (6.1.0-56-amd64), a release (6.12) or a suite of Debian
# (trixie-backports), looked for among what is installed and then among the
# trees. Without it, KDIR names a tree that was built. Without either it is the
# newest installed kernel that has its headers installed; what was fetched does
# not count, so it does not change the default.

set -eu -o pipefail

TREES=${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/vshm/kernels

# kernels ROOT: versions of which image and headers are there, oldest first
kernels()
{
	local dir version

	for dir in "$1"/lib/modules/*; do
		version=${dir##*/}
		if [ -e "$1/usr/src/linux-headers-$version/Makefile" ] ||
		   [ -e "$1/lib/modules/$version/build/Makefile" ]; then
			[ ! -r "$1/boot/vmlinuz-$version" ] &&
				[ ! -r "$dir/vmlinuz" ] || echo "$version"
		fi
	done | sort -V
}

# match ROOT: the newest kernel there that KERNEL means
match()
{
	kernels "$1" | awk -v want="$KERNEL" -v suite="${1##*/}" '
	$0 == want || index($0, want ".") == 1 || suite == want { found = $0 }
	END { print found }'
}

# Sets $version and $root.
choose()
{
	if [ -z "${KERNEL:-}" ]; then
		if [ -n "${KDIR:-}" ]; then
			version=$(cat "$KDIR/include/config/kernel.release")
		else
			version=$(kernels "" | tail -n 1)
		fi
		return
	fi
	version=$(match "")
	[ -z "$version" ] || return 0
	for root in "$TREES"/*; do
		version=$(match "$root")
		[ -z "$version" ] || return 0
	done
	# one that was built by hand
	if [ -n "${KDIR:-}" ]; then
		root=
		version=$KERNEL
	fi
}

version='' root=''
[ "${1:-}" != --source ] || unset KERNEL KDIR
choose
[ -n "$version" ]
case ${1:-} in
--root)		echo "$root" ;;
--source)	cut -d. -f1,2 <<<"$version" ;;
*)		echo "$version" ;;
esac
