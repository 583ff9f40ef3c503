#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# deps.sh GROUP...: installs what the named groups of the table below need and
# the machine lacks. Says what before it asks for root.

set -eu -o pipefail

VM_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
groups=" $* "
# a kernel that is asked for and not there is fetched
fetch=
if [ -n "${KERNEL:-}" ] && ! "$VM_DIR/kernel.sh" >/dev/null; then
	fetch=$KERNEL
	groups+="fetch "
fi
packages=()
# what installing would start on this machine is unpacked here instead
unpacked=${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/vshm/unpacked
unpack=()

# Image and headers are in step when they come from one run of the package
# manager, so both are asked for. Sources are packaged by release, 6.1 for
# 6.1.0-56-amd64; without a kernel yet, the distribution's default is right.
if release=$("$VM_DIR/kernel.sh" --source); then
	release=-$release
else
	release=
	packages+=(linux-image-amd64 linux-headers-amd64)
fi

# group, what must be there (a command, or a file when it has a slash), and the
# package that brings it; perl is for kernel-doc, which checks comments. A package
# to unpack is downloaded and not installed.
table()
{
	cat <<-END
	build	gcc			gcc
	build	make			make
	build	pkg-config		pkg-config
	build	pod2usage		perl
	build	/usr/include/stdio.h	libc6-dev
	build	/usr/include/event2/event.h	libevent-dev
	build	/usr/include/json-c/json.h	libjson-c-dev
	build	/usr/include/libmnl/libmnl.h	libmnl-dev
	build	/usr/include/systemd/sd-daemon.h	libsystemd-dev
	build	/usr/include/seccomp.h	libseccomp-dev
	build	/usr/include/cap-ng.h	libcap-ng-dev
	vm	qemu-system-x86_64	qemu-system-x86
	vm	socat			socat
	vm	cpio			cpio
	vm	xz			xz-utils
	vm	zstd			zstd
	vm	depmod			kmod
	vm	busybox			busybox-static
	check	python3			python3
	check	xmllint			libxml2-utils
	check	$unpacked/usr/share/libvirt/schemas/domain.rng	libvirt0	unpack
	check	/usr/lib/python3/dist-packages/jsonschema/__init__.py	python3-jsonschema
	programs	/usr/bin/python3	python3
	programs	zstd			zstd
	programs	curl			curl
	programs	/usr/sbin/ip		iproute2
	programs	/usr/bin/ss		iproute2
	programs	ssh			openssh-client
	programs	/usr/lib/x86_64-linux-gnu/libwrap.so.0	libwrap0
	programs	sshd			openssh-server	unpack
	tracers	bpftrace		bpftrace
	tracers	perf			linux-perf
	tracers	trace-cmd		trace-cmd
	check	/usr/include/liburing.h	liburing-dev
	check	rsync			rsync
	check	/usr/src/linux-source$release.tar.xz	linux-source$release
	bench	gnuplot			gnuplot-nox
	lint	perl			perl
	lint	git			git
	lint	sparse			sparse
	lint	spatch			coccinelle
	lint	clang			clang
	lint	clang-tidy		clang-tidy
	lint	shellcheck		shellcheck
	deb	dpkg-buildpackage	dpkg-dev
	deb	dh			debhelper
	deb	dh_dkms			dh-dkms
	deb	rsync			rsync
	deb	lintian			lintian
	arm64	aarch64-linux-gnu-gcc	gcc-aarch64-linux-gnu
	arm64	rsync			rsync
	arm64	qemu-system-aarch64	qemu-system-arm
	fetch	mmdebstrap		mmdebstrap
	fuzz	clang			clang
	fuzz	libclang-rt		libclang-rt-dev
	package	mke2fs			e2fsprogs
	debug	flex			flex
	debug	bison			bison
	debug	bc			bc
	debug	perl			perl
	debug	patch			patch
	debug	/usr/include/libelf.h	libelf-dev
	debug	/usr/include/openssl/ssl.h	libssl-dev
	END
}

missing()
{
	case $1 in
	*/*)	[ ! -e "$1" ] ;;
	# the dynamically linked one is of no use to a guest
	busybox) ! busybox true 2>/dev/null || ldd "$(command -v busybox)" >/dev/null 2>&1 ;;
	# in a directory with its version
	libclang-rt) ! compgen -G '/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*' >/dev/null ;;
	*)	! PATH=$PATH:/usr/sbin:$unpacked/usr/sbin command -v "$1" >/dev/null ;;
	esac
}

while read -r group what package how; do
	if [[ $groups == *" $group "* ]] && missing "$what"; then
		if [ -n "$how" ]; then
			unpack+=("$package")
		else
			packages+=("$package")
		fi
	fi
done < <(table)

[ "$((${#packages[@]} + ${#unpack[@]}))$fetch" != 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "deps.sh: please install (Debian's names): ${packages[*]} ${unpack[*]}" >&2
	exit 1
fi

# No boot loader reads the initrd of a kernel that only VMs boot, and CI has no
# time for one.
[ -z "${CI:-}" ] || export INITRD=No
export DEBIAN_FRONTEND=noninteractive

if [ "$(id -u)" = 0 ]; then
	root=()
	why=Installing
else
	root=(sudo "--preserve-env=DEBIAN_FRONTEND,INITRD,HOME,XDG_CACHE_HOME")
	why="Root is needed to install"
fi

# unpack_packages: the programs of $unpack to $unpacked
unpack_packages()
{
	local dir deb

	[ ${#unpack[@]} -gt 0 ] || return 0
	mkdir -p "$unpacked"
	dir=$(mktemp -d "$unpacked/XXXXXX")
	(cd "$dir" && apt-get download "${unpack[@]}") &&
		for deb in "$dir"/*.deb; do
			dpkg-deb -x "$deb" "$unpacked" || return 1
		done
	rm -rf "$dir"
}

if [ $((${#packages[@]} + ${#unpack[@]})) -gt 0 ]; then
	echo "$why: ${packages[*]}${unpack[*]:+; unpacking: ${unpack[*]}}"
	log=$(mktemp)
	trap 'rm -f "$log"' EXIT
	if ! { "${root[@]}" apt-get update &&
	       "${root[@]}" apt-get install -y --no-install-recommends "${packages[@]}" &&
	       unpack_packages
	     } >"$log" 2>&1 </dev/null; then
		tail -n 30 "$log" >&2
		exit 1
	fi
fi
if [ -n "$fetch" ]; then
	"${root[@]}" "$VM_DIR/kernel-fetch.sh" "$fetch"
fi
