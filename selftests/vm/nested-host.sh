# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Functions for the commands that a test runs in a host that is a VM itself: its
# vshmd and its guests, which are named by their CIDs. Each guest has a directory
# /run/guest/CID with pid, console, ctl.in and ctl.out (its command shell), as
# a VM has on the machine.

GUESTS=/run/guest
SOCKETS=/run/vshm
export QEMU_MODULE_DIR=/nested

vshmd_start()
{
	mkdir -p "$SOCKETS"
	vshmd --pid-file "$SOCKETS/pid" \
		</dev/null >>"$SOCKETS/log" 2>&1 &
	if ! eventually 10 [ -S "$SOCKETS/3" -a -S "$SOCKETS/4" -a \
			     -S "$SOCKETS/3-4" -a -S "$SOCKETS/4-3" ]; then
		cat "$SOCKETS/log"
		return 1
	fi
}

vshmd_stop()
{
	kill "$(cat "$SOCKETS/pid")"
	eventually 5 [ ! -e "$SOCKETS/pid" ]
}

guest_alive()
{
	[ -s "$GUESTS/$1/pid" ] && kill -0 "$(cat "$GUESTS/$1/pid")" 2>/dev/null
}

# guest_boot CID [QEMU-OPTION...]: starts a guest with a device for its link to
# the host in slot 2 and one for its direct link in slot 3; does not wait for it.
# GUEST_LINKS are QEMU's options for these links, if not those that vshm tells.
#
# Where every instruction is emulated twice, a boot takes a minute or a few
# seconds: the BIOS only starts the kernel (qboot), what would be probed is not
# there, and the processor is a plain one.
guest_boot()
{
	cid=$1 dir=$GUESTS/$1
	shift
	rm -rf "$dir"
	mkdir -p "$dir"
	mkfifo "$dir/ctl.in" "$dir/ctl.out"
	: >"$dir/console"
	# without any other clock than this processor's, idle is not idle
	khz=$(awk '/^cpu MHz/ { printf "%d", $4 * 1000; exit }' /proc/cpuinfo)
	# shellcheck disable=SC2046,SC2086 # these are several words
	qemu-system-x86_64 -name "guest $cid" \
		-accel "tcg,tb-size=64" -cpu qemu64 -smp 1 -m 96M \
		-M pc,acpi=off,hpet=off,vmport=off,smbus=off,usb=off \
		-nodefaults -no-user-config -no-reboot -display none \
		-L /nested -bios qboot.rom \
		-kernel /nested/vmlinux -initrd /nested/initrd -append \
		"console=ttyS0 loglevel=5 panic=-1 oops=panic no_timer_check norandmaps lpj=$((khz * 10)) tsc_early_khz=$khz tsc=reliable VSHM_FAMILY=$VSHM_FAMILY VM_SLOW=$VM_SLOW VM_NAP=0.3" \
		-chardev "file,id=console,path=$dir/console" \
		-chardev "pipe,id=control,path=$dir/ctl" \
		-serial chardev:console -serial chardev:control \
		${GUEST_LINKS-$(vshm guest args "$cid" qemu)} "$@" \
		</dev/null >"$dir/qemu.log" 2>&1 &
	echo $! >"$dir/pid"
}

# guest_answer CID MARK SECONDS: shows what the guest says until the answer to
# command MARK is complete; its status, or 125 when the guest is gone and 143
# when it is silent for too long
guest_answer()
{
	timeout "$3" awk -v mark="$2" '
	BEGIN { status = 125 }
	{
		at = index($0, "\036")
		if (!at) {
			print
			next
		}
		printf "%s", substr($0, 1, at - 1)
		split(substr($0, at + 1), answer)
		if (answer[1] == mark) {
			status = answer[2]
			exit
		}
	}
	END { exit status }' "$GUESTS/$1/ctl.out" && return 0
	status=$?
	if [ $status -ge 124 ]; then
		echo "guest $1 does not answer; end of its console:"
		tail -n 20 "$GUESTS/$1/console"
		cat "$GUESTS/$1/qemu.log"
	fi >&2
	return $status
}

# guest_ready CID: waits until a guest that was started takes commands
guest_ready()
{
	guest_answer "$1" ready $((580 * VM_SLOW))
}

# guest CID SECONDS COMMAND: runs COMMAND, which is in base64, in a guest
guest()
{
	if ! guest_alive "$1"; then
		echo "guest $1 is not running" >&2
		return 125
	fi
	echo "$$ $3" 1<>"$GUESTS/$1/ctl.in"
	guest_answer "$1" $$ "$2"
}

# guest_kill CID: pulls the plug
guest_kill()
{
	kill -KILL "$(cat "$GUESTS/$1/pid")"
	while guest_alive "$1"; do
		sleep 0.02
	done
}
