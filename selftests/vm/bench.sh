#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make bench: AF_VSHM beside its neighbours, measured by selftests/bench. Each of
# the MODES writes results/MODE.txt, .json and .svg:
#
#   counts	one VM, one CPU, one guest instruction is one nanosecond of the
#		guest's time: figures are instruction counts, the best of ROUNDS
#   smp		one VM, two CPUs, client and server each on its own: ordinary time,
#		medians of ROUNDS runs
#   two-vm	two VMs: AF_VSHM over a direct link, TCP over virtio-net; the same
#   host	a host, which is a VM itself, and its guest: AF_VSHM, AF_VSOCK over
#		vhost-vsock, TCP over vhost-net; the same
#   uml		not emulated: a kernel that is a process of this machine, two CPUs,
#		bulk only, because system calls are slow there; the same
#
# The kernels for the last two are built first, once.
#
# BENCH="ARGUMENTS" goes to the program in every mode.

# shellcheck source=selftests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

MODES=${MODES:-counts smp two-vm host uml}
ROUNDS=${ROUNDS:-3}
RESULTS=${RESULTS:-$TOP/results}
export VM_MEMORY=${VM_MEMORY:-1G}

prepare build vm check bench
bench=$TOP/selftests/build/bench/vshm_bench
quietly "$RUN/make.log" "$VM_DIR/kselftest.sh" "$bench"
mkdir -p "$RESULTS"

# shellcheck source=selftests/vm/initramfs.sh
. "$VM_DIR/initramfs.sh"
# shellcheck source=selftests/vm/uml.sh
. "$VM_DIR/uml.sh"

# keep NAME VM: takes the guest's JSON and data to the results, and draws them
keep()
{
	vm "$2" 'cat /tmp/json' >"$RESULTS/$1.json"
	vm "$2" 'cat /tmp/data' >"$RESULTS/$1.dat"
	! grep -Eq '^[0-9]+ .*[0-9]' "$RESULTS/$1.dat" || gnuplot -e "data='$RESULTS/$1.dat'; name='$1'" \
		"$TOP/selftests/bench/plot.gp" >"$RESULTS/$1.svg"
	rm "$RESULTS/$1.dat"
	say "results: $RESULTS/$1.txt, .json, .svg"
}

# measure MODE VM ARGUMENT...: one run or several, and their medians
measure()
{
	local mode=$1 name=$2

	shift 2
	vm -t 3600 "$name" "vshm_bench --rounds $ROUNDS $* ${BENCH:-} \
		--json /tmp/json --data /tmp/data" | tee "$RESULTS/$mode.txt"
	keep "$mode" "$name"
}

one_vm()
{
	[ -z "$2" ] || ACCEL=$2
	# shellcheck source=selftests/vm/vm.sh
	. "$VM_DIR/vm.sh"
	vm_boot A "$RUN/bench.cpio"
	vm_ready A
	vm A 'load; modprobe vsock_loopback || :'
	shift 2
	measure "$mode" A "$@"
	vm_kill A
}

two_vms()
{
	local name role=on

	# shellcheck source=selftests/vm/vm.sh
	. "$VM_DIR/vm.sh"
	# shellcheck source=selftests/vm/link.sh
	. "$VM_DIR/link.sh"
	LINK_SIZE=256M
	vshmd_start
	for name in A B; do
		link_boot "$name" "$RUN/bench.cpio" -- \
			-netdev "stream,id=net,server=$role,addr.type=unix,addr.path=$RUN/net" \
			-device virtio-net-pci,netdev=net
		role=off
		eventually 5 [ -S "$RUN/net" ]
	done
	for name in A B; do
		vm_ready "$name"
		vm "$name" "load; modprobe -a virtio_pci virtio_net
			    ip addr add 192.0.2.${CID[$name]}/24 dev eth0
			    ip link set eth0 up"
	done
	vm A "eventually 10 grep -q ' up ' /proc/net/vshm_links"
	vm B 'background server vshm_bench --serve --only vshm,tcp --ip 192.0.2.4
	      eventually 10 grep -q LISTENING /proc/net/vshm
	      eventually 10 grep -q :1B58 /proc/net/tcp'
	vm A 'eventually 10 ping -c 1 -W 1 192.0.2.4 >/dev/null'
	measure two-vm A --only vshm,tcp --cid 4 --ip 192.0.2.4 \
		--tests stream,duplex,latency,connect --growth 1,2000
	vm_kill A
	vm_kill B
}

# All that is emulated here is emulated twice in the guest, so less is moved.
host_and_guest()
{
	# shellcheck source=selftests/vm/vm.sh
	. "$VM_DIR/vm.sh"
	# shellcheck source=selftests/vm/nested.sh
	. "$VM_DIR/nested.sh"
	NESTED_KERNEL=bench
	NESTED_DEVICES="-device vhost-vsock-pci,guest-cid=3
		-netdev tap,id=net,ifname=tap0,script=no,downscript=no,vhost=on
		-device virtio-net-pci,netdev=net,romfile="
	NESTED_DEVICES=${NESTED_DEVICES//[[:space:]]/ }
	nested_pack vshm/vshm_bench="$bench"
	nested_up
	vm H 'modprobe -a vhost_vsock vhost_net tun'
	nested_up 3
	on 2 'ip addr add 192.0.2.2/24 dev tap0; ip link set tap0 up'
	on 3 'ip addr add 192.0.2.3/24 dev eth0; ip link set eth0 up
	      background server vshm_bench --serve --only vshm,vsock,tcp --ip 192.0.2.3
	      eventually 20 has_sockets 1 state LISTENING
	      eventually 20 grep -q :1B58 /proc/net/tcp'
	measure host H --only vshm,vsock,tcp --cid 3 --ip 192.0.2.3 --scale 0.05 \
		--tests stream,latency,connect
	vm_kill H
}

# In a copy of the tree, with modules for that kernel, this is called again.
in_uml()
{
	local kdir

	"$VM_DIR/deps.sh" debug
	kdir=$("$VM_DIR/kbuild.sh" uml)
	KDIR=$kdir MODES=uml RESULTS=$RESULTS ROUNDS=$ROUNDS \
		"$(tree_copy uml)/selftests/vm/bench.sh"
}

# not every kernel has PCI
modules=()
for module in vshm vshm_host vshm_ivshmem; do
	[ ! -e "$TOP/$module.ko" ] || modules+=("vshm/$module.ko=$TOP/$module.ko")
done
pack bench "${modules[@]}" vshm/vshm_bench="$bench"
for mode in $MODES; do
	say "== $mode"
	case $mode in
	counts)	(one_vm "$mode" icount --best --growth 1,100,1000,10000 --bound 100000) ;;
	smp)	(one_vm "$mode" "" --pin --pairs 2 --busy-poll 1000 \
			--tests stream,duplex,parallel,latency,connect) ;;
	two-vm)	(two_vms) ;;
	uml)	if uml_kernel "${KDIR:-}"; then
			(one_vm "$mode" "" --pin --tests stream --scale 10 \
				--only vshm,vshm-seqpacket,unix,tcp,pipe,two-copies \
				--sizes 4096,16384,65536,262144)
		else
			(in_uml)
		fi ;;
	host)	(host_and_guest) ;;
	*)	die "MODES: $mode is none of counts, smp, two-vm, host, uml" ;;
	esac
done
