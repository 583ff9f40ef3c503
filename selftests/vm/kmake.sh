#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kmake.sh ARGUMENT...: runs make on the modules in the tree of a kernel that is
# not installed (kernel.sh --root), with the compiler that is there.

set -eu -o pipefail

VM_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=selftests/vm/debian.sh
. "$VM_DIR/debian.sh"

in_tree "$("$VM_DIR/kernel.sh" --root)" "$(cd "$VM_DIR/../.." && pwd)" \
	make -C "/usr/src/linux-headers-$("$VM_DIR/kernel.sh")" \
	--no-print-directory -j"$(nproc)" M=/mnt "$@"
