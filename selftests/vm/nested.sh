# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A host and its two guests, in VM H: the installed kernel with vshm, vshm_host
# and vshmd, and QEMU twice. Each guest has a link to the host, and there is one
# between the two. A guest runs a kernel of its own (guest.config), small enough
# to be emulated twice.
#
#        host  CID 2                                   (VM H)
#      +----------------- vshm_host -----------------+
#      |                   |     |                   |
#      |          link 2-3 |     | link 2-4          |
#      |      +------------+-+ +-+------------+      |
#      |      | vshm_ivshmem | | vshm_ivshmem |      |
#      |      |              | |              |      |
#      |      | guest  CID 3 +-+ guest  CID 4 |      |
#      |      +--------------+ +--------------+      |
#      |                   link 3-4                  |
#      +---------------------------------------------+
#
# Through the host, guest 3 may connect to guest 4, but not the other way round.

NESTED_CONFIG='{
	"size": "16M",
	"guests": [ { "cid": 3 }, { "cid": 4 } ],
	"links": [ { "cids": [3, 4] } ],
	"policy": [ { "src": 3, "dst": 4, "allow": true } ]
}'

# What kbuild.sh makes for the guests, and what devices they have beside the
# links, if any.
NESTED_KERNEL=guest
NESTED_DEVICES=

# guest_modules KDIR: builds the modules for the guests' kernel, in a copy so
# that those of the host's kernel stay; prints where
guest_modules()
{
	local copy=$TOP/selftests/build/guest

	mkdir -p "$copy"
	rsync -a --delete --exclude='*.o' --exclude='.*.cmd' --exclude='*.mod*' \
		"$TOP"/{Kbuild,kernel,uapi} "$copy/"
	quietly "$RUN/make.log" env -u MAKEFLAGS -u MFLAGS \
		make -C "$1" -j"$(nproc)" --no-print-directory M="$copy" modules >&2
	echo "$copy"
}

# Prints the path of the module without which QEMU cannot emulate; some
# distributions build it in.
qemu_tcg()
{
	local file

	for file in /usr/lib/{,*-linux-gnu/}qemu/accel-tcg-x86_64.so \
		    /usr/lib64/qemu/accel-tcg-x86_64.so; do
		[ ! -e "$file" ] || echo "$file"
	done
}

# nested_guest [DEST=SOURCE]...: builds kernel and initrd of the guests, with these
# files in it, and names in NESTED_FILES what a host needs to run them
nested_guest()
{
	local kdir modules tcg

	"$VM_DIR/deps.sh" check debug
	# two minutes of two processors, when it is not in the cache
	kdir=$(timeout $((900 * VM_SLOW)) "$VM_DIR/kbuild.sh" "$NESTED_KERNEL")
	say "building modules for the guests' kernel"
	modules=$(guest_modules "$kdir")
	pack_base guest "$(command -v busybox)" bin/socat="$(command -v socat)" \
		vshm/vshm.ko="$modules/vshm.ko" \
		vshm/vshm_ivshmem.ko="$modules/vshm_ivshmem.ko" "$@"

	tcg=$(qemu_tcg)
	NESTED_FILES=(nested/functions.sh="$VM_DIR/nested-host.sh"
		nested/vmlinux="$kdir/vmlinux" nested/initrd="$RUN/guest.cpio"
		nested/qboot.rom=/usr/share/qemu/qboot.rom
		${tcg:+nested/accel-tcg-x86_64.so="$tcg"}
		bin/qemu-system-x86_64="$(command -v qemu-system-x86_64)")
}

# nested_pack [DEST=SOURCE]...: the archive of VM H, with that of the guests in
# it, and these files in both; builds what is missing
nested_pack()
{
	nested_guest "$@"
	echo "$NESTED_CONFIG" >"$RUN/vshmd.conf"
	pack nested vshm/vshm.ko="$TOP/vshm.ko" \
		vshm/vshm_host.ko="$TOP/vshm_host.ko" \
		bin/vshmd="$TOP/userspace/vshmd/vshmd" \
		bin/vshm="$TOP/userspace/vshm/vshm" \
		etc/vshm/vshmd.conf="$RUN/vshmd.conf" "${NESTED_FILES[@]}" "$@"
}

# on [-t SECONDS] CID COMMAND: runs COMMAND in the host, CID 2, with the
# functions of nested-host.sh, or in a guest
on()
{
	local timeout=200

	if [ "$1" = -t ]; then
		timeout=$2
		shift 2
	fi
	if [ "$1" = 2 ]; then
		vm -t "$timeout" H ". /nested/functions.sh
		$2"
	else
		vm -t $((timeout + 10)) H ". /nested/functions.sh
		guest $1 $timeout $(base64 -w0 <<<"$2")"
	fi
}

# nested_up CID...: VM H, vshmd and these guests run, with their modules loaded
nested_up()
{
	local cid started=()

	if ! vm_alive H; then
		VM_MEMORY=1G VM_APPEND="slab_nomerge norandmaps" vm_boot H "$RUN/nested.cpio"
		vm_ready H
		on 2 'load; vshmd_start'
	fi
	for cid in "$@"; do
		if ! on 2 "guest_alive $cid"; then
			on 2 "guest_boot $cid $NESTED_DEVICES"
			started+=("$cid")
		fi
	done
	for cid in "${started[@]}"; do
		on -t 600 2 "guest_ready $cid"
		on "$cid" load
	done
}

# nested_messages CID: as vm_messages
nested_messages()
{
	if [ "$1" = 2 ]; then
		vm_messages H
	else
		mkdir -p "$RUN/guest$1"
		on 2 "cat /run/guest/$1/console" >"$RUN/guest$1/console"
		vm_messages "guest$1"
	fi
}
