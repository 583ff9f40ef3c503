# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The guests' file system: cpio archives, which the kernel unpacks one after
# the other. The base archive (BusyBox, socat, init, modules of the stock
# kernel) is cached; what changes from run to run is packed into a second one.

# Modules of the stock kernel that a guest can modprobe, for comparisons and
# networks.
STOCK_MODULES=(vsock_loopback vsock_diag unix_diag virtio_net virtio_pci
	       vhost_vsock vhost_net tun veth)

# install_file ROOT SOURCE DEST: copies a file, and what it is linked with
install_file()
{
	local root=$1 source=$2 dest=$3 lib

	mkdir -p "$root/$(dirname "$dest")"
	cp -L "$source" "$root/$dest"
	[ -x "$source" ] || return 0
	for lib in $(ldd "$source" 2>/dev/null | grep -o '/[^ ]*'); do
		if [ ! -e "$root/$lib" ]; then
			mkdir -p "$root/$(dirname "$lib")"
			cp -L "$lib" "$root/$lib"
		fi
	done
}

# archive ROOT FILE: packs a directory tree
archive()
{
	(cd "$1" && find . -print0 | sort -z |
		cpio --null --create --format=newc --owner=0:0 --quiet) >"$2"
}

# pack_base NAME BUSYBOX [DEST=SOURCE]...: an archive $RUN/NAME.cpio of a file
# system with nothing but BusyBox, init, and these files
pack_base()
{
	local name=$1 busybox=$2

	shift 2
	pack "$name-files" bin/busybox="$busybox" init="$VM_DIR/init" \
		etc/common.sh="$VM_DIR/common.sh" etc/guest.sh="$VM_DIR/guest.sh" "$@"
	mkdir -p "$RUN/$name.root"/{bin,dev,proc,sys,run,tmp,root}
	ln -s busybox "$RUN/$name.root/bin/sh"
	archive "$RUN/$name.root" "$RUN/$name-root.cpio"
	cat "$RUN/$name"-{root,files}.cpio >"$RUN/$name.cpio"
	rm -r "$RUN/$name.root"
}

# install_stock_modules ROOT: they may be compressed, BusyBox wants them plain
install_stock_modules()
{
	local root=$1 dir=lib/modules/$KERNEL name verb file dest

	[ -d "$KERNEL_ROOT/$dir" ] || return 0
	mkdir -p "$root/$dir"
	cp "$KERNEL_ROOT/$dir"/modules.{order,builtin*} "$root/$dir/"
	for name in "${STOCK_MODULES[@]}"; do
		while read -r verb file _; do
			[ "$verb" = insmod ] || continue
			dest=$root/${file#"$KERNEL_ROOT"}
			mkdir -p "${dest%/*}"
			case $file in
			*.xz)	xz -dc "$file" >"${dest%.xz}" ;;
			*.zst)	zstd -qdc "$file" >"${dest%.zst}" ;;
			*)	cp "$file" "$dest" ;;
			esac
		done < <(modprobe --show-depends -d "$KERNEL_ROOT/" -S "$KERNEL" "$name")
	done
	depmod -b "$root" "$KERNEL"
}

# Prints the base archive's path, building it first unless one made from the
# same ingredients is there.
base_archive()
{
	local sources key file root

	sources=("$VM_DIR"/{initramfs.sh,init,common.sh,guest.sh}
		"$(command -v busybox)" "$(command -v socat)")
	key=$({ cat "${sources[@]}"; ldd "$(command -v socat)" | cut -d'(' -f1
		cat "$KERNEL_ROOT/lib/modules/$KERNEL/modules.dep" 2>/dev/null || true
		echo "$KERNEL ${STOCK_MODULES[*]}"; } | sha256sum | cut -c1-16)
	file=$CACHE/base-$key.cpio
	if [ ! -e "$file" ]; then
		root=$RUN/base
		mkdir -p "$CACHE" "$root"/{bin,dev,proc,sys,run,tmp,root,etc}
		cp "$(command -v busybox)" "$root/bin/busybox"
		cp "$VM_DIR/init" "$root/init"
		cp "$VM_DIR"/{common,guest}.sh "$root/etc/"
		install_file "$root" "$(command -v socat)" bin/socat
		install_stock_modules "$root"
		archive "$root" "$file.$$"
		find "$CACHE" -maxdepth 1 -name 'base-*' -mtime +7 -delete
		mv "$file.$$" "$file"
		rm -rf "$root"
	fi
	echo "$file"
}

# pack NAME DEST=SOURCE...: an archive $RUN/NAME.cpio of files and directories
# (with the programs in it), to give to vm_boot
pack()
{
	local name=$1 pair dest source root file

	root=$RUN/$name.root
	mkdir "$root"
	shift
	for pair in "$@"; do
		dest=${pair%%=*} source=${pair#*=}
		if [ -d "$source" ]; then
			while read -r file; do
				install_file "$root" "$source/$file" "$dest/$file"
			done < <(cd "$source" && find . -type f)
		else
			install_file "$root" "$source" "$dest"
		fi
	done
	archive "$root" "$RUN/$name.cpio"
	rm -rf "$root"
}
