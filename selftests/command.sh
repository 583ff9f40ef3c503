#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The command vshm with real sockets, over CID 1. Prints TAP. Takes root, the
# module vshm loaded, vshm in the PATH, and nobody else who uses the family.

# Whoever runs this may have asked for more: here failures are verdicts.
set +e

if ! command -v vshm >/dev/null; then
	echo "1..0 # SKIP vshm is not in the PATH"
	exit 4
fi

dir=$(mktemp -d)
number=0 failed=0

# ok WHAT: the verdict on the command before
ok()
{
	verdict=$?
	number=$((number + 1))
	if [ $verdict = 0 ]; then
		echo "ok $number - $1"
	else
		echo "not ok $number - $1"
		failed=1
		for file in "$dir"/*.log; do
			sed "s,^,# ${file##*/}: ," "$file"
		done
		vshm socket -p | sed 's/^/# /'
	fi
}

# try COMMAND...: until it succeeds, for 10 seconds
try()
{
	for i in $(seq 100); do
		! "$@" 2>/dev/null || return 0
		sleep 0.1
	done
	return 1
}

# run NAME STDIN COMMAND...: in the background; $NAME is its process ID
run()
{
	name=$1 input=$2
	shift 2
	"$@" <"$input" >"$dir/$name" 2>"$dir/$name.log" &
	eval "$name=$!"
}

# count WORD...: how many sockets fit
count()
{
	vshm socket "$@" | sed 1d | wc -l
}

# counts NUMBER WORD...: do so many sockets fit?
counts()
{
	wanted=$1
	shift
	[ "$(count "$@")" = "$wanted" ]
}

# Is there a server of datagrams, or does it say that it cannot be?
# shellcheck disable=SC2317
known()
{
	counts 1 port 6007 || grep -q "has no such type" "$dir/server.log"
}

# as_nobody COMMAND: its output goes to out.log
as_nobody()
{
	su -s /bin/sh nobody -c "PATH=$PATH $1" </dev/null >"$dir/out.log" 2>&1
}

# a guest has no users yet
if [ ! -e /etc/passwd ]; then
	printf '%s\n' root:x:0:0::/root:/bin/sh nobody:x:65534:65534::/:/bin/sh >/etc/passwd
fi
head -c 3000000 /dev/urandom >"$dir/one"
head -c 2000000 /dev/urandom >"$dir/two"

