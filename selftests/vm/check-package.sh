#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check-package: the Debian packages. In a clean Debian of its own, in a
# directory, they are installed, upgraded, removed and purged, and DKMS builds
# the modules for two kernels. A VM has that Debian with the packages, as it was
# before they were removed: check-systemd.sh. Takes root. COMPILE=1 has DKMS build
# in the VM as well, which takes many minutes. PACKAGES=directory has packages that
# were built before, in 0.0/ and new/.

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

# What that Debian has besides essential packages: what ours need to be installed
# without a network, and Docker, which wants AppArmor where the kernel has it.
ROOT_PACKAGES=(systemd-sysv udev kmod linux-image-amd64 linux-headers-amd64 dkms
	pahole gcc libc6-dev make pkgconf dpkg-dev man-db python3 socat
	libjson-c5 libevent-core-2.1-7 libmnl0 docker.io apparmor)

# Prints the directory of it, made once.
clean_root()
{
	local dir

	dir=$CACHE/root-bookworm-$(sha256sum <<<"${ROOT_PACKAGES[*]}" | cut -c1-8)
	if [ ! -e "$dir" ]; then
		say "installing a clean Debian, once; some minutes" >&2
		debian_apt_conf >"$RUN/apt.conf"
		rm -rf "$dir.new"
		debian_sources bookworm | INITRD=No quietly "$RUN/log" mmdebstrap \
			--mode=root --variant=minbase --format=directory \
			--aptopt="$RUN/apt.conf" \
			--dpkgopt='path-exclude=/usr/share/locale/*' \
			--include="$(IFS=,; echo "${ROOT_PACKAGES[*]}")" \
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

# version_of DIRECTORY: of the packages in there
version_of()
{
	dpkg-deb -f "$RUN/debs/$1"/vshm-dkms_*.deb Version
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

package_install()
{
	install_packages 0.0
	inside dkms status
	kernels_with_modules
	inside vshm --version
	inside getent passwd vshm
	inside man -w vshmd vshm.8 vshm.7 vshmd.conf >&2
	inside ls -L /lib/systemd/system/vshmd.service /lib/udev/rules.d/60-vshm.rules \
		/usr/lib/{sysusers,tmpfiles}.d/vshm.conf \
		/usr/share/bash-completion/completions/vshm \
		/usr/share/doc/vshm-tools/examples/{modprobe,modules-load}.conf.example \
		/usr/include/linux/vshm{,_diag,_ring}.h >&2
}

# with the headers and the file for pkg-config of vshm-dev
build_example()
{
	inside sh -euc 'gcc -Wall -Wextra -Werror $(pkg-config --cflags vshm) \
		-o /usr/local/bin/hello /usr/share/doc/vshm-dev/examples/hello.c'
}

package_upgrade()
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

package_remove()
{
	inside apt-get remove -y vshm-dkms vshm-tools vshm-dev
	if kernels_with_modules; then return 1; fi
	[ -z "$(inside dkms status vshm)" ]
	tail -n 1 "$RUN/root/etc/vshm/vshmd.conf" | grep -q administrator
}

package_purge()
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
# an index of all manual pages takes its time
rm "$RUN/root/var/lib/man-db/auto-update"
# shellcheck source=selftests/vm/check-systemd.sh
. "$VM_DIR/check-systemd.sh"
systemd_pack
files >"$RUN/files"

if selected package; then
	attempt "package: lintian has nothing to say" lintian --allow-root \
		--fail-on error,warning "$RUN"/debs/new/*.changes
	attempt "package: installs; DKMS builds for two kernels" package_install
	attempt "package: a program is built with vshm-dev" build_example
	attempt "package: upgrades" package_upgrade
	systemd_disk
	attempt "package: is removed, configuration stays" package_remove
	attempt "package: is purged, nothing stays" package_purge
else
	quietly "$RUN/log" install_packages new
	build_example
	systemd_disk
fi
check_systemd
say "== done"
summary
