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
#
# KDIR=directory names a kernel built by hand, to be used instead.

set -eu -o pipefail

VM_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$VM_DIR/../.." && pwd)
kernel=(debug)
phases=(loopback two-vm)
if [ "${1:-}" = -r ]; then
	kernel=(kcsan debug)
	phases=(loopback)
	shift
fi
copy=$TOP/selftests/build/${kernel[0]}

"$VM_DIR/deps.sh" build vm check debug
export KDIR=${KDIR:-$("$VM_DIR/kbuild.sh" "${kernel[@]}")}
unset KERNEL MAKEFLAGS MFLAGS

mkdir -p "$copy"
rsync -a --delete --exclude=/.git --filter=':- .gitignore' "$TOP/" "$copy/"

# Shadow memory, lists of freed memory, and records of each allocation and each
# lock want room; under emulation every access pays for being looked at.
export VM_DEBUG=1 VM_MEMORY=${VM_MEMORY:-1536M} VM_SLOW=${VM_SLOW:-4}
export VSHM_STEPS=${VSHM_STEPS:-500}
[ $# -gt 0 ] || set -- "${phases[@]}"
exec "$copy/selftests/vm/check.sh" "$@"
