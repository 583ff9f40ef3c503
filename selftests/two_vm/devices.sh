# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What a machine monitor can do to a guest's device, besides taking it away as in
# lifecycle.sh: operators.rst tells of each.

# shellcheck source=selftests/two_vm/lifecycle.sh
. "$TOP/selftests/two_vm/lifecycle.sh"

# occupy NUMBER: QEMU 7.2 goes on watching descriptors through which a device was
# interrupted that it took away, and crashes when others that get their numbers
# become readable. These do not: nobody connects to them.
occupy()
{
	local i

	for ((i = 0; i < $1; i++)); do
		qmp '{"execute": "chardev-add", "arguments": {"id": "idle'"$i"'", "backend":
		{"type": "socket", "data": {"server": true, "wait": false, "addr":
		{"type": "unix", "data": {"path": "'"$RUN/B/idle$i"'"}}}}}}'
	done
}

migrated()
{
	qmp '{"execute": "query-migrate"}' >"$RUN/reply"
	grep -q '"status": "completed"' "$RUN/reply"
}

# migrate: VM B goes on in another QEMU on this machine, which gets its name
migrate()
{
	local uri='"arguments": {"uri": "unix:'"$RUN/M/migration"'"}'

	VM_APPEND="${VM_APPEND:-} iomem=relaxed" vm_boot M "${PAIR_ARCHIVES[@]-$RUN/tests.cpio}" -- \
		-incoming "unix:$RUN/M/migration" -qmp "unix:$RUN/M/qmp,server=on,wait=off"
	eventually 20 [ -S "$RUN/M/migration" ]
	monitor B
	if qmp '{"execute": "migrate", '"$uri"'}' >"$RUN/reply"; then
		echo "it migrates with its device"
		return 1
	fi
	grep -i 'migration is disabled' "$RUN/reply"
	qmp '{"execute": "device_del", "arguments": {"id": "ivshmem"}}'
	cut_off A
	cut_off B
	vm B 'eventually 5 [ -z "$(grep -l 0x1110 /sys/bus/pci/devices/*/device)" ]
	      background receive vshm_bulk receive 5001
	      eventually 5 has_sockets 1 l.port 5001 state LISTENING
	      background send vshm_bulk send 1 5001 '"$BULK"'
	      eventually 5 has_sockets 1 r.port 5001 state CONNECTED
	      signal receive STOP'
	# in use until QEMU has done its part
	eventually 5 qmp '{"execute": "chardev-remove", "arguments": {"id": "link"}}'
	occupy 12
	qmp '{"execute": "migrate", '"$uri"'}'
	eventually 60 migrated || { cat "$RUN/reply"; return 1; }
	monitor_end
	vm_kill B
	# what its kernel said before
	cat "$RUN/B/console" >>"$RUN/M/console"
	cp "$RUN/B/loaded" "$RUN/M/"
	rm -r "$RUN/B"
	mv "$RUN/M" "$RUN/B"
}

# Connections over the link end when it loses its device; those within the guest,
# and the guest itself, go on in mid-transfer, and the link is up again once there
# is a device.
test_live_migration()
{
	local boot

	boot=$(vm B 'cat /proc/sys/kernel/random/boot_id')
	traffic
	migrate
	[ "$(vm B 'cat /proc/sys/kernel/random/boot_id')" = "$boot" ]
	vm B '[ ! -e /run/send.status ]
	      signal receive CONT
	      sent=$(join send 50)
	      [ "$(join receive 20)" = "$sent" ]'
	monitor B
	plug
	monitor_end
	greet
	settled A B
	# the next test begins with a QEMU that is like any other
	vm_kill B
}

# A device without doorbell, as that of cloud-hypervisor, has no driver: not even
# when its memory is that of a link.
test_device_without_doorbell()
{
	local memory pid

	pid=$(<"$RUN/vshmd/pid")
	memory=$(find "/proc/$pid/fd" -lname '/memfd:*' | head -n 1)
	cp --sparse=always "$memory" "$RUN/memory"
	truncate -s 1M "$RUN/empty"
	monitor B
	for memory in memory empty; do
		qmp '{"execute": "object-add", "arguments": {"qom-type": "memory-backend-file",
			"id": "'$memory'", "share": true, "mem-path": "'"$RUN/$memory"'",
			"size": '"$(stat -c %s "$RUN/$memory")"'}}' \
		    '{"execute": "device_add", "arguments": {"driver": "ivshmem-plain",
			"id": "plain-'$memory'", "memdev": "'$memory'"}}'
	done
	monitor_end
	vm B 'devices() { grep -l 0x1110 /sys/bus/pci/devices/*/device | wc -l; }
	      three() { [ "$(devices)" = 3 ]; }
	      eventually 20 three
	      eventually 5 sh -c "dmesg | grep \"0 MSI-X vectors: use QEMU.s ivshmem-doorbell\""
	      echo /sys/bus/pci/drivers/vshm_ivshmem/0000:*
	      [ "$(echo /sys/bus/pci/drivers/vshm_ivshmem/0000:* | wc -w)" = 1 ]
	      [ "$(grep -c region /proc/net/vshm_links)" = 1 ]'
	greet
	vm_kill B
	rm "$RUN/memory" "$RUN/empty"
}
