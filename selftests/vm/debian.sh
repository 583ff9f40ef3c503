# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Other suites and other trees of Debian than the machine itself, from the
# mirror that it uses. Sourced, never run.

# debian_mirror: prints the mirror of the machine's suite, sets $suite_here
debian_mirror()
{
	# shellcheck disable=SC1091
	. /etc/os-release
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(CREATED_BY) $(CODENAME) $(COMPONENT) $(REPO_URI)' |
		awk -v codename="${VERSION_CODENAME:-}" \
		'$1 == "Packages" && $2 == codename && $3 == "main" { print $4; exit }'
}

# debian_sources SUITE: lines for apt: that suite, and the one it is added to
debian_sources()
{
	local mirror

	mirror=$(debian_mirror)
	if [ -z "$mirror" ]; then
		echo "${0##*/}: apt knows no mirror of Debian" >&2
		return 1
	fi
	echo "deb $mirror $1 main"
	[ "${1%-backports}" = "$1" ] || echo "deb $mirror ${1%-backports} main"
}

# debian_apt_conf: what the machine says about proxies, dates and the like
debian_apt_conf()
{
	apt-config dump Acquire | grep -E '^Acquire::(http|https|Check|Retries)' || true
}

# in_tree ROOT DIRECTORY COMMAND...: runs COMMAND in a tree, where DIRECTORY
# is /mnt; objtool and others ask /proc
in_tree()
{
	local tree=$1 directory=$2 unshare=(unshare --mount)

	shift 2
	[ "$(id -u)" = 0 ] || unshare+=(--map-root-user)
	"${unshare[@]}" sh -euc '
		tree=$1 directory=$2
		shift 2
		mount --rbind /proc "$tree/proc"
		mount --rbind /dev "$tree/dev"
		mount --bind "$directory" "$tree/mnt"
		exec chroot "$tree" "$@"' sh "$tree" "$directory" \
		/usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/root "$@"
}
