#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check-debug: the tests that run in VMs, on a kernel that watches what the
# modules do (KASAN, lockdep, kmemleak and more: debug.config), with modules
# built for it. A copy of the tree is built, so that what was built for the
# machine's own kernel stays as it is.
#
# debug.sh [-r] [PHASE]...	as in check.sh; default: loopback two-vm
#
#   -r	look for data races instead, with KCSAN (kcsan.config); default: loopback
#   -u	the kernel is a process of this machine, User-Mode Linux, which is not
#	emulated and has no PCI; only loopback
#
# KDIR=directory names a kernel built by hand, to be used instead.

# shellcheck source=selftests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

kernel=debug steps=500
phases=(loopback two-vm)
case ${1:-} in
-r)	kernel=kcsan
	phases=(loopback)
	shift ;;
-u)	kernel=uml-debug steps=
	phases=(loopback)
	shift ;;
esac

"$VM_DIR/deps.sh" build vm check debug
export KDIR=${KDIR:-$("$VM_DIR/kbuild.sh" "$kernel")}
unset KERNEL MAKEFLAGS MFLAGS

copy=$(tree_copy "$kernel")
# Shadow memory, lists of freed memory, and records of each allocation and each
# lock want room; under emulation every access pays for being looked at.
export VM_DEBUG=1 VM_MEMORY=${VM_MEMORY:-1536M} VM_SLOW=${VM_SLOW:-4}
export VSHM_STEPS=${VSHM_STEPS:-$steps}
[ $# -gt 0 ] || set -- "${phases[@]}"
"$copy/selftests/vm/check.sh" "$@"
