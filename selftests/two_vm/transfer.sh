# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Two VMs that stay up. Ports 5001 and 5002 lead to VM B and to VM A.

test_both_see_the_link()
{
	local name

	for name in A B; do
		vm "$name" 'cat /sys/bus/pci/drivers/vshm_ivshmem/*/device'
	done
	hello A B
	hello B A
}

test_files_both_ways_at_once()
{
	local sum_a sum_b

	vm A 'head -c 32m /dev/urandom >/tmp/out
	      background receive socat -u "$(listen 5002)" OPEN:/tmp/in,creat,trunc'
	vm B 'head -c 32m /dev/urandom >/tmp/out
	      background receive socat -u "$(listen 5001)" OPEN:/tmp/in,creat,trunc'
	vm A 'background send socat -u /tmp/out "$(connect 4 5001)"'
	vm B 'background send socat -u /tmp/out "$(connect 3 5002)"'
	vm A 'join send 60; join receive 60'
	vm B 'join send 60; join receive 60'
	sum_a=$(vm A 'sha256sum </tmp/out; sha256sum </tmp/in')
	sum_b=$(vm B 'sha256sum </tmp/in; sha256sum </tmp/out')
	vm A 'rm /tmp/in /tmp/out'
	vm B 'rm /tmp/in /tmp/out'
	echo "out of A, into A: $sum_a; into B, out of B: $sum_b"
	[ "$sum_a" = "$sum_b" ]
}

# stress ARGUMENTS: the client in A, the echo server in B
stress()
{
	vm B 'background server vshm_stress server --port 6000
	      eventually 5 has_sockets 1 l.port 6000 state LISTENING'
	vm -t 200 A "vshm_stress client --cid 4 --port 6000 $*"
	vm B 'signal server TERM; join server 10'
	# both tables are empty again
	vm A 'eventually 5 no_sockets'
	vm B 'eventually 5 no_sockets'
}

test_1000_connections_in_turn()
{
	stress --sequential 1000
}

test_200_connections_at_once()
{
	stress --parallel 200
}
