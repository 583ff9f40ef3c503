#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check-kernels: on each kernel that is supported, the modules are built
# anew, without a warning, and a part of the tests is run: enough to see that
# the socket calls, the table, two VMs and unloading work there; for arm64, see
# check-arm64.sh. SHORT=1: fewer tests, and not on the machine's own kernel, which
# make check has. KERNELS="..." names other kernels, as KERNEL does. Modules are
# built in a copy of the tree, so that what was built for the machine's own kernel
# stays as it is.

# shellcheck source=selftests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/vm/report.sh
. "$VM_DIR/report.sh"

unset KERNEL KDIR
"$VM_DIR/deps.sh" build vm check
kernels="bookworm-backports trixie-backports"
two_vm='test_both_see_the_link|test_files_both_ways_at_once'
if [ -n "${SHORT:-}" ]; then
	tests="^(socket_api|dgram|table|module.sh|$two_vm)$"
else
	kernels="$("$VM_DIR/kernel.sh") $kernels"
	tests="^(socket_api|scm|seqpacket|poll|table|states|module.sh|unload|$two_vm)$"
fi
# one after the other for a long time, perhaps beside something else
export VM_SLOW=${VM_SLOW:-3} TESTS=${TESTS:-$tests}

# build COPY: fails with a warning, too
build()
{
	env -u MAKEFLAGS -u MFLAGS make -C "$1" -j"$(nproc)" \
		--no-print-directory modules 2>&1 | tee "$RUN/build.log"
	! grep -i warning "$RUN/build.log"
}

# outcome COMMAND...: the result of each test that it runs is one of ours, and
# what failed is shown
outcome()
{
	local status=0

	"$@" >"$RUN/log" 2>&1 </dev/null || status=$?
	sed -nE 's,^(ok|not ok) .*# SKIP.*,skip,p; t; s,^(ok|not ok) .*,\1,p' "$RUN/log" >>"$RUN/results"
	if [ $status != 0 ]; then
		grep -av '^ok ' "$RUN/log" | indent
		# not even a test ran
		grep -q '^not' "$RUN/results" || echo "not ok" >>"$RUN/results"
	fi
}

# try_kernel KERNEL: its tests
try_kernel()
{
	local copy

	# an object that is there is not compiled, and gives no warning
	rm -rf "$TOP/selftests/build/kernel-$1"
	copy=$(tree_copy "kernel-$1")
	attempt "builds without a warning" build "$copy"
	VM_MODULES=$copy outcome "$VM_DIR/check.sh" loopback two-vm
	rm -rf "$copy"
}

# verdict NAME COMMAND...: its tests, in one line with their time
verdict()
{
	local name=$1 begin=$SECONDS word=ok text

	shift
	say "== $name"
	: >"$RUN/results"
	"$@"
	text=$(summary) || word="not ok"
	echo "$word $name: $text ($((SECONDS - begin)) s)"
	cat "$RUN/results" >>"$RUN/all"
}

: >"$RUN/all"
[ -n "${KERNELS:-}" ] || verdict "arm64" outcome "$VM_DIR/check-arm64.sh"
for kernel in ${KERNELS:-$kernels}; do
	export KERNEL=$kernel
	"$VM_DIR/deps.sh" build vm check
	verdict "Linux $("$VM_DIR/kernel.sh")" try_kernel "$kernel"
done
mv "$RUN/all" "$RUN/results"
say "== done"
summary
