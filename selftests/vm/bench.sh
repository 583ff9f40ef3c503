#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make bench: runs selftests/bench/vshm_bench with one guest instruction as one
# nanosecond of guest time, so that its figures are instruction counts that two
# runs agree on. BENCH="ARGUMENTS" goes to the program; ACCEL=kvm or tcg
# measures time instead.

# shellcheck source=selftests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

"$VM_DIR/deps.sh" build vm check
bench=$TOP/selftests/build/bench/vshm_bench
quietly "$RUN/make.log" "$VM_DIR/kselftest.sh" "$bench"
ACCEL=${ACCEL:-icount} "$VM_DIR/run-vm.sh" -t 900 \
	-f "vshm/vshm_bench=$bench" \
	"modprobe vsock_loopback; vshm_bench ${BENCH:-}"
