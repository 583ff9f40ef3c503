# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# One VM: every test program over CID 1, then what unloading leaves behind.

# A program that hangs is ended before the VM as a whole is.
PROGRAM_TIMEOUT=600

loopback_vm()
{
	# of a debug kernel: fault_workers.c makes allocations from these caches fail
	VM_APPEND="slab_nomerge ${VM_DEBUG:+slub_debug=A,vshm_conn,VSHM}
		${VSHM_STEPS:+VSHM_STEPS=$VSHM_STEPS}
		${VSHM_KILLS:+VSHM_KILLS=$VSHM_KILLS}
		${VSHM_SEED:+VSHM_SEED=$VSHM_SEED}" \
		vm_boot A "$RUN/tests.cpio"
	vm_ready A
	vm A load
}

# run_program NAME [LABEL]: reports what a test program says
run_program()
{
	local status=0 label=${2:-$1} seconds=$((PROGRAM_TIMEOUT * VM_LONG))

	say "$label"
	vm_alive A || loopback_vm
	vm -t $((seconds + 20)) A "cd /vshm/selftests
		timeout -k 5 $((seconds * VM_SLOW)) ./$1" >"$RUN/out" 2>&1 || status=$?
	tap "$label" "$status" "$RUN/out"
	splats A "$label"
}

leave_nothing()
{
	vm A "unload
	nothing() { ! grep vshm /proc/slabinfo /proc/vmallocinfo /proc/modules; }
	eventually 5 nothing"
}

# Load, use and unload again and again: free memory may not shrink by more than
# its noise, which is below 1 MiB; the rings of 20 connections are more. The lists
# that each CPU has of free pages count as well: newer kernels keep many there.
give_memory_back()
{
	if [ -n "${VM_DEBUG:-}" ]; then
		echo "what a debug kernel remembers grows all the time"
		return 4
	fi
	vm -t 300 A '
	cycle()
	{
		load
		background server vshm_stress server --port 6000
		eventually 5 has_sockets 1 l.port 6000
		vshm_stress client --cid 1 --port 6000 --parallel 20
		signal server TERM
		join server 5
		unload
	}
	free()
	{
		echo 3 >/proc/sys/vm/drop_caches
		sleep 0.5
		awk "/^MemFree/ { free = \$2 } \$1 == \"count:\" { pages += \$2 }
		     END { print free + 4 * pages }" /proc/meminfo /proc/zoneinfo
	}
	for i in 1 2 3; do cycle; done
	before=$(free)
	for i in $(seq 20); do cycle; done
	lost=$((before - $(free)))
	echo "20 cycles took $lost kB"
	[ $lost -lt 2048 ]'
}

# What vshm prints as JSON, of real sockets, against its schemas.
json_fits()
{
	local name

	vm A '
	cd /tmp
	background monitor vshm monitor -j socket port 6020
	background server vshm cat -l -k -r -n 6020
	background perf vshm perf -l 6021
	mkfifo fifo
	background holder sh -c "exec sleep 1000 >fifo"
	background client sh -c "exec vshm cat -W 5 1 6020 <fifo"
	eventually 5 has_sockets 2 state CONNECTED
	vshm -j socket -p port 6020 >json.socket
	vshm -j link >json.link
	vshm -j stat >json.stat
	vshm -j stat 0.2 2 >>json.stat
	for mode in send receive rtt connect; do
		vshm -j perf $mode -W 5 -T 0.5 -i 0.2 -P 2 1 6021
	done >json.perf
	vshm -j kill r.port 6020 >json.kill
	signal server INT
	signal perf INT
	join server
	join perf
	signal monitor INT
	join monitor >json.monitor'
	for name in socket link stat perf kill monitor; do
		echo "$name:"
		vm A "cat /tmp/json.$name" >"$RUN/json"
		cat "$RUN/json"
		python3 "$TOP/selftests/vshmd/schema.py" "$name" <"$RUN/json"
	done
	vm A 'signal holder TERM; eventually 5 no_sockets'
}

# run_again LABEL PROGRAM...: those of them that the developer wants, in a VM of
# their own
run_again()
{
	local label=$1 chosen=() program

	shift
	for program in "$@"; do
		! selected "$label $program" || chosen+=("$program")
	done
	[ ${#chosen[@]} -gt 0 ] || return 0

	loopback_vm
	for program in "${chosen[@]}"; do
		run_program "$program" "$label $program"
	done
	[ -n "${VM_DEBUG:-}" ] || quiet_kernel A "loopback, $label"
	vm_kill A
}

# With the module in the place of AF_VSOCK: short programs, of all that is different
# then.
check_as_vsock()
{
	local VSHM_FAMILY=40

	run_again as-vsock socket_api connect seqpacket link forward options netns uring
}

# Where time is counted in instructions, nobody but the guest can be late.
check_counted()
{
	local ACCEL=icount

	run_again counted socket_api hostile
}

# check_loopback PROGRAM...
check_loopback()
{
	local chosen=() program

	for program in "$@" unload; do
		! selected "$program" || chosen+=("$program")
	done
	[ ${#chosen[@]} -gt 0 ] || return 0

	loopback_vm
	for program in "${chosen[@]}"; do
		if [ "$program" != unload ]; then
			run_program "$program"
			[ "$program" != command.sh ] ||
				attempt "vshm: JSON fits its schemas" json_fits
		else
			attempt "unload: nothing is left" leave_nothing
			attempt "unload: memory comes back" give_memory_back
		fi
	done
	watchers A loopback
	# splats have been looked for after each program
	[ -n "${VM_DEBUG:-}" ] || quiet_kernel A loopback
	vm_kill A
}
