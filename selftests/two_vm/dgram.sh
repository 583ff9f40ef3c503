# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Datagrams between two VMs, with programs that know nothing of vshm.

# recvfrom PORT, sendto CID PORT: socat addresses for datagrams (type 2)
dgram_recv()
{
	echo "SOCKET-RECV:$VSHM_FAMILY:2:0:$(address 4294967295 "$1")"
}

dgram_sendto()
{
	echo "SOCKET-SENDTO:$VSHM_FAMILY:2:0:$(address "$1" "$2")"
}

# datagrams FROM TO: numbered lines, one in each datagram
datagrams()
{
	local from=$1 to=$2

	vm "$to" "background receive socat -u '$(dgram_recv 5003)' OPEN:/tmp/in,creat,trunc
	      eventually 5 has_sockets 1 l.port 5003 state BOUND"
	vm "$from" "for i in \$(seq 200); do
		echo line \$i
		usleep 2000
	done | socat -u -b 100 STDIN '$(dgram_sendto "${CID[$to]}" 5003)'"
	vm "$to" 'last() { grep -qx "line 200" /tmp/in; }
	      eventually 10 last
	      signal receive TERM
	      join receive 5 || true
	      seq 200 | sed "s/^/line /" | cmp - /tmp/in
	      rm /tmp/in'
}

test_datagrams_from_a_to_b()
{
	datagrams A B
}

test_datagrams_from_b_to_a()
{
	datagrams B A
}

# The answer goes to whom the question came from.
test_datagrams_answered()
{
	vm B "background server socat '${VSHM_RECVFROM:-$(dgram_recvfrom 5004)}' EXEC:'sed -u s/question/answer/'
	      eventually 5 has_sockets 1 l.port 5004 state BOUND"
	for i in 1 2 3; do
		vm A "echo question $i | socat -T 5 - '$(dgram_sendto "${CID[B]}" 5004)' >/tmp/out
		      grep -qx 'answer $i' /tmp/out"
	done
	vm B 'signal server TERM; join server 5 || true'
}

# Nobody there: silence, and a counter.
test_datagrams_to_nobody()
{
	vm A "echo lost | socat -u STDIN '$(dgram_sendto "${CID[B]}" 5999)'"
	vm B 'dropped() { awk "\$1 == \"region\" { n = \$NF } END { exit !n }" /proc/net/vshm_links; }
	      eventually 5 dropped'
}
