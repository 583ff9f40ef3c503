# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Between a host (CID 2) and its guests (3 and 4), which all stay up.

# hello FROM TO: one short message, as tests use it for "there is a way"
hello()
{
	on "$2" 'background hello socat -u "$(listen 4000)" STDOUT
		 eventually 5 has_sockets 1 l.port 4000'
	on "$1" "echo hello from $1 | socat -u STDIN \$(connect $2 4000)"
	on "$2" 'join hello 10' | tee /dev/stderr | grep -qx "hello from $1"
}

# exchange ACTIVE PASSIVE BYTES [COMMAND]: a file each way at once, over two
# connections that ACTIVE makes; COMMAND is run while they are there
exchange()
{
	local side sum_active sum_passive

	for side in "$1" "$2"; do
		on "$side" "head -c $3 /dev/urandom >/tmp/out; rm -f /tmp/in"
	done
	on "$2" 'background receive socat -u -b 65536 "$(listen 5001)" OPEN:/tmp/in,creat
		 background send socat -u -b 65536 /tmp/out "$(listen 5002)"
		 eventually 5 has_sockets 1 l.port 5001
		 eventually 5 has_sockets 1 l.port 5002'
	on "$1" "background receive socat -u -b 65536 \"\$(connect $2 5002)\" OPEN:/tmp/in,creat
		 background send socat -u -b 65536 /tmp/out \"\$(connect $2 5001)\""
	[ $# -lt 4 ] || "$4"
	for side in "$1" "$2"; do
		on "$side" 'join send 60; join receive 60'
	done
	sum_active=$(on "$1" 'sha256sum </tmp/out; sha256sum </tmp/in')
	sum_passive=$(on "$2" 'sha256sum </tmp/in; sha256sum </tmp/out')
	for side in "$1" "$2"; do
		on "$side" 'rm /tmp/in /tmp/out'
	done
	echo "out of $1, into $1: $sum_active; into $2, out of $2: $sum_passive"
	[ "$sum_active" = "$sum_passive" ]
}

# direct bind|unbind: the direct link of the guests, which is the device in slot
# 5 of each. Without it they reach each other through the host.
direct()
{
	local cid state=up

	for cid in 3 4; do
		on "$cid" "echo 0000:00:05.0 >/sys/bus/pci/drivers/vshm_ivshmem/$1"
	done
	if [ "$1" = bind ]; then
		for cid in 3 4; do
			on "$cid" "eventually 5 grep -q '$cid $((7 - cid)) up' /proc/net/vshm_links"
		done
	fi
}

# A connection that the host forwards is two sockets there, without a program.
forwarded()
{
	on 2 'eventually 10 has_sockets 4 state CONNECTED'
}

not_forwarded()
{
	on 2 no_sockets
}

test_host_and_guests_see_their_links()
{
	local cid

	on 2 'cat /proc/net/vshm_links
	      grep -q "2 3 up" /proc/net/vshm_links
	      grep -q "2 4 up" /proc/net/vshm_links'
	for cid in 3 4; do
		on "$cid" "cat /proc/net/vshm_links
			   grep -q '$cid 2 up' /proc/net/vshm_links
			   grep -q '$cid $((7 - cid)) up' /proc/net/vshm_links"
	done
	hello 2 3
	hello 3 2
	hello 2 4
	hello 4 2
}

test_files_between_host_and_guest()
{
	exchange 2 3 8m
}

test_files_between_guest_and_host()
{
	exchange 4 2 8m
}

test_direct_link_needs_no_host()
{
	# not even its permission
	exchange 4 3 4m not_forwarded
}

test_files_between_guests_through_host()
{
	direct unbind
	exchange 3 4 4m forwarded
	on 2 'eventually 5 no_sockets'
	direct bind
}

test_host_denies_what_it_was_not_told_to_allow()
{
	direct unbind
	on 3 'background hello socat -u "$(listen 4000)" STDOUT
	      eventually 5 has_sockets 1 l.port 4000'
	on 4 'address=$(connect 3 4000)
	      ! socat -u STDIN "${address%%,*}" 2>/run/error
	      cat /run/error
	      grep -q "Permission denied" /run/error'
	on 3 'signal hello TERM; ! join hello 5; no_sockets'
	direct bind
	# while the direct link is no business of the host's
	hello 4 3
}
