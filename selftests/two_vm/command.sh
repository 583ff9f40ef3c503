# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The command vshm between two VMs.

test_cat_both_ways()
{
	local sum_a sum_b

	vm A 'head -c 3m /dev/urandom >/tmp/out'
	vm B 'head -c 2m /dev/urandom >/tmp/out
	      background cat sh -c "vshm cat -l -v 5005 </tmp/out >/tmp/in"'
	vm A 'vshm cat -v -W 10 4 5005 </tmp/out >/tmp/in'
	vm B 'join cat 30'
	sum_a=$(vm A 'sha256sum </tmp/out; sha256sum </tmp/in')
	sum_b=$(vm B 'sha256sum </tmp/in; sha256sum </tmp/out')
	vm A 'rm /tmp/in /tmp/out'
	vm B 'rm /tmp/in /tmp/out'
	[ "$sum_a" = "$sum_b" ]
}

test_perf()
{
	local mode

	vm B 'background server vshm perf -l 5201'
	for mode in send receive rtt connect; do
		vm A "vshm perf $mode -j -W 10 -n 100 -P 2 4 5201" >"$RUN/json"
		cat "$RUN/json"
		python3 "$TOP/selftests/vshmd/schema.py" perf <"$RUN/json"
		grep -q '"messages": 200,' "$RUN/json"
	done
	# what was sent is seen by both ends of the link
	vm A 'vshm stat'
	vm B 'signal server INT; join server'
	vm A 'eventually 5 no_sockets'
	vm B 'eventually 5 no_sockets'
}

# The other end of a link goes and comes back.
test_monitor_link()
{
	vm A 'background events vshm monitor -j link
	      sleep 0.5'
	vm B 'unload; load'
	vm A 'eventually 10 grep -q link_up /run/events.out
	      signal events INT; join events' >"$RUN/json"
	cat "$RUN/json"
	python3 "$TOP/selftests/vshmd/schema.py" monitor <"$RUN/json"
	grep -q '"link_down".*"link.peer":4' "$RUN/json"
	grep -q '"link_up".*"link.peer":4.*"link.state":"up"' "$RUN/json"
}

test_kill()
{
	vm B 'background server vshm cat -l -n -r 5006'
	vm A 'mkfifo /tmp/fifo
	      background holder sh -c "exec sleep 1000 >/tmp/fifo"
	      background client sh -c "exec vshm cat -W 10 4 5006 </tmp/fifo"
	      eventually 10 has_sockets 1 state CONNECTED
	      vshm kill cid 4 port 5006 | tee /dev/stderr | grep -q ended
	      signal holder TERM
	      ! join client 10'
	# the peer learns that the connection was reset
	vm B '! join server 10'
	vm A 'eventually 5 no_sockets'
	vm B 'eventually 5 no_sockets'
}
