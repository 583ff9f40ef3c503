#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make demo: sends a file both ways at once over AF_VSHM, with socat as it is.
#
#   FILE=path	which file; default: the kernel that is booted
#   DEMO=two-vm	between two VMs joined by vshmd (default)
#   DEMO=loopback	inside one VM, over CID 1

# shellcheck source=selftests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

case ${DEMO:=two-vm} in
# sender, receiver, the receiver's CID, port
two-vm)		vms=(A B) flows=("A B 4 5001" "B A 3 5002") ;;
loopback)	vms=(A)   flows=("A A 1 5001" "A A 1 5002") ;;
*)		die "DEMO must be two-vm or loopback" ;;
esac

prepare build vm

# shellcheck source=selftests/vm/initramfs.sh
. "$VM_DIR/initramfs.sh"
# shellcheck source=selftests/vm/vm.sh
. "$VM_DIR/vm.sh"
# shellcheck source=selftests/vm/link.sh
. "$VM_DIR/link.sh"

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
	while [ ! -s "/tmp/in.$1" ] && kill -0 $pid; do :; done
	kill -STOP $pid
	stat -c %s "/tmp/in.$1" >"/run/held.$1"
	until [ -e /run/go ]; do sleep 0.01; done
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

# show COMMAND [HEADLINE]: runs COMMAND in every VM
show()
{
	local vm

	for vm in "${vms[@]}"; do
		echo "  VM $vm: ${2:-$1}"
		vm "$vm" "$1" | sed 's/^/    /'
	done
}

say "booting ${#vms[@]} VM(s): Linux $KERNEL, accelerated by $ACCEL"
pack demo vshm/vshm.ko="$TOP/vshm.ko" vshm/vshm_ivshmem.ko="$TOP/vshm_ivshmem.ko" \
	vshm/file="$FILE"
if [ "$DEMO" = two-vm ]; then
	vshmd_start
	for vm in "${vms[@]}"; do link_boot "$vm" "$RUN/demo.cpio"; done
else
	vm_boot A "$RUN/demo.cpio"
fi
for vm in "${vms[@]}"; do
	vm_ready "$vm"
	vm "$vm" load
done

say "sending $FILE ($size bytes) both ways, with $(socat -V | sed -n '2s/ on.*//p')"
for flow in "${flows[@]}"; do
	read -r from to cid port <<<"$flow"
	vm "$to" "$receiver background receive$port receive $port"
	vm "$from" "background send$port socat -u -b 131072 /vshm/file \$(connect $cid $port)"
done
for flow in "${flows[@]}"; do
	read -r _ to _ port <<<"$flow"
	vm "$to" "eventually 20 [ -s /run/held.$port ]" || {
		vm "$to" "cat /run/*.out"
		die "nothing arrived in VM $to"
	}
done
say "in mid-transfer, the receivers held for a moment:"
show "$table table" "/proc/net/vshm, in part"

say "going on"
for vm in "${vms[@]}"; do
	vm "$vm" "touch /run/go"
done
for flow in "${flows[@]}"; do
	read -r from to _ port <<<"$flow"
	vm "$from" "join send$port $VM_TIMEOUT"
	vm "$to" "join receive$port $VM_TIMEOUT"
	held=$(vm "$to" "cat /run/held.$port")
	us=$(vm "$to" "cat /run/us.$port")
	say "VM $from -> VM $to: $(((size - held) / (us + 1))) MB/s, after the pause"
done

say "at the end:"
show "$table table" "/proc/net/vshm, in part"
show "sha256sum /vshm/file /tmp/in.*"

verdict=PASS
sum=$(sha256sum <"$FILE")
for flow in "${flows[@]}"; do
	read -r _ to _ port <<<"$flow"
	[ "$(vm "$to" "sha256sum </tmp/in.$port")" = "$sum" ] || verdict=FAIL
done
for vm in "${vms[@]}"; do
	messages=$(vm_messages "$vm")
	if [ -n "$messages" ]; then
		echo "kernel messages of VM $vm:"
		echo "$messages"
		verdict=FAIL
	fi
done
say "demo $verdict: ${sum%% *} on both sides"
[ $verdict = PASS ]
