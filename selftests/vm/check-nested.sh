# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Runs the functions test_* of the files in selftests/nested/ with a host and
# its two guests up, the modules loaded. A test may leave a guest dead; it is
# started again before the next one. After a test that failed all of them are.

# greet_cid FROM TO: one short message, as tests use it for "there is a way"
greet_cid()
{
	on "$2" 'background hello socat -u "$(listen 4000)" STDOUT
		 eventually 5 has_sockets 1 l.port 4000'
	on "$1" "echo hello from $1 | socat -u STDIN \$(connect $2 4000)"
	on "$2" 'join hello 10' | tee /dev/stderr | grep -qx "hello from $1"
}

# direct bind|unbind: the direct link of the guests, which is the device in slot
# 3 of each. Without it they reach each other through the host.
direct()
{
	local cid device=0000:00:03.0 driver=/sys/bus/pci/drivers/vshm_ivshmem

	for cid in 3 4; do
		# a guest that was started anew has it already
		on "$cid" "[ $1 = bind -a -e $driver/$device ] || echo $device >$driver/$1"
	done
	if [ "$1" = bind ]; then
		on 4 "eventually 5 grep -q '4 3 up' /proc/net/vshm_links"
	fi
}

# run_nested FUNCTION
run_nested()
{
	if [ -e "$RUN/unsettled" ] && vm_alive H; then
		vm_kill H
	fi
	touch "$RUN/unsettled"
	nested_up 3 4
	"$1"
	quiet_nested
	rm "$RUN/unsettled"
}

# A kernel that complains fails the test that made it do so.
quiet_nested()
{
	local cid messages

	for cid in 2 3 4; do
		[ "$cid" = 2 ] || on 2 "[ -e /run/guest/$cid/console ]" || continue
		messages=$(nested_messages "$cid")
		if [ -n "$messages" ]; then
			echo "kernel messages of CID $cid:"
			echo "$messages"
			return 1
		fi
	done
}

# check_nested FILE...: all tests of these files, in their order
check_nested()
{
	local file test

	attempt "nested: the guests' kernel and file system" nested_pack
	[ -e "$RUN/nested.cpio" ] || return 0
	attempt "nested: host and guests start" nested_up 3 4
	for file in "$@"; do
		# shellcheck disable=SC1090
		. "$file"
		while read -r test; do
			if selected "$test"; then
				attempt "nested: $test" run_nested "$test" </dev/null
			fi
		done < <(sed -n 's/^\(test_[a-z0-9_]*\)()$/\1/p' "$file")
	done
	[ ! -e "$RUN/H/pid" ] || vm_kill H
}
