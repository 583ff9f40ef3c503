# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A guest that spoils the memory of its link through the device, while its own
# driver uses it and without: VM A. VM B is to notice at that link, and nowhere
# else.

HOSTILE_STEPS=${VSHM_STEPS:-5000}
HOSTILE_SEED=${VSHM_SEED:-$RANDOM}

# A stream inside of B, whose sums are compared
bystander()
{
	vm B 'background receive vshm_bulk receive 5001
	      eventually 5 has_sockets 1 l.port 5001 state LISTENING
	      background send vshm_bulk send 1 5001 '$((64 << 20))
}

bystander_unharmed()
{
	vm -t 150 B 'join send 120 >/tmp/sum; join receive 20 >/tmp/sum.in; cat /tmp/sum /tmp/sum.in
	      cmp /tmp/sum /tmp/sum.in'
}

# spoil NAME...: who begins connections meanwhile
spoil()
{
	local name

	bystander
	vm B 'background server vshm cat -l -k -r -n 5005'
	vm A '! lsmod | grep -q vshm_ivshmem || background server vshm cat -l -k -r -n 5005'
	for name in "$@"; do
		vm "$name" 'talk()
		{
			while :; do
				head -c 50000 /dev/zero | vshm cat -W 1 '$((7 - ${CID[$name]}))' 5005 || :
			done
		}
		background talk talk'
	done
	echo "VSHM_SEED=$HOSTILE_SEED"
	vm -t 200 A "vshm_hostile 3 4 5005 $HOSTILE_SEED $HOSTILE_STEPS"
	for name in "$@"; do
		vm "$name" 'signal talk TERM; join talk 10 || :'
	done
	bystander_unharmed
}

# Both ends begin anew, and all is well.
recovered()
{
	local name

	for name in A B; do
		vm "$name" '! lsmod | grep -q vshm_ivshmem || rmmod vshm_ivshmem'
	done
	for name in A B; do
		vm "$name" 'insmod /vshm/vshm_ivshmem.ko'
	done
	for name in A B; do
		vm "$name" 'eventually 10 grep -q "^region.* up " /proc/net/vshm_links
			    [ ! -e /run/server.pid ] || {
				signal server INT
				join server 10 || :
				rm /run/server.pid
			    }
			    eventually 10 no_sockets'
	done
	hello A B
	hello B A
}

test_memory_spoiled_beside_the_driver()
{
	spoil A B
	# it did harm to somebody
	vm B 'cat /proc/net/vshm_links
	      awk '\''NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i }
		    $1 == "region" { n = $column["violations"] }
		    END { exit !n }'\'' /proc/net/vshm_links'
	recovered
}

test_memory_spoiled_without_a_driver()
{
	vm A 'rmmod vshm_ivshmem'
	spoil B
	recovered
}
