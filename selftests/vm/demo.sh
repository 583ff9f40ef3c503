#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make demo: sends a file both ways at once over AF_VSHM, with socat as it is.
#
#   FILE=path	which file; default: the kernel that is booted
#   DEMO=two-vm	between two VMs joined by vshmd (default)
#   DEMO=loopback	inside one VM, over CID 1
#   DEMO=host	between a host and its guest, both inside a VM; takes minutes

# shellcheck source=selftests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

case ${DEMO:=two-vm} in
# sender, receiver, the receiver's CID, port; host and guest are named by CID
two-vm)		vms=(A B) flows=("A B 4 5001" "B A 3 5002") ;;
loopback)	vms=(A)   flows=("A A 1 5001" "A A 1 5002") ;;
host)		vms=(2 3) flows=("2 3 3 5001" "3 2 2 5002") ;;
*)		die "DEMO must be two-vm, loopback or host" ;;
esac

prepare build vm

# shellcheck source=selftests/vm/initramfs.sh
. "$VM_DIR/initramfs.sh"
# shellcheck source=selftests/vm/vm.sh
. "$VM_DIR/vm.sh"
# shellcheck source=selftests/vm/link.sh
. "$VM_DIR/link.sh"
# shellcheck source=selftests/vm/nested.sh
. "$VM_DIR/nested.sh"

FILE=${FILE:-/boot/vmlinuz-$KERNEL}
[ -r "$FILE" ] || die "cannot read $FILE"
size=$(stat -L -c %s "$FILE")
# in the archive, unpacked, and two copies received
VM_MEMORY=$((512 + size * 6 / 1000000))M
VM_TIMEOUT=$((60 + size / 1000000))

# Receives into a file, but holds still after the first bytes until told to go,
# so that the state in mid-transfer can be looked at. Leaves the bytes it had
# by then and the microseconds that the rest took.
receiver='
receive()
{
	socat -u -b 131072 "$(listen "$1")" "OPEN:/tmp/in.$1,creat" &
	pid=$!
	while [ ! -s "/tmp/in.$1" ] && kill -0 $pid; do $NAP; done
	kill -STOP $pid
	stat -c %s "/tmp/in.$1" >"/run/held.$1"
	until [ -e /run/go ]; do sleep 0.2; done
	start=$EPOCHREALTIME
	kill -CONT $pid
	wait $pid
	end=$EPOCHREALTIME
	echo $((${end%.*}${end#*.} - ${start%.*}${start#*.})) >"/run/us.$1"
}
'

# Prints the columns of the socket table that a transfer changes or that tell
# its ends, one line a socket; the whole table is too wide to read.
table='
table()
{
	awk "NR == 1 { for (i = 1; i <= NF; i++) column[\$i] = i }
	{
		printf \"%-12s %-8s\", \$column[\"state\"], \$column[\"activity\"]
		n = split(\"l.cid l.port r.cid r.port sendq recvq tx.bytes rx.bytes\", name)
		for (i = 1; i <= n; i++) printf \" %10s\", \$column[name[i]]
		print \"\"
	}" /proc/net/vshm
}
'

# run VM COMMAND
run()
{
	if [ "$DEMO" = host ]; then
		on "$@"
	else
		vm "$@"
	fi
}

messages()
{
	if [ "$DEMO" = host ]; then
		nested_messages "$1"
	else
		vm_messages "$1"
	fi
}

# called VM: what to call it
called()
{
	case $1 in
	2)	echo "the host" ;;
	3)	echo "guest 3" ;;
	*)	echo "VM $1" ;;
	esac
}

# show COMMAND [HEADLINE]: runs COMMAND in every VM
show()
{
	local vm

	for vm in "${vms[@]}"; do
		echo "  $(called "$vm"): ${2:-$1}"
		run "$vm" "$1" | sed 's/^/    /'
	done
}

nap=:
case $DEMO in
host)
	[ "$size" -lt 20000000 ] || die "$FILE is too large for DEMO=host"
	# a guest that spins would do nothing else
	nap="sleep 0.2"
	nested_pack vshm/file="$FILE"
	say "booting a host, Linux $KERNEL, accelerated by $ACCEL, and a guest in it"
	nested_up 3
	;;
*)
	say "booting ${#vms[@]} VM(s): Linux $KERNEL, accelerated by $ACCEL"
	pack demo vshm/vshm.ko="$TOP/vshm.ko" \
		vshm/vshm_ivshmem.ko="$TOP/vshm_ivshmem.ko" vshm/file="$FILE"
	[ "$DEMO" = loopback ] || vshmd_start
	for vm in "${vms[@]}"; do
		if [ "$DEMO" = loopback ]; then
			vm_boot "$vm" "$RUN/demo.cpio"
		else
			link_boot "$vm" "$RUN/demo.cpio"
		fi
	done
	for vm in "${vms[@]}"; do
		vm_ready "$vm"
		vm "$vm" load
	done
	;;
esac

say "sending $FILE ($size bytes) both ways, with $(socat -V | sed -n '2s/ on.*//p')"
for flow in "${flows[@]}"; do
	read -r _ to _ port <<<"$flow"
	run "$to" "$receiver NAP='$nap' background receive$port receive $port"
done
# a guest within a VM takes longer to start a program than a sender tries
for flow in "${flows[@]}"; do
	read -r _ to _ port <<<"$flow"
	run "$to" "eventually 20 has_sockets 1 l.port $port state LISTENING"
done
for flow in "${flows[@]}"; do
	read -r from _ cid port <<<"$flow"
	run "$from" "background send$port socat -u -b 131072 /vshm/file \$(connect $cid $port)"
done
for flow in "${flows[@]}"; do
	read -r _ to _ port <<<"$flow"
	run "$to" "eventually 20 [ -s /run/held.$port ]" || {
		run "$to" "cat /run/*.out"
		die "nothing arrived in $(called "$to")"
	}
done
say "in mid-transfer, the receivers held for a moment:"
show "$table table" "/proc/net/vshm, in part"

say "going on"
for vm in "${vms[@]}"; do
	run "$vm" "touch /run/go"
done
for flow in "${flows[@]}"; do
	read -r from to _ port <<<"$flow"
	run "$from" "join send$port $VM_TIMEOUT"
	run "$to" "join receive$port $VM_TIMEOUT"
	held=$(run "$to" "cat /run/held.$port")
	us=$(run "$to" "cat /run/us.$port")
	say "$(called "$from") -> $(called "$to"): $(((size - held) / (us + 1))) MB/s, after the pause"
done

say "at the end:"
show "$table table" "/proc/net/vshm, in part"
show "sha256sum /vshm/file /tmp/in.*"

verdict=PASS
sum=$(sha256sum <"$FILE")
for flow in "${flows[@]}"; do
	read -r _ to _ port <<<"$flow"
	[ "$(run "$to" "sha256sum </tmp/in.$port")" = "$sum" ] || verdict=FAIL
done
for vm in "${vms[@]}"; do
	complaints=$(messages "$vm")
	if [ -n "$complaints" ]; then
		echo "kernel messages of $(called "$vm"):"
		echo "$complaints"
		verdict=FAIL
	fi
done
say "demo $verdict: ${sum%% *} on both sides"
[ $verdict = PASS ]
