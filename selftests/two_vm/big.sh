# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# 1 GiB each way at once; the guests make the data while they send it.

test_1_gib_both_ways_at_once()
{
	local name sent received

	for name in A B; do
		vm "$name" 'background receive vshm_bulk receive 5001
			    eventually 5 has_sockets 1 l.port 5001 state LISTENING'
	done
	vm A "background send vshm_bulk send 4 5001 $((1 << 30))"
	vm B "background send vshm_bulk send 3 5001 $((1 << 30))"
	for name in A B; do
		sent+=$(vm -t 600 "$name" 'join send 500')
	done
	for name in B A; do
		received+=$(vm "$name" 'join receive 30')
	done
	echo "sent by A and B: $sent, received by B and A: $received"
	[[ $sent == *"$((1 << 30)) bytes"* ]]
	[ "$sent" = "$received" ]
}
