#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kernel-fetch.sh KERNEL: gets a kernel of another suite of Debian, with its
# headers and the compiler that they want, into a tree of its own in the cache.
# Nothing is installed: the tree is only unpacked, its scripts are not run.
# KERNEL is a release (6.12) or a suite (trixie-backports). Takes root, for
# owners and modes of files.
#
# kernel-fetch.sh -s SUITE: its source instead; prints the path of the packed
# source, in a directory that is named after its version. Takes no root.
#
# The mirror is that of the machine's own suite.

set -eu -o pipefail

CACHE=${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/vshm
source=
if [ "$1" = -s ]; then
	source=yes
	shift
fi
want=$1
# where a release is looked for, in this order, and what each suite builds on
suites=(bookworm-backports trixie-backports trixie)

# shellcheck source=selftests/vm/debian.sh
. "$(dirname "$0")/debian.sh"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM HUP
debian_apt_conf >"$scratch/apt.conf"

# apt_of SUITE: asks the mirror; makes $options, with which apt knows that suite only
apt_of()
{
	local dir=$scratch/$1

	mkdir -p "$dir"/{lists,cache,parts}
	debian_sources "$1" | head -n 1 >"$dir/parts/suite.list"
	options=(-o "Dir::Etc::sourcelist=/dev/null" -o "Dir::Etc::sourceparts=$dir/parts"
		-o "Dir::State::lists=$dir/lists" -o "Dir::Cache=$dir/cache"
		-o "APT::Sandbox::User=root")
	apt-get "${options[@]}" update >&2
}

# Prints the release of the kernel that apt_of() has found, such as 6.12.
release_of()
{
	apt-cache "${options[@]}" madison "linux-image-$arch" |
		awk '{ print $3; exit }' | cut -d. -f1,2
}

# fetch_source SUITE: the one of the newest release that is there
fetch_source()
{
	local dir=$CACHE/source/$1 deb

	if ! compgen -G "$dir/*/linux-source-*.tar.xz"; then
		echo "fetching the kernel's source of $1, once; about 170 MB" >&2
		apt_of "$1" 2>"$scratch/log"
		(cd "$scratch" && apt-get "${options[@]}" download \
			"linux-source-$(release_of)") >"$scratch/log" 2>&1
		deb=$(compgen -G "$scratch/linux-source-*.deb")
		mkdir -p "$dir/new"
		dpkg-deb --fsys-tarfile "$deb" | tar -C "$dir/new" -x --wildcards \
			--strip-components=3 './usr/src/linux-source-*.tar.xz'
		mv "$dir/new" "$dir/$(dpkg-deb -f "$deb" Version)"
		compgen -G "$dir/*/linux-source-*.tar.xz"
	fi
}

arch=$(dpkg --print-architecture)
# Two runs at once fetch it once.
mkdir -p "$CACHE/kernels"
exec {lock}>"$CACHE/kernels.lock"
flock "$lock"
if [ -n "$source" ]; then
	fetch_source "$want"
	exit
fi

suite=
for candidate in "${suites[@]}"; do
	[ "$candidate" != "$want" ] || suite=$want
done
if [ -z "$suite" ]; then
	for suite in "${suites[@]}" ''; do
		[ -n "$suite" ] || break
		release=$(apt_of "$suite" 2>"$scratch/log" && release_of)
		[ "$release" != "$want" ] || break
		known+=" $release ($suite)"
	done
	if [ -z "$suite" ]; then
		echo "kernel-fetch.sh: no kernel $want; there are:$known" >&2
		exit 1
	fi
fi

tree=$CACHE/kernels/$suite
[ ! -e "$tree" ] || exit 0

echo "fetching the kernel of $suite, once; about 120 MB" >&2
rm -rf "$tree.new"
# kernel-doc, which checks comments, is perl or python
if ! debian_sources "$suite" | mmdebstrap --mode=root --variant=extract \
	--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
	--aptopt="$scratch/apt.conf" --aptopt="APT::Default-Release \"$suite\"" \
	--include="linux-image-$arch,linux-headers-$arch,make,gcc,perl,python3,mawk,?essential" \
	"$suite" "$tree.new" - >"$scratch/log" 2>&1; then
	tail -n 20 "$scratch/log" >&2
	exit 1
fi
# what installing would have done
ln -sf mawk "$tree.new/usr/bin/awk"
mkdir -p "$tree.new/mnt"
for dir in "$tree.new"/lib/modules/*; do
	depmod -b "$tree.new" "${dir##*/}"
done
mv "$tree.new" "$tree"
