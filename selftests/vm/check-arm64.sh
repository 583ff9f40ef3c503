#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-arm64.sh: the modules are built for arm64 without a warning, and a part of
# the tests runs there, in machines that QEMU emulates: programs of socket calls in
# one, and connections between two, that vshmd of this machine joins. All of it is
# linked statically by a cross compiler; there is no socat.

# shellcheck source=selftests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/vm/report.sh
. "$VM_DIR/report.sh"

unset KERNEL KDIR
export ACCEL=arm64 VM_SLOW=${VM_SLOW:-3}
export TESTS='^(socket_api|stream_io|seqpacket|dgram|table|module.sh|test_200_connections_at_once)$'
MODULES=$RUN/arm64
attempt "arm64: builds without a warning" "$VM_DIR/build-arm64.sh" "$MODULES"
[ -e "$MODULES/vshm.ko" ] || { summary; exit 1; }
prepare vm check

# shellcheck source=selftests/vm/initramfs.sh
. "$VM_DIR/initramfs.sh"
# shellcheck source=selftests/vm/vm.sh
. "$VM_DIR/vm.sh"
# shellcheck source=selftests/vm/link.sh
. "$VM_DIR/link.sh"
# shellcheck source=selftests/vm/debug-checks.sh
. "$VM_DIR/debug-checks.sh"
# shellcheck source=selftests/vm/check-loopback.sh
. "$VM_DIR/check-loopback.sh"
# shellcheck source=selftests/vm/check-two-vm.sh
. "$VM_DIR/check-two-vm.sh"

# of the tree instead of the machine's own
base_archive()
{
	[ -e "$RUN/base.cpio" ] || pack_base base "$MODULES/tree/bin/busybox" >&2
	echo "$RUN/base.cpio"
}

programs=(socket_api stream_io seqpacket dgram table)
built=$TOP/selftests/build/arm64
mkdir -p "$built"
quietly "$RUN/make.log" "$VM_DIR/kselftest.sh" OUTPUT="$built" \
	CROSS_COMPILE=aarch64-linux-gnu- "${programs[@]/#/$built/}" "$built/vshm_stress"
files=(vshm/selftests/module.sh="$TOP/selftests/module.sh")
for program in "${programs[@]}" vshm_stress; do
	files+=("vshm/selftests/$program=$built/$program")
done
for module in vshm vshm_host vshm_ivshmem; do
	files+=("vshm/$module.ko=$MODULES/$module.ko")
done
pack tests "${files[@]}"
IMAGE=$(compgen -G "$MODULES/tree/boot/vmlinuz-*")
say "VMs run ${IMAGE##*/vmlinuz-}"
check_loopback "${programs[@]}" module.sh
check_two_vm "$TOP/selftests/two_vm/transfer.sh"
say "== done"
summary
