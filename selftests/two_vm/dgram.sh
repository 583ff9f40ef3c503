# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Datagrams between two VMs, with programs that know nothing of vshm.

# dgram KIND CID PORT: socat addresses for datagrams, which are type 2
dgram()
{
	echo "SOCKET-$1:$VSHM_FAMILY:2:0:$(address "$2" "$3")"
}

# datagrams FROM TO: numbered lines, one in each datagram
datagrams()
{
	local from=$1 to=$2

	vm "$to" "background receive socat -u '$(dgram RECV 4294967295 5003)' OPEN:/tmp/in,creat,trunc
	      eventually 5 has_sockets 1 l.port 5003 state BOUND"
	vm "$from" "for i in \$(seq 200); do
		echo line \$i
		usleep 2000
	done | socat -u -b 100 STDIN '$(dgram SENDTO "${CID[$to]}" 5003)'"
	vm "$to" 'last() { tail -n 1 /tmp/in | grep -qx "line 200"; }
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
	local i

	for i in 1 2 3; do
		vm B "background server socat '$(dgram RECVFROM 4294967295 5004)' SYSTEM:'read word n; echo answer \$n'
		      eventually 5 has_sockets 1 l.port 5004 state BOUND"
		vm A "echo question $i | socat -t 5 - '$(dgram SENDTO "${CID[B]}" 5004)' >/tmp/out &
		      answered() { grep -qx 'answer $i' /tmp/out; }
		      eventually 10 answered"
		vm B 'join server 10'
	done
	vm A 'eventually 10 no_sockets; rm /tmp/out'
}

# Nobody there: silence, and a counter.
test_datagrams_to_nobody()
{
	vm A "echo lost | socat -u STDIN '$(dgram SENDTO "${CID[B]}" 5999)'"
	vm B 'dropped() { awk "NR == 1 { for (i = 1; i <= NF; i++) c[\$i] = i }
			       \$1 == \"region\" { n = \$c[\"drops\"] } END { exit !n }" /proc/net/vshm_links; }
	      eventually 5 dropped'
}

# More than either end has room for, from all directions at once: both kernels
# go on, and so does a file that is sent meanwhile.
test_datagrams_beside_a_file()
{
	local sum

	vm B "background sink socat -u '$(dgram RECV 4294967295 5005)' OPEN:/dev/null
	      background receive socat -u '$(listen 5001)' OPEN:/tmp/in,creat,trunc"
	vm A "head -c 16m /dev/urandom >/tmp/out
	      background flood socat -u -b 1400 /tmp/out '$(dgram SENDTO "${CID[B]}" 5005)'
	      background send socat -u /tmp/out '$(connect "${CID[B]}" 5001)'
	      join flood 60; join send 60"
	vm B 'join receive 60; signal sink TERM; join sink 5 || true'
	sum=$(vm A 'sha256sum </tmp/out; rm /tmp/out')
	[ "$sum" = "$(vm B 'sha256sum </tmp/in; rm /tmp/in')" ]
}
