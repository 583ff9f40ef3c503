#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kmake.sh ARGUMENT...: runs make on the modules in the tree of a kernel that is
# not installed (kernel.sh --root), with the compiler that is there. This
# directory is /mnt in that tree.

set -eu -o pipefail

VM_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export TOP ROOT
TOP=$(cd "$VM_DIR/../.." && pwd)
ROOT=$("$VM_DIR/kernel.sh" --root)
version=$("$VM_DIR/kernel.sh")

unshare=(unshare --mount)
[ "$(id -u)" = 0 ] || unshare+=(--map-root-user)
# objtool asks /proc how large its stack is
exec env -u MAKEFLAGS -u MFLAGS -u KDIR -u KERNEL "${unshare[@]}" sh -euc '
	mount --rbind /proc "$ROOT/proc"
	mount --rbind /dev "$ROOT/dev"
	mount --bind "$TOP" "$ROOT/mnt"
	exec chroot "$ROOT" "$@"' sh \
	/usr/bin/env -i PATH=/usr/sbin:/usr/bin LC_ALL=C \
	make -C "/usr/src/linux-headers-$version" --no-print-directory \
	-j"$(nproc)" M=/mnt "$@"
