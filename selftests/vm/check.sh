#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check: builds everything and runs the tests.
#
# check.sh PHASE...
#   lint		static checks of everything
#   fuzz		the module and vshmd's parsers, fed by a fuzzer
#   host		vshmd, on this machine
#   loopback	every program of selftests/, in one VM; load and unload
#   two-vm	selftests/two_vm/, between two VMs
#   lifecycle	the parts of loopback and two-vm where ends go and come back
#   big		1 GiB each way at once between two VMs
#   programs	selftests/programs/, programs of the distribution between two VMs
#   tracers	selftests/tracers/, bpftrace, perf and trace-cmd in VM A
#   nested	selftests/nested/, a host and its guests inside a VM
#
# TESTS=REGEX runs only the programs and functions whose name it matches.

# shellcheck source=selftests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/vm/report.sh
. "$VM_DIR/report.sh"

groups=(build vm check)
for group in programs tracers; do
	[[ " $* " != *" $group "* ]] || groups+=("$group")
done
prepare "${groups[@]}"
quietly "$RUN/make.log" "$VM_DIR/kselftest.sh" INSTALL_PATH="$RUN/selftests" install
two_vm=$TOP/selftests/build/two_vm
mkdir -p "$two_vm"
quietly "$RUN/make.log" "$VM_DIR/kselftest.sh" "$two_vm/vshm_bulk" "$two_vm/vshm_hostile"
mapfile -t programs < <("$VM_DIR/kselftest.sh" -s emit_tests | cut -d: -f2)
# vshmd and the kernel it attaches links to
programs=(vshmd_host.sh "${programs[@]}")

# shellcheck source=selftests/vm/initramfs.sh
. "$VM_DIR/initramfs.sh"
# shellcheck source=selftests/vm/vm.sh
. "$VM_DIR/vm.sh"
# shellcheck source=selftests/vm/link.sh
. "$VM_DIR/link.sh"
# shellcheck source=selftests/vm/debug-checks.sh
. "$VM_DIR/debug-checks.sh"
# shellcheck source=selftests/vm/check-lint.sh
. "$VM_DIR/check-lint.sh"
# shellcheck source=selftests/vm/check-fuzz.sh
. "$VM_DIR/check-fuzz.sh"
# shellcheck source=selftests/vm/check-loopback.sh
. "$VM_DIR/check-loopback.sh"
# shellcheck source=selftests/vm/check-two-vm.sh
. "$VM_DIR/check-two-vm.sh"
# shellcheck source=selftests/vm/programs.sh
. "$VM_DIR/programs.sh"
# shellcheck source=selftests/vm/nested.sh
. "$VM_DIR/nested.sh"
# shellcheck source=selftests/vm/check-nested.sh
. "$VM_DIR/check-nested.sh"

# make_files TARGET: below a directory of its own
make_files()
{
	env -u MAKEFLAGS -u MFLAGS make -C "$TOP" --no-print-directory \
		DESTDIR="$RUN/installed" INSTALL_MOD_PATH="$RUN/installed" "$1"
}

# loaded_by ALIAS MODULE: of those that were installed there
loaded_by()
{
	modprobe -d "$RUN/installed" -S "$KERNEL" --show-depends "$1" | tee /dev/stderr |
		tail -n 1 | grep "/$2\.ko"
}

install_and_uninstall()
{
	local root=$RUN/installed file left

	[ -z "$KERNEL_ROOT" ] || {
		echo "Linux $KERNEL is not installed"
		return 4
	}
	make_files install
	for file in usr/local/{sbin/vshmd,bin/vshm,share/man/man8/vshm.8} \
		usr/local/{include/linux/vshm.h,share/pkgconfig/vshm.pc} \
		usr/local/lib/{sysusers.d,tmpfiles.d}/vshm.conf \
		usr/local/lib/systemd/system/vshmd.service \
		usr/local/share/bash-completion/completions/vshm \
		etc/udev/rules.d/60-vshm.rules etc/vshm/vshmd.conf; do
		[ -s "$root/$file" ]
	done
	for file in vshm vshm_host vshm_ivshmem; do
		modinfo -F vermagic "$root/lib/modules/$KERNEL"/*/$file.ko* | grep "^$KERNEL "
	done
	# what is asked for by a socket, by opening /dev/vshm, and for the device
	depmod -b "$root" "$KERNEL"
	loaded_by net-pf-18 vshm
	loaded_by char-major-10-250 vshm_host
	loaded_by pci:v00001AF4d00001110sv00001AF4sd00001100bc05sc00i00 vshm_ivshmem
	# what another program brought, and what was changed
	touch "$root/usr/local/bin/other"
	echo "// of the administrator" >>"$root/etc/vshm/vshmd.conf"
	make_files uninstall
	left=$(cd "$root" && find . ! -type d ! -path './lib/modules/*/modules.*' | sort)
	echo "$left"
	[ "$left" = "./etc/vshm/vshmd.conf
./usr/local/bin/other" ]
}

check_host()
{
	local status=0

	if selected doc; then
		attempt "doc: the state machine is that of kernel/state.c" \
			"$TOP/Documentation/state-machine.py" --check
	fi
	! selected conformance || attempt "conformance: every test that is named is there" \
		"$VM_DIR/conformance.sh"
	! selected install || attempt "install: make uninstall removes what make install wrote" \
		install_and_uninstall
	selected vshmd || return 0
	LIBVIRT_SCHEMAS=$CACHE/unpacked/usr/share/libvirt/schemas timeout 300 python3 "$TOP/selftests/vshmd/test_vshmd.py" \
		"$TOP/userspace/vshmd/vshmd" >"$RUN/out" 2>&1 </dev/null || status=$?
	tap vshmd "$status" "$RUN/out"
}

# not every kernel has PCI or KUnit
modules=()
for module in vshm vshm_host vshm_ivshmem vshm_kunit; do
	[ ! -e "$MODULES/$module.ko" ] || modules+=("vshm/$module.ko=$MODULES/$module.ko")
done
pack tests "${modules[@]}" vshm/selftests="$RUN/selftests" \
	vshm/vshm_bulk="$two_vm/vshm_bulk" vshm/vshm_hostile="$two_vm/vshm_hostile" \
	bin/vshmd="$TOP/userspace/vshmd/vshmd" \
	bin/vshm="$TOP/userspace/vshm/vshm" \
	vshm/programs="$TOP/selftests/programs" \
	vshm/selftests/vshmd_host.sh="$TOP/selftests/vshmd/host.sh"
say "VMs run Linux $KERNEL, accelerated by $ACCEL"
for phase in "$@"; do
	say "== $phase"
	case $phase in
	lint)		check_lint ;;
	fuzz)		check_fuzz ;;
	host)		check_host ;;
	loopback)	check_loopback "${programs[@]}"
			[ -n "${VM_DEBUG:-}" ] || check_as_vsock
			[ -n "${VM_DEBUG:-}" ] || check_counted ;;
	two-vm)		check_two_vm "$TOP"/selftests/two_vm/{transfer,dgram,command,failure,hostile,devices,lifecycle}.sh ;;
	lifecycle)	check_loopback lifecycle
			check_two_vm "$TOP/selftests/two_vm/lifecycle.sh" ;;
	big)		check_two_vm "$TOP/selftests/two_vm/big.sh" ;;
	programs)	check_programs "$TOP"/selftests/programs/*.sh ;;
	tracers)	check_tracers "$TOP"/selftests/tracers/*.sh ;;
	nested)		check_nested "$TOP"/selftests/nested/{transfer,failure}.sh ;;
	*)		die "no phase $phase" ;;
	esac
done
say "== done"
summary
