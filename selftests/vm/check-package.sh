#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check-package: the Debian packages. In a clean Debian of its own, in a
# directory, they are installed, upgraded, removed and purged, and DKMS builds
# the modules for two kernels. That Debian with the packages is then booted in a
# VM, with systemd: modules are loaded on demand, and vshmd is restarted and
# killed with traffic on a link of the host. Takes root. PACKAGES=directory has
# packages that were built before, in 0.0/ and new/.

# shellcheck source=selftests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/vm/report.sh
. "$VM_DIR/report.sh"
# shellcheck source=selftests/vm/debian.sh
. "$VM_DIR/debian.sh"

[ "$(id -u)" = 0 ] || die "this takes root"
unset KERNEL KDIR
# a whole Debian, and a guest in it, perhaps beside something else
export VM_SLOW=${VM_SLOW:-2}
prepare build vm check deb fetch package

# the second kernel, of which DKMS needs the headers
KERNEL=bookworm-backports "$VM_DIR/deps.sh" build
second=$(KERNEL=bookworm-backports "$VM_DIR/kernel.sh")
second_root=$(KERNEL=bookworm-backports "$VM_DIR/kernel.sh" --root)

# shellcheck source=selftests/vm/initramfs.sh
. "$VM_DIR/initramfs.sh"

# Prints the directory of a Debian with what the packages need, made once.
clean_root()
{
	local dir=$CACHE/root-bookworm

	if [ ! -e "$dir" ]; then
		say "installing a clean Debian, once; some minutes" >&2
		debian_apt_conf >"$RUN/apt.conf"
		rm -rf "$dir.new"
		debian_sources bookworm | INITRD=No quietly "$RUN/log" mmdebstrap \
			--mode=root --variant=minbase --format=directory \
			--aptopt="$RUN/apt.conf" \
			--dpkgopt='path-exclude=/usr/share/locale/*' \
			--include=systemd-sysv,udev,kmod,dkms,linux-image-amd64,linux-headers-amd64,python3,socat,gcc,libc6-dev,make,pkgconf,libjson-c5,libevent-core-2.1-7,libmnl0,man-db,dpkg-dev,pahole \
			bookworm "$dir.new" - >&2
		mv "$dir.new" "$dir"
	fi
	echo "$dir"
}

inside()
{
	in_tree "$RUN/root" "$RUN/debs" "$@"
}

# readme [NUMBER]: the commands of README.md that lead from the packages to a
# socket between host and guest, or one of them
readme()
{
	sed -n '/^### From packages/,/^### By hand/p' "$TOP/README.md" |
		awk '/^```/ { code = !code; next } code' | sed -n "${1:-1,\$}p"
}

# install_packages VERSION: as README.md says
install_packages()
{
	ln -sfn "$1" "$RUN/debs/packages"
	# no network: all that they depend on is there
	inside sh -euc "sudo() { \"\$@\"; }
		export DEBIAN_FRONTEND=noninteractive
		cd /mnt
		$(readme 1)"
}

kernels_with_modules()
{
	local name version

	for version in "$first" "$second"; do
		for name in vshm vshm_ivshmem vshm_host; do
			inside modinfo -k "$version" -F vermagic "$name" |
				grep -q "^$version " || return
		done
	done
}

# all files, but what apt, dpkg and the like note down
files()
{
	(cd "$RUN/root" && find . -xdev ! -type d \
		! -path './var/lib/dpkg/*' ! -path './var/cache/*' ! -path './var/log/*' \
		! -path './var/lib/apt/*' ! -path './var/lib/systemd/deb-systemd-helper-*' \
		! -path './tmp/*' ! -path './run/*' ! -path './etc/*-' \
		! -path './lib/modules/*/modules.*' ! -path './usr/lib/modules/*/modules.*' \
		! -path './etc/.pwd.lock' ! -path '*/__pycache__/*' | sort)
}

test_install()
{
	install_packages 0.0
	inside dkms status
	kernels_with_modules
	inside vshm --version
	inside getent passwd vshm
	inside man -w vshmd vshm vshmd.conf >&2
}

# with the headers and the file for pkg-config of vshm-dev
build_example()
{
	inside sh -euc 'gcc -Wall -Wextra -Werror $(pkg-config --cflags vshm) \
		-o /usr/local/bin/hello /usr/share/doc/vshm-dev/examples/hello.c'
}

test_upgrade()
{
	local status

	echo '// a line of the administrator' >>"$RUN/root/etc/vshm/vshmd.conf"
	install_packages new
	status=$(inside dkms status vshm)
	echo "$status"
	if grep 'vshm/0\.0' <<<"$status"; then return 1; fi
	[ "$(grep -c ': installed' <<<"$status")" = 2 ]
	kernels_with_modules
	tail -n 1 "$RUN/root/etc/vshm/vshmd.conf" | grep -q administrator
}

test_remove()
{
	inside apt-get remove -y vshm-dkms vshm-tools vshm-dev
	if kernels_with_modules; then return 1; fi
	[ -z "$(inside dkms status vshm)" ]
	tail -n 1 "$RUN/root/etc/vshm/vshmd.conf" | grep -q administrator
}

test_purge()
{
	# the only one that left something behind
	inside apt-get purge -y vshm-tools
	files | diff "$RUN/files" - >&2
}

mkdir -p "$RUN/debs"
if [ -n "${PACKAGES:-}" ]; then
	cp -r "$PACKAGES"/* "$RUN/debs/"
else
	say "building packages, of two versions"
	OUT=$RUN/debs/0.0 DEB_VERSION=0.0 quietly "$RUN/old.log" "$TOP/packaging/deb.sh" &
	OUT=$RUN/debs/new quietly "$RUN/make.log" "$TOP/packaging/deb.sh"
	wait $!
fi

clean=$(clean_root)
say "copying the clean Debian"
cp -a "$clean" "$RUN/root"
first=$(ls "$RUN/root/lib/modules")
cp -a "$second_root"/usr/src/linux-headers-* "$RUN/root/usr/src/"
cp -a "$second_root"/usr/lib/linux-kbuild-* "$RUN/root/usr/lib/"
mkdir -p "$RUN/root/lib/modules/$second"
ln -s "/usr/src/linux-headers-$second" "$RUN/root/lib/modules/$second/build"
cp "$second_root/lib/modules/$second"/modules.{order,builtin*} "$RUN/root/lib/modules/$second/"
touch "$RUN/root/usr/local/bin/hello"
printf 'APT::%s;\n' 'Get::Assume-Yes "true"' 'Install-Recommends "false"' \
	>"$RUN/root/etc/apt/apt.conf.d/test"
echo 'autoinstall_all_kernels=yes' >>"$RUN/root/etc/dkms/framework.conf"
files >"$RUN/files"

if selected package; then
	attempt "package: lintian has nothing to say" lintian --allow-root \
		--fail-on error,warning "$RUN"/debs/new/*.changes
	attempt "package: installs; DKMS builds for two kernels" test_install
	attempt "package: a program is built with vshm-dev" build_example
	attempt "package: upgrades" test_upgrade
	attempt "package: is removed, configuration stays" test_remove
	attempt "package: is purged, nothing stays" test_purge
fi
# shellcheck source=selftests/vm/check-systemd.sh
. "$VM_DIR/check-systemd.sh"
check_systemd "$first"
say "== done"
summary
