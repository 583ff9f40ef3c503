# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Two VMs of which one, its module, or vshmd goes away in mid-transfer.

# (socat tells of a reset while it reads only with -d, and then ends with
# status 0.)

# traffic: endless streams both ways; in each VM a sender and a receiver, named
# send and receive, and a second receiver, named held, that is stopped by a
# signal with its sender blocked
traffic()
{
	local name

	for name in A B; do
		vm "$name" 'background receive socat -d -u "$(listen 5003)" /dev/null
			    background held socat -d -u "$(listen 5004)" /dev/null'
	done
	vm A 'background send socat -u /dev/zero "$(connect 4 5003)"
	      background push socat -u /dev/zero "$(connect 4 5004)"'
	vm B 'background send socat -u /dev/zero "$(connect 3 5003)"
	      background push socat -u /dev/zero "$(connect 3 5004)"'
	for name in A B; do
		vm "$name" 'eventually 5 has_sockets 1 l.port 5003 state CONNECTED
			    eventually 5 has_sockets 1 l.port 5004 state CONNECTED
			    signal held STOP'
	done
}

# cut_off VM: every program of traffic in VM learns within 2 s that its peer is
# gone, and the socket of one that does not look shows it
cut_off()
{
	vm "$1" '
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

test_peer_killed()
{
	traffic
	vm_kill B
	cut_off A
}

test_killed_peer_returns()
{
	local boot

	boot=$(vm A 'cat /proc/sys/kernel/random/boot_id')
	traffic
	vm_kill B
	cut_off A
	pair_up
	hello A B
	hello B A
	[ "$(vm A 'cat /proc/sys/kernel/random/boot_id')" = "$boot" ]
}

test_transfer_survives_vshmd()
{
	local sum

	vm A 'head -c 64m /dev/urandom >/tmp/out'
	sum=$(vm A 'sha256sum </tmp/out')
	vm B 'background receive socat -u "$(listen 5001)" OPEN:/tmp/in,creat,trunc'
	vm A 'background send socat -u /tmp/out "$(connect 4 5001)"'
	vm B 'eventually 10 [ -s /tmp/in ]
	      signal receive STOP
	      [ "$(stat -c %s /tmp/in)" -lt 67108864 ]'
	vshmd_kill
	vm B 'signal receive CONT; join receive 30'
	vm A 'join send 30'
	[ "$(vm B 'sha256sum </tmp/in')" = "$sum" ]
	# what is joined stays joined
	hello A B
	hello B A
}

test_vshmd_killed_and_restarted()
{
	vshmd_kill
	pair_up
	hello A B
	hello B A
}

# The region's header is in the reach of both ends. A at one end writes itself
# into it as the host (CID 2), whom B at the other would believe more, and as
# another guest.
test_guest_cannot_become_another()
{
	local set='header_cid()
	{
		for memory in /sys/bus/pci/devices/*; do
			! grep -q 0x1110 "$memory/device" ||
				devmem $(($(sed -n "3s/ .*//p" "$memory/resource") + 32)) 32 "$1"
		done
	}' cid

	vm B 'rmmod vshm_ivshmem'
	vm A "rmmod vshm_ivshmem"
	for cid in 2 5; do
		vm A "$set; header_cid $cid"
		vm B "! insmod /vshm/vshm_ivshmem.ko || ! grep region /proc/net/vshm_links
		      refused() { dmesg | grep 'CID $cid is not at the other end'; }
		      eventually 5 refused
		      rmmod vshm_ivshmem"
	done
	vm A "$set; header_cid 3; insmod /vshm/vshm_ivshmem.ko"
	vm B 'insmod /vshm/vshm_ivshmem.ko'
	hello A B
	hello B A
}

test_module_removed_under_traffic()
{
	traffic
	vm B 'rmmod vshm_ivshmem'
	cut_off A
	cut_off B
	vm B 'insmod /vshm/vshm_ivshmem.ko'
	hello A B
	hello B A
}