# run sets the names of what it starts
# shellcheck disable=SC2154,SC2317
{
run server "$dir/two" vshm cat -l -v 6000
vshm cat -W 10 1 6000 <"$dir/one" >"$dir/client" 2>"$dir/client.log" &&
	wait "$server" && cmp "$dir/one" "$dir/server" && cmp "$dir/two" "$dir/client" &&
	grep -q "received 3000000" "$dir/server.log"
ok "cat: both ways at once, each ends for itself"

# the client's standard input stays open while the server's has ended
mkfifo "$dir/fifo"
run server /dev/null vshm cat -l 6001
run client "$dir/fifo" vshm cat -W 10 local:6001
exec 7>"$dir/fifo"
try counts 2 state shutdown port 6001
echo late >&7
exec 7>&-
wait "$client" && wait "$server" && [ "$(cat "$dir/server")" = late ]
ok "cat: one direction goes on when the other is closed"

run server /dev/null vshm cat -l -t seqpacket 6002
vshm cat -W 10 -t seqpacket -s 1000 1 6002 <"$dir/one" 2>"$dir/client.log" &&
	wait "$server" && cmp "$dir/one" "$dir/server"
ok "cat: packets"

run server /dev/null vshm cat -l -k -r -v 6003
try counts 1 port 6003
for i in 1 2 3; do
	echo "line $i" | vshm cat -x 1 6003 2>>"$dir/client.log" || break
done
try grep -q "line 3" "$dir/server"
kill -INT "$server"
wait "$server" && [ "$(cat "$dir/server")" = "line 1
line 2
line 3" ]
ok "cat: one peer after the other, until interrupted"

! vshm cat 1 6004 </dev/null 2>"$dir/client.log" &&
	grep -q "1:6004: Connection refused: nobody listens" "$dir/client.log" &&
	! vshm cat 777 6004 </dev/null 2>"$dir/client.log" &&
	grep -q "777:6004: No route to host: no link" "$dir/client.log"
ok "cat: nobody there, and no link"

run server /dev/null vshm cat -l 6005
try counts 1 port 6005
! vshm cat -l 6005 2>"$dir/client.log" </dev/null &&
	grep -q "6005: Address .*in use: see who has it" "$dir/client.log" &&
	! vshm cat -l 777 6006 2>"$dir/client.log" </dev/null &&
	grep -q "777:6006: .*of no link here" "$dir/client.log"
ok "cat: a port that is taken, a CID that is not here"
kill "$server"
wait "$server"

run server /dev/null vshm cat -l -i 0.3 6006
run client "$dir/fifo" vshm cat -W 10 1 6006
exec 7>"$dir/fifo"
wait "$server"
[ $? = 1 ] && grep -q "nothing moved for 0.3 s" "$dir/server.log"
ok "cat: idle for too long"
exec 7>&-
wait "$client"

run server /dev/null vshm cat -l -t dgram -i 2 6007
try known
if grep -q "has no such type" "$dir/server.log"; then
	number=$((number + 1))
	echo "ok $number - cat: datagrams # SKIP the module has none"
else
	echo "a datagram" | vshm cat -t dgram 1 6007 2>"$dir/client.log"
	wait "$server" && [ "$(cat "$dir/server")" = "a datagram" ]
	ok "cat: datagrams"
	run server /dev/null vshm cat -l -r -t dgram 6007
	try counts 1 port 6007
	echo "one" | vshm cat -x -t dgram 1 6007 2>"$dir/client.log"
	try grep -q one "$dir/server"
	kill -INT "$server"
	wait "$server"
	ok "cat: datagrams, until interrupted"
	run server /dev/null vshm cat -l -r -t dgram 6007
	try counts 1 port 6007
	kill -INT "$server"
	wait "$server"
	ok "cat: datagrams, interrupted before there was one"
fi

run server /dev/null vshm perf -l 6010
run packets /dev/null vshm perf -l -t seqpacket 6011
for mode in send receive rtt connect; do
	vshm perf $mode -W 10 -n 50 -i 0 -P 3 1 6010 >"$dir/out.log" 2>&1 &&
		grep -q "^150 .* in [0-9.]* s" "$dir/out.log"
	ok "perf: $mode, three connections"
done
vshm perf -t seqpacket -W 10 -n 50 1 6011 >"$dir/out.log" 2>&1 &&
	grep -q "^50 messages, 3276800 bytes" "$dir/out.log" &&
	vshm perf rtt -t seqpacket -n 50 -s 1K 1 6011 >"$dir/out.log" 2>&1 &&
	grep -q "^ *MIN_US .*P99_US " "$dir/out.log"
ok "perf: packets"

vshm perf -T 1 -i 0.3 1 6010 >"$dir/out.log" 2>&1 &&
	[ "$(grep -c "^ *[0-9]*\.[0-9] " "$dir/out.log")" -ge 2 ]
ok "perf: progress"

run stopped /dev/null vshm perf -T 60 1 6010
try counts 2 state connected port 6010
kill -INT "$stopped"
wait "$stopped" && grep -q "^send: " "$dir/stopped"
ok "perf: interrupted, it reports what it has"

run silent /dev/null vshm cat -l -r 6012
! vshm perf rtt -W 10 -n 5 -T 1 1 6012 >"$dir/out.log" 2>&1 &&
	grep -q "^vshm: " "$dir/out.log"
ok "perf: a peer that is no vshm perf"
wait "$silent"

kill -INT "$server"
wait "$server"
status=$?
kill -TERM "$packets"
wait "$packets" && [ $status = 0 ]
ok "perf: the server ends with a signal, status 0"

run server /dev/null vshm cat -l -k -r -n 6020
run client "$dir/fifo" vshm cat -W 10 1 6020
exec 7>"$dir/fifo"
try counts 2 state connected port 6020
counts 3 port 6020 && counts 2 l.port 6020 && counts 1 r.port 6020 state connected &&
	counts 2 not state listening port 6020 && counts 3 uid root port 6020 &&
	counts 0 uid 12345 && counts 0 type seqpacket
ok "socket: conditions"

vshm socket -p r.port 6020 >"$dir/out.log" && grep -q "vshm\[$client\]:[0-9]" "$dir/out.log" &&
	vshm socket -p state listening port 6020 >"$dir/out.log" &&
	grep -q "vshm\[$server\]:[0-9]" "$dir/out.log"
ok "socket: the processes that have it"

vshm socket -e port 6020 >"$dir/out.log" &&
	head -n 1 "$dir/out.log" | grep -q "rx.bytes.*tx.ring" &&
	vshm --proc /proc/net socket -e port 6020 | head -n 1 | grep -q rx.bytes
ok "socket: all fields, by sock_diag and from procfs"

vshm stat >"$dir/out.log" && grep -q "1 listening, 2 connected" "$dir/out.log" &&
	vshm stat -e >"$dir/out.log" && grep -q "^3 sockets, 1 listening" "$dir/out.log" &&
	vshm stat 0.1 2 >"$dir/out.log" && [ "$(grep -c TX/S "$dir/out.log")" = 2 ]
ok "stat: sockets and rates"

run events /dev/null vshm monitor socket port 6020
try grep -q TIME "$dir/events"
vshm kill -n r.port 6020 >"$dir/out.log" && grep -q fits "$dir/out.log" &&
	counts 1 r.port 6020 &&
	vshm kill r.port 6020 >"$dir/out.log" 2>&1 && grep -q ended "$dir/out.log"
ok "kill: shows what fits, and ends it"

wait "$client"
[ $? = 1 ] && grep -q "^vshm: receive: .*abort" "$dir/client.log"
ok "kill: the program gets an error"

try grep -qi "disconnected" "$dir/events" && try grep -q "^[0-9:.]* gone " "$dir/events"
ok "monitor: states, and the end"
kill -INT "$events"
exec 7>&-
wait "$events"
ok "monitor: ends with a signal, status 0"

! vshm kill port 6999 >"$dir/out.log" 2>&1 && grep -q "no socket fits" "$dir/out.log"
ok "kill: nothing fits"

run events /dev/null vshm monitor -n 3 -e
try grep -q TIME "$dir/events"
! vshm cat 1 6998 </dev/null 2>/dev/null
wait "$events" && [ "$(sed 1d "$dir/events" | wc -l)" = 3 ] && grep -q "was UNCONNECTED" "$dir/events"
ok "monitor: so many events"

! as_nobody "vshm kill port 6020" && grep -q "not permitted" "$dir/out.log" &&
	grep -q "as root" "$dir/out.log" &&
	! as_nobody "vshm cat -l 80" && grep -q "below 1024 take root" "$dir/out.log" &&
	as_nobody "vshm socket -p port 6020" && grep -q "vshm as root" "$dir/out.log"
ok "others are told what takes root"

kill -INT "$server"
wait "$server"
try counts 0
ok "no socket is left"
}

rm -rf "$dir"
echo "1..$number"
exit $failed
