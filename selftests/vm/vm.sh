# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Virtual machines, each with a name and a directory $RUN/NAME: pid, console
# (kernel messages of warning level and worse), ctl.in and ctl.out (the
# guest's command shell). All state lies there, so a VM started in one subshell
# can be used and ended from any other.

KERNEL_ROOT=$("$VM_DIR/kernel.sh" --root) || die "no kernel with headers is installed"
KERNEL=$("$VM_DIR/kernel.sh")
VM_TIMEOUT=${VM_TIMEOUT:-60}
VM_MEMORY=${VM_MEMORY:-512M}
VM_CPUS=2
VM_MARK='vshm-vm: guest is ready'	# what init says on the console
VM_SLOW=${VM_SLOW:-1}	# a factor for everything that is waited for
VM_LONG=${VM_LONG:-1}	# one more for the time that a test may take

# shellcheck source=selftests/vm/uml.sh
. "$VM_DIR/uml.sh"

# Prints how VMs are accelerated. A /dev/kvm that opens may still not run a
# guest, so try: a boot sector that writes 21 to the debug exit port makes QEMU
# exit with status 43.
accelerator()
{
	local sector=$RUN/sector status=0

	if uml_kernel "${KDIR:-}"; then
		echo uml
		return
	fi
	if [ -w /dev/kvm ]; then
		printf '\xb0\x15\xe6\xf4\xf4\xeb\xfd' >"$sector"
		truncate -s 510 "$sector"
		printf '\x55\xaa' >>"$sector"
		timeout -s KILL 10 qemu-system-x86_64 -accel kvm -cpu host \
			-nodefaults -no-user-config -display none -no-reboot \
			-device isa-debug-exit,iobase=0xf4,iosize=1 \
			-drive "file=$sector,format=raw" >/dev/null 2>&1 || status=$?
	fi
	if [ $status = 43 ]; then echo kvm; else echo tcg; fi
}

# Prints the path of the kernel to boot. Emulation takes seconds to unpack a
# compressed one, and the kernel can be entered without that (PVH).
kernel_image()
{
	local image plain skip length

	image=$KERNEL_ROOT/boot/vmlinuz-$KERNEL
	[ -e "$image" ] || image=$KERNEL_ROOT/lib/modules/$KERNEL/vmlinuz
	image=${VMLINUZ:-$image}
	if [ -n "${KDIR:-}" ] && [ -e "$KDIR/vmlinux" ]; then
		echo "$KDIR/vmlinux"
		return
	fi
	plain=$CACHE/vmlinux-$(sha256sum <"$image" | cut -c1-16)
	if [ ! -e "$plain" ]; then
		mkdir -p "$CACHE"
		# setup_sects, payload_offset and payload_length of the
		# kernel's boot protocol
		skip=$(((1 + $(le_number "$image" 0x1f1 1)) * 512 +
			$(le_number "$image" 0x248 4)))
		length=$(le_number "$image" 0x24c 4)
		tail -c +$((skip + 1)) "$image" | head -c "$length" >"$plain.packed"
		xz -dc --single-stream <"$plain.packed" >"$plain.$$" 2>/dev/null ||
			zstd -qdc <"$plain.packed" >"$plain.$$" 2>/dev/null || true
		rm "$plain.packed"
		[ -s "$plain.$$" ] || ln -sf "$image" "$plain.$$"
		mv "$plain.$$" "$plain"
	fi
	echo "$plain"
}

# le_number FILE OFFSET SIZE: reads a little-endian number
le_number()
{
	od -An "-tu$3" "-j$(($2))" "-N$3" "$1" | tr -d ' '
}

