# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Ends of a link that go and come back under traffic, ROUNDS times in each test.
# The traffic of a round shows that the link of the one before is up again; in
# the end nothing may be left in a kernel that lived through them.

# shellcheck source=selftests/two_vm/failure.sh
. "$TOP/selftests/two_vm/failure.sh"

ROUNDS=${ROUNDS:-2}
BULK=$((16 << 20))

# rounds FUNCTION: calls it ROUNDS times, with the number in $round; then the link
# works, and the VMs are at rest
rounds()
{
	local function=$1 round

	trap ended EXIT
	for ((round = 1; round <= ROUNDS; round++)); do
		echo "round $round of $ROUNDS"
		"$function"
	done
	greet
	# what came before may lack its end of line
	printf '\n# %s rounds\n' "$ROUNDS"
	settled A B | sed 's/^/# /'
}

# ended: what a test leaves in the middle of a round is not for the next one
ended()
{
	local status=$?

	[ $status = 0 ] || pair_down
	[ ! -e "$RUN/keep/pid" ] || no_keeping
	exit $status
}

# What a guest runs to show that it is at rest. Waiting on a disk is no reason
# for uninterruptible sleep here, so a task found like that again and again is
# stuck.
settled_commands()
{
	cat <<'EOT'
	total()
	{
		awk -v want="$1" '
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == want) column = i }
		NR > 1 { sum += $column }
		END { print sum + 0 }' /proc/net/vshm_links
	}
	idle()
	{
		no_sockets && [ "$(total connections)" = 0 ] &&
			[ "$(total heap_used)" = 0 ]
	}
	# tasks end while they are looked at
	blocked()
	{
		cat /proc/[0-9]*/task/*/stat 2>/dev/null |
			sed -n 's/^\([0-9]*\) (.*) D .*/\1/p' || true
	}
	none_blocked()
	{
		[ -z "$(blocked)" ]
	}
	eventually 5 idle || {
		cat /proc/net/vshm /proc/net/vshm_links
		exit 1
	}
	eventually 5 none_blocked || {
		for pid in $(blocked); do
			cat "/proc/$pid/comm" "/proc/$pid/stack"
		done
		exit 1
	}
	[ "$(total violations)" = 0 ] || {
		cat /proc/net/vshm_links
		exit 1
	}
	echo "$(sockets) sockets, $(total connections) connections," \
		"heap_used $(total heap_used), $(blocked | wc -l) tasks blocked"
EOT
}

# settled VM...: nothing is left of any traffic, and the kernel has not complained
settled()
{
	local name messages

	for name; do
		echo "VM $name: $(vm "$name" "$(settled_commands)")"
		messages=$(vm_messages "$name")
		echo -n "$messages"
		[ -z "$messages" ]
	done
}

# busy: streams as in traffic, and 20 connections from A to an echo server in B
busy()
{
	vm A 'background receive socat -d -u "$(listen 5003)" /dev/null
	      background held socat -d -u "$(listen 5004)" /dev/null'
	vm B 'background receive socat -d -u "$(listen 5003)" /dev/null
	      background held socat -d -u "$(listen 5004)" /dev/null
	      background server vshm_stress server --port 6000
	      background send socat -u /dev/zero "$(connect 3 5003)"
	      background push socat -u /dev/zero "$(connect 3 5004)"
	      eventually 5 has_sockets 1 l.port 6000 state LISTENING'
	vm A 'background send socat -u /dev/zero "$(connect 4 5003)"
	      background push socat -u /dev/zero "$(connect 4 5004)"
	      background client vshm_stress client --cid 4 --port 6000 \
			--parallel 20 --bytes 1000000000
	      eventually 5 has_sockets 20 r.port 6000 state CONNECTED
	      eventually 5 has_sockets 1 l.port 5003 state CONNECTED
	      eventually 5 has_sockets 1 l.port 5004 state CONNECTED
	      signal held STOP'
	vm B 'eventually 5 has_sockets 1 l.port 5003 state CONNECTED
	      eventually 5 has_sockets 1 l.port 5004 state CONNECTED
	      signal held STOP'
}

# both_cut_off: after busy, when both VMs live
both_cut_off()
{
	cut_off A
	vm B 'signal server TERM; join server 5'
	cut_off B
}

greet()
{
	hello A B
	hello B A
}

