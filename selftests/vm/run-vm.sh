#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# run-vm.sh [-b] [-t SECONDS] [-f DEST=SOURCE]... [COMMAND]
#
# Boots one VM with the modules loaded and runs COMMAND in it, or the commands
# on stdin; ends with the command's status, and shows the kernel's warnings.
#
#   -b			bare: neither build nor load the modules
#   -t SECONDS		how long it may take, default 600
#   -f DEST=SOURCE	a file, a program with its libraries, or a directory
#			that the VM gets as /DEST
#
# ACCEL=kvm, tcg or icount chooses the accelerator, KERNEL= or KDIR= the kernel.

# shellcheck source=selftests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

files=() load=load timeout=600
while getopts bt:f: option; do
	case $option in
	b)	load= ;;
	t)	timeout=$OPTARG ;;
	f)	files+=("$OPTARG") ;;
	*)	exit 2 ;;
	esac
done
shift $((OPTIND - 1))

if [ $load ]; then
	prepare build vm >&2
	files+=(vshm/vshm.ko="$TOP/vshm.ko" vshm/vshm_host.ko="$TOP/vshm_host.ko")
else
	"$VM_DIR/deps.sh" vm >&2
fi

# shellcheck source=selftests/vm/initramfs.sh
. "$VM_DIR/initramfs.sh"
# shellcheck source=selftests/vm/vm.sh
. "$VM_DIR/vm.sh"

pack files "${files[@]}"
say "booting Linux $KERNEL, $ACCEL" >&2
vm_boot A "$RUN/files.cpio"
vm_ready A
say "running" >&2
status=0
vm -t "$timeout" A "$load
${1-$(cat)}" || status=$?
say "ended with status $status" >&2
vm_messages A >&2
exit $status