# vm_boot NAME [ARCHIVE...] [-- QEMU-OPTION...]: starts a VM whose file system
# is the base archive and those named; does not wait for it
vm_boot()
{
	local name=$1 dir=$RUN/$1 archives=() accel initrd parameters
	local qemu=qemu-system-x86_64 console=ttyS0 control=(-serial chardev:control)

	shift
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		archives+=("$1")
		shift
	done
	[ $# = 0 ] || shift

	rm -rf "$dir"
	mkdir -p "$dir"
	mkfifo "$dir/ctl.in" "$dir/ctl.out"
	: >"$dir/console"

	# VMs of one run share their archive
	initrd=$RUN/initrd-$(sha256sum <<<"$KERNEL ${archives[*]-}" | cut -c1-16)
	if [ ! -e "$initrd" ]; then
		cat "$(base_archive)" "${archives[@]}" >"$initrd"
	fi

	# one variable may hold several parameters; KASAN goes on after a report
	# shellcheck disable=SC2206
	parameters=(loglevel=5 panic=-1 oops=panic ${VM_DEBUG:+kasan_multi_shot} ${VM_APPEND:-}
		"VSHM_FAMILY=$VSHM_FAMILY" "VM_ACCEL=$ACCEL" "VM_SLOW=$VM_SLOW"
		"VM_LONG=$VM_LONG")
	if [ "$ACCEL" = uml ]; then
		uml_boot "$name" "$initrd" "${parameters[@]}"
		return
	fi
	case $ACCEL in
	kvm)	accel=(-accel kvm -cpu host -smp "$VM_CPUS") ;;
	tcg)	accel=(-accel "tcg,thread=multi" -cpu "max,-erms,-fsrm"
		       -smp "$VM_CPUS") ;;
	# one guest instruction is one nanosecond of the guest's time
	icount)	accel=(-accel "tcg,thread=single" -cpu "max,-erms,-fsrm" -smp 1
		       -icount "shift=0,sleep=off") ;;
	# another machine, see check-arm64.sh; it has one serial port of its own
	arm64)	qemu=qemu-system-aarch64 console=ttyAMA0
		accel=(-machine "virt,gic-version=3" -accel "tcg,thread=multi"
		       -cpu cortex-a76 -smp "$VM_CPUS")
		control=(-device "pci-serial,chardev=control")
		parameters+=(VM_CONTROL=ttyS0) ;;
	esac

	# no_timer_check: a guest that waits too long for its CPU would take its
	# timer for broken
	"$qemu" -name "$name" "${accel[@]}" -m "$VM_MEMORY" \
		-nodefaults -no-user-config -no-reboot -display none \
		-kernel "$IMAGE" -initrd "$initrd" -append \
		"console=$console no_timer_check ${parameters[*]}" \
		-chardev "file,id=console,path=$dir/console,append=on" \
		-chardev "pipe,id=control,path=$dir/ctl" \
		-serial chardev:console "${control[@]}" \
		"$@" </dev/null >"$dir/qemu.log" 2>&1 &
	echo $! >"$dir/pid"
	disown
}

vm_alive()
{
	[ -e "$RUN/$1/pid" ] && alive "$(<"$RUN/$1/pid")"
}

# vm_explain NAME: what is known about a VM that does not answer
vm_explain()
{
	{
		echo "VM $1, end of its console:"
		tail -n 200 "$RUN/$1/console" | tr -d '\r' | sed 's/^/  | /'
		sed 's/^/  qemu: /' "$RUN/$1/qemu.log"
	} >&2
}

# vm_answer NAME MARK SECONDS: copies what the guest says to stdout, until the
# answer to command MARK is complete; its status. A guest that is gone or
# silent too long is ended (status 125 and 124).
vm_answer()
{
	local name=$1 mark=$2 deadline=$((SECONDS + $3))
	local separator=$'\036' line part='' fd number status

	exec {fd}<>"$RUN/$name/ctl.out"
	while :; do
		if ! IFS= read -r -t 0.5 -u "$fd" line; then
			part+=$line
			if ! vm_alive "$name"; then
				echo "VM $name is gone" >&2
				status=125
			elif [ $SECONDS -ge $deadline ]; then
				echo "VM $name: no answer within $3 s" >&2
				vm_kill "$name"
				status=124
			else
				continue
			fi
			echo -n "$part"
			vm_explain "$name"
			break
		fi
		line=$part$line
		part=
		if [[ $line != *"$separator"* ]]; then
			echo "$line"
			continue
		fi
		echo -n "${line%%"$separator"*}"
		read -r number status <<<"${line#*"$separator"}"
		[ "$number" != "$mark" ] || break
	done
	exec {fd}>&-
	return "$status"
}

# vm_ready NAME: waits until a VM that was started takes commands. What its
# kernel says has to arrive, or no test would notice.
vm_ready()
{
	vm_answer "$1" ready $((90 * VM_SLOW)) &&
		eventually 5 grep -qs "$VM_MARK" "$RUN/$1/console"
}

# vm [-t SECONDS] NAME COMMAND: runs COMMAND (any number of lines of sh, with
# the functions of common.sh and guest.sh) in a VM; its output and status
vm()
{
	local timeout=$VM_TIMEOUT mark=$RANDOM

	if [ "$1" = -t ]; then
		timeout=$2
		shift 2
	fi
	if ! vm_alive "$1"; then
		echo "VM $1 is not running" >&2
		return 125
	fi
	# opened for both so that a VM that just died cannot block it
	echo "$mark $(base64 -w0 <<<"$2")" 1<>"$RUN/$1/ctl.in"
	vm_answer "$1" "$mark" $((timeout * VM_SLOW))
}

# vm_kill NAME: pulls the plug
vm_kill()
{
	end "$(<"$RUN/$1/pid")"
}

# vm_messages NAME: messages of the guest's kernel at warning level or worse,
# since it was ready, that are of any interest here
vm_messages()
{
	tr -d '\r' <"$RUN/$1/console" | sed "1,/$VM_MARK/d" |
		grep -v -f <(messages_allowed) || true
}

# Prints the patterns of messages.allow; an empty one would match every message.
messages_allowed()
{
	grep -v -e '^#' -e '^$' "$VM_DIR/messages.allow"
}

! grep -q -f <(messages_allowed) <<<'WARNING: CPU: 0 PID: 1 at kernel' ||
	die "messages.allow has what no kernel may say"
ACCEL=${ACCEL:-$(accelerator)}
IMAGE=$(kernel_image)