# bulk: data that goes both ways at once, held up by receivers that are stopped,
# however fast the machine is
bulk()
{
	local name

	for name in A B; do
		vm "$name" 'background receive vshm_bulk receive 5001
			    eventually 5 has_sockets 1 l.port 5001 state LISTENING
			    signal receive STOP'
	done
	for name in AB BA; do
		vm "${name::1}" "background send vshm_bulk send ${CID[${name:1}]} 5001 $BULK
				 eventually 5 has_sockets 1 r.port 5001 state CONNECTED"
	done
}

# bulk_done: lets receivers go on, until all of it has arrived with its sum
bulk_done()
{
	local name sent='' received=''

	for name in A B; do
		# one that went on before may have all of it by now
		vm "$name" 'signal receive CONT 2>/dev/null || true'
	done
	for name in A B; do
		sent+=$(vm "$name" 'join send 50')
	done
	for name in B A; do
		received+=$(vm "$name" 'join receive 20')
	done
	echo "sent by A and B: $sent, received by B and A: $received"
	[[ $sent == *"$BULK bytes"*"$BULK bytes" ]]
	[ "$sent" = "$received" ]
}

# soon VM COMMAND: for a command that the guest does not survive, so that this
# one is still answered
soon()
{
	vm "$1" "(sleep 0.3; $2) >/dev/null 2>&1 &"
}

# monitor VM: opens a conversation with its QEMU, for qmp
monitor()
{
	coproc MONITOR { exec socat - "UNIX-CONNECT:$RUN/$1/qmp"; }
	qmp '{"execute": "qmp_capabilities"}'
}

# qmp COMMAND...: fails with the first that does
qmp()
{
	local command line status=0

	for command; do
		echo "$command" >&"${MONITOR[1]}"
		# events come in between
		while status=1; IFS= read -r -t 10 -u "${MONITOR[0]}" line; do
			echo "$line"
			[[ $line != '{"error"'* ]] || break
			[[ $line != '{"return"'* ]] || { status=0; break; }
		done
		[ $status = 0 ] || break
	done
	return $status
}

monitor_end()
{
	local pid=$MONITOR_PID

	kill "$pid"
	wait "$pid" 2>/dev/null || true
}

# plug: gives VM B, to whose QEMU there is a conversation, its device
plug()
{
	qmp '{"execute": "chardev-add", "arguments": {"id": "link", "backend":
		{"type": "socket", "data": {"server": false, "addr":
		{"type": "unix", "data": {"path": "'"$RUN/vshmd/4"'"}}}}}}' \
	    '{"execute": "device_add", "arguments": {"driver": "ivshmem-doorbell",
		"id": "ivshmem", "chardev": "link", "vectors": 2}}'
}

killed()
{
	busy
	vm_kill B
	cut_off A
	pair_up
}

test_rounds_of_killed_peer()
{
	rounds killed
}

# The survivor learns of it from the dying kernel, not from vshmd: QEMU goes on.
panicked()
{
	busy
	vm B 'echo 0 >/proc/sys/kernel/panic; echo 1 >/proc/sys/kernel/sysrq'
	soon B 'echo c >/proc/sysrq-trigger'
	eventually 10 grep -q 'Kernel panic' "$RUN/B/console"
	cut_off A
	vm_alive B
	vm_kill B
	pair_up
}

test_rounds_of_panic()
{
	rounds panicked
}

# One that is stopped stops nobody but who talks to it
frozen()
{
	local pid

	pid=$(<"$RUN/B/pid")
	bulk
	kill -STOP "$pid"
	vm A '
	background server vshm_stress server --port 6001
	eventually 5 has_sockets 1 l.port 6001 state LISTENING
	vshm_stress client --cid 1 --port 6001 --parallel 20 --bytes 100000
	signal server TERM
	join server 5
	# a connection that is not answered can be given up
	background call socat -u /dev/null "$(connect 4 5009)"
	eventually 5 has_sockets 1 r.port 5009
	signal call KILL
	join call 2 || true
	eventually 2 [ "$(sockets r.port 5009)" = 0 ]
	# and those from before wait in the middle of it
	signal receive CONT
	[ ! -e /run/send.status ]
	[ ! -e /run/receive.status ]
	has_sockets 2 state CONNECTED'
	kill -CONT "$pid"
	bulk_done
}

test_rounds_of_stopped_peer()
{
	rounds frozen
}

