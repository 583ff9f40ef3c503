# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A guest whose QEMU is killed in mid-transfer, and what is left in the end.

# (socat tells of a reset while it reads only with -d, and then ends with
# status 0.)

# streams: endless streams both ways between the host and guest 4; in the host a
# sender and a receiver, named send and receive, and a second pair, named push
# and held, whose receivers do not read. The guest's programs start last, since
# with them it has little time for anything else.
streams()
{
	on 4 'background receive socat -u "$(listen 5003)" /dev/null
	      background held socat -u "$(listen 5004)" /dev/null
	      eventually 5 has_sockets 1 l.port 5003 state LISTENING
	      eventually 5 has_sockets 1 l.port 5004 state LISTENING
	      signal held STOP'
	on 2 'background receive socat -d -u "$(listen 5003)" /dev/null
	      background held socat -d -u "$(listen 5004)" /dev/null
	      background push socat -u /dev/zero "$(connect 4 5004)"
	      eventually 5 has_sockets 1 r.port 5004 state CONNECTED'
	on 4 'background push socat -u /dev/zero "$(connect 2 5004)"
	      background send socat -u /dev/zero "$(connect 2 5003)"'
	on 2 'background send socat -u /dev/zero "$(connect 4 5003)"
	      eventually 60 has_sockets 1 l.port 5003 state CONNECTED
	      eventually 60 has_sockets 1 l.port 5004 state CONNECTED
	      eventually 60 has_sockets 1 r.port 5003 state CONNECTED
	      signal held STOP'
}

# all_reset COMMAND: host script that runs COMMAND, and then sees every program of
# streams in the host learn within 2 s that its peer is gone, and no connection
# left that it forwarded
all_reset()
{
	echo "$1"'
	eventually 2 has_sockets 1 l.port 5004 state DISCONNECTED || {
		cat /proc/net/vshm
		exit 1
	}
	signal held CONT
	for program in send push receive held; do
		eventually 2 grep "Connection reset by peer" /run/$program.out
		join $program 2 || true
	done
	eventually 5 no_sockets'
}

# forwarded: a stream from guest 3 to guest 4 through the host, whose receiver
# does not read
forwarded()
{
	on 4 'background forwarded socat -u "$(listen 5005)" /dev/null
	      eventually 5 has_sockets 1 l.port 5005 state LISTENING
	      signal forwarded STOP'
	on 3 'background send socat -u /dev/zero "$(connect 4 5005)"'
	on 2 'eventually 60 has_sockets 2 state CONNECTED'
}

# The host talks to the guest that is killed, and so does another guest through
# the host. (One guest for both, since it takes long to start again.)
test_guest_killed()
{
	direct unbind
	forwarded
	streams
	on 2 "$(all_reset 'guest_kill 4')"
	on 3 'eventually 2 grep "Connection reset by peer" /run/send.out
	      join send 2 || true
	      eventually 5 no_sockets'
}

# Over both of its links
test_killed_guest_returns()
{
	greet_cid 2 4
	direct bind
	greet_cid 4 3
}

test_nothing_is_left()
{
	local cid

	for cid in 3 4 2; do
		# column 10 is what connections have of the link's memory
		on "$cid" 'cat /proc/net/vshm_links
			   eventually 5 no_sockets
			   awk "NR > 1 && \$10 { exit 1 }" /proc/net/vshm_links'
	done
	for cid in 3 4; do
		on "$cid" 'unload; ! grep vshm /proc/modules'
		on 2 "guest_kill $cid"
	done
	on 2 'vshmd_stop; unload
	      nothing() { ! grep vshm /proc/slabinfo /proc/vmallocinfo /proc/modules; }
	      eventually 5 nothing
	      [ ! -e /run/vshm/3 ]'
	vm_kill H
}
