#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make lint: static checks of everything.

# shellcheck source=selftests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/vm/report.sh
. "$VM_DIR/report.sh"
# shellcheck source=selftests/vm/check-lint.sh
. "$VM_DIR/check-lint.sh"

check_lint
summary