# Removed in B and A in turn.
reloaded()
{
	local name=B

	[ $((round % 2)) = 1 ] || name=A
	busy
	vm "$name" 'rmmod vshm_ivshmem'
	both_cut_off
	vm "$name" 'insmod /vshm/vshm_ivshmem.ko'
}

test_rounds_of_module_reloaded()
{
	rounds reloaded
}

# rebooted: the kernel, not QEMU, in turn with a goodbye and without one, when
# the survivor learns of it from the next kernel
rebooted()
{
	local boot

	boot=$(vm B 'cat /proc/sys/kernel/random/boot_id')
	busy
	# it runs with -no-reboot
	monitor B
	qmp '{"execute": "set-action", "arguments": {"reboot": "reset"}}'
	monitor_end
	rm "$RUN/B/loaded"
	: >"$RUN/B/console"
	if [ $((round % 2)) = 1 ]; then
		soon B 'reboot -f'
		cut_off A
		loaded B
	else
		soon B 'echo 1 >/proc/sys/kernel/sysrq; echo b >/proc/sysrq-trigger'
		loaded B
		cut_off A
	fi
	[ "$(vm B 'cat /proc/sys/kernel/random/boot_id')" != "$boot" ]
}

test_rounds_of_reboot()
{
	rounds rebooted
}

# The device goes from B and comes back, in turn by QEMU, which asks the guest
# to give it up (ACPI), and by the guest alone.
unplugged()
{
	busy
	if [ $((round % 2)) = 1 ]; then
		replug
	else
		vm B 'echo 1 >"$(dirname "$(grep -l 0x1110 /sys/bus/pci/devices/*/device)")/remove"'
		both_cut_off
		vm B 'echo 1 >/sys/bus/pci/rescan'
	fi
}

# vshmd has a new conversation with a device that is new. QEMU 7.2 goes on
# watching the descriptor through which the old one was interrupted, and crashes
# when something else gets its number; the new device has to get it. So nothing
# else may be opened in QEMU meanwhile, such as another monitor.
replug()
{
	monitor B
	qmp '{"execute": "device_del", "arguments": {"id": "ivshmem"}}'
	both_cut_off
	vm B 'eventually 5 [ -z "$(grep -l 0x1110 /sys/bus/pci/devices/*/device)" ]'
	# in use until QEMU has done its part
	eventually 5 qmp '{"execute": "chardev-remove", "arguments": {"id": "link"}}'
	plug
	monitor_end
}

test_rounds_of_unplug()
{
	rounds unplugged
}

# keeping_vshmd: starts a vshmd that goes on with the links of the one before,
# if that was of this kind; returns once it serves them
keeping_vshmd()
{
	local dir=$RUN/vshmd comm

	"$TOP/userspace/vshmd/vshmd" --daemon --pid-file="$dir/pid" \
		--keep="$dir/keep" --link "3=$dir/3,4=$dir/4,size=$LINK_SIZE"
	# what holds the links is to end with this run as well
	mkdir -p "$RUN/keep"
	for comm in /proc/[0-9]*/comm; do
		if grep -qs '^vshmd-keep$' "$comm" &&
		   grep -qs "$dir/keep" "${comm%comm}cmdline"; then
			comm=${comm%/comm}
			echo "${comm#/proc/}" >"$RUN/keep/pid"
		fi
	done
	alive "$(<"$RUN/keep/pid")"
}

# no_keeping: vshmd ends for good, and what it kept with it
no_keeping()
{
	vshmd_alive || keeping_vshmd
	kill -INT "$(<"$RUN/vshmd/pid")"
	while alive "$(<"$RUN/keep/pid")"; do
		sleep 0.02
	done
	rm -rf "$RUN/vshmd/pid" "$RUN/keep"
}

vshmd_restarted()
{
	local first

	bulk
	first=$(<"$RUN/vshmd/pid")
	vshmd_kill
	keeping_vshmd
	[ "$(<"$RUN/vshmd/pid")" != "$first" ]
	bulk_done
}

# Last in this file: it starts and leaves a vshmd of its own.
test_rounds_of_vshmd_restarted()
{
	pair_down
	vshmd_kill
	rm -f "$RUN"/vshmd/{pid,3,4}
	trap ended EXIT
	keeping_vshmd
	pair_up
	rounds vshmd_restarted
	# the new one has the old one's clients, and tells of their death
	busy
	vm_kill B
	cut_off A
	settled A
	# for the next test, and for what looks at the messages of both
	pair_down
}
