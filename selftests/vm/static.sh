#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# static.sh lint|fuzz...: phases of make check that need neither the modules
# nor a VM.

# shellcheck source=selftests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/vm/report.sh
. "$VM_DIR/report.sh"
# shellcheck source=selftests/vm/check-lint.sh
. "$VM_DIR/check-lint.sh"
# shellcheck source=selftests/vm/check-fuzz.sh
. "$VM_DIR/check-fuzz.sh"

for phase in "$@"; do
	"check_$phase"
done
summary
