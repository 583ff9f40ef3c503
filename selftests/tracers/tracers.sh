# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The lines of Documentation/inspection.rst for perf, bpftrace and trace-cmd, as
# they stand there, in VM A, while it talks with VM B.

TRACERS='PATH=/usr/bin:$PATH'

# traffic: round trips from A to B, and each way a connection to nobody
traffic()
{
	vm B '[ -s /run/traffic.out ] || {
		background server vshm perf -l 5201
		background traffic sh -c "while :; do
			vshm cat 3 6999 </dev/null
			sleep 0.2
		done"
		eventually 5 [ -s /run/traffic.out ]
	}'
	vm A '[ -s /run/traffic.out ] ||
		background traffic sh -c "while :; do
			vshm perf rtt -W 10 -n 20 -i 0 4 5201
			vshm cat 4 6999 </dev/null
			sleep 0.2
		done"
	      eventually 5 [ -s /run/traffic.out ]'
}

# question WORDS: the command of the line that answers it
question()
{
	awk -v start="    # $1" '
	on && !NF { exit }
	on { print }
	index($0, start) == 1 { on = 1 }' "$TOP/Documentation/inspection.rst"
}

# ask WORDS: starts that command in VM A
ask()
{
	local command

	command=$(question "$1")
	echo "$command"
	[ -n "$command" ]
	traffic
	# no other process between the tracer and the signals that are for it
	vm A "$TRACERS
	      cat >/run/question <<'END_OF_COMMAND'
exec $command
END_OF_COMMAND
	      cd /tmp
	      background ask sh /run/question"
}

# until_shown REGEX...: until the output has a line for each of them. bpftrace
# prints what it has counted when it gets SIGUSR1, which ends others.
until_shown()
{
	local regex conditions=true

	for regex; do
		conditions+=" && grep -Eq '$regex' /run/ask.out"
	done
	vm -t 120 A "shown()
	      {
		! grep -q '^Attaching' /run/ask.out || signal ask USR1
		sleep 1
		$conditions
	      }
	      for try in \$(seq 60); do
		[ ! -s /run/ask.status ] || break
		! shown || break
	      done
	      # bpftrace does not look for signals while it prints
	      ended() { signal ask INT || true; sleep 1; [ -s /run/ask.status ]; }
	      eventually 2 ended
	      join ask 1 | tail -n 40
	      $conditions"
}

test_perf_trace()
{
	ask "who connects to whom"
	until_shown 'vshm_connect.*dst=4:5201 err=0' 'vshm_connect.*dst=4:6999 err=-111'
}

test_bpftrace_waits()
{
	ask "who waits for whom"
	until_shown '^@us\[vshm, [0-9]+, [0-9]+, 0\]:'
}

test_bpftrace_latency()
{
	ask "from wake-up to"
	until_shown '^@us:' '^\[.*\|@'
}

test_bpftrace_sizes()
{
	ask "sizes of what is sent"
	until_shown '^@\[vshm\]:' '^\[64, 128\) +[1-9]'
}

test_perf_stat()
{
	local event

	ask "how often is a doorbell needed"
	vm -t 90 A 'join ask 60' | tee "$RUN/stat"
	for event in send doorbell interrupt; do
		grep -Eq "^ +[1-9][0-9,]* +vshm:vshm_$event" "$RUN/stat"
	done
}

test_trace_cmd()
{
	ask "what is refused or broken"
	vm -t 150 A "$TRACERS
	      eventually 30 grep -q 1 /sys/kernel/tracing/events/vshm/vshm_drop/enable
	      # several connections to nobody, also where each takes seconds
	      sleep 10
	      signal ask INT
	      join ask 60
	      cd /tmp
	      trace-cmd report >report
	      rm trace.dat
	      head -n 40 report
	      grep -q 'vshm_drop:.* why=listener' report
	      grep -q 'vshm_reset:' report"
}
