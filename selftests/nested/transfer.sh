# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Between a host (CID 2) and its guests (3 and 4), which all stay up.

# A guest has to make a file with what costs it little.
send_file='{ echo $RANDOM $RANDOM; cat /bin/busybox /bin/socat; } >/tmp/out
'

# exchange ACTIVE PASSIVE: a file each way at once, over two connections that
# ACTIVE makes
exchange()
{
	local active passive
	local finish='{ join send 90; join receive 90; } >&2
		      sha256sum </tmp/$FIRST; sha256sum </tmp/$SECOND; rm /tmp/in /tmp/out'

	on "$2" "$send_file"'
		 background receive socat -u -b 65536 "$(listen 5001)" OPEN:/tmp/in,creat
		 background send socat -u -b 65536 /tmp/out "$(listen 5002)"
		 eventually 5 has_sockets 2 state LISTENING'
	on "$1" "$send_file
		 background receive socat -u -b 65536 \"\$(connect $2 5002)\" OPEN:/tmp/in,creat
		 background send socat -u -b 65536 /tmp/out \"\$(connect $2 5001)\""
	active=$(on "$1" "FIRST=out SECOND=in; $finish")
	passive=$(on "$2" "FIRST=in SECOND=out; $finish")
	echo "out of $1, into $1: $active; into $2, out of $2: $passive"
	[ "$active" = "$passive" ]
}

# What the host has to do with its links, in numbers that grow with use.
host_links()
{
	on 2 'grep region /proc/net/vshm_links'
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
	greet_cid 2 3
	greet_cid 3 2
}

# What an administrator does.
# shellcheck disable=SC2317
test_guest_is_added_and_removed()
{
	on 2 'vshm guest add 5 size 1M
	      vshm guest list | tee /dev/stderr | grep -q "/run/vshm/5"
	      vshm guest args 5 qemu | tee /dev/stderr | grep -qx -- \
		"-chardev socket,id=vshm0,path=/run/vshm/5 -device ivshmem-doorbell,chardev=vshm0,vectors=2"
	      grep -q "2 5 down" /proc/net/vshm_links
	      vshm guest remove 5
	      ! grep -q "2 5" /proc/net/vshm_links
	      [ ! -e /run/vshm/5 ]
	      vshm policy | tee /dev/stderr | grep -q "3 *4 *allow"'
}

test_files_between_host_and_guest()
{
	exchange 2 3
}

test_files_between_guest_and_host()
{
	exchange 4 2
}

test_direct_link_needs_no_host()
{
	local before

	# not even its permission
	before=$(host_links)
	exchange 4 3
	[ "$(host_links)" = "$before" ]
}

test_files_between_guests_through_host()
{
	local before

	direct unbind
	before=$(host_links)
	exchange 3 4
	[ "$(host_links)" != "$before" ]
	on 2 'eventually 5 no_sockets || {
		cat /proc/net/vshm
		exit 1
	}'
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
	on 3 'signal hello TERM; ! join hello 5; eventually 5 no_sockets'
	direct bind
	# while the direct link is no business of the host's
	greet_cid 4 3
}
