# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Runs the functions test_* of the files in selftests/two_vm/ with VM A (CID 3)
# and VM B (CID 4) up, joined by vshmd, the modules loaded. A test may leave
# VMs or vshmd dead; they are started again before the next one. PAIR_NAME is what
# the tests are reported under, PAIR_ARCHIVES what the VMs have besides the base,
# and PAIR_ARCHIVES_A what VM A alone has.

# up NAME: starts VM A or B unless it runs; a program there may map the memory of
# a device that has a driver
up()
{
	local archives=("${PAIR_ARCHIVES[@]-$RUN/tests.cpio}")

	[ "$1" != A ] || archives+=("${PAIR_ARCHIVES_A[@]}")
	vm_alive "$1" || VM_APPEND="${VM_APPEND:-} iomem=relaxed" link_boot "$1" "${archives[@]}"
}

# loaded NAME: waits for a VM that was started, and loads the modules. Now and then
# an emulated kernel hangs while it boots, before it has a module; that one is
# started once more.
loaded()
{
	[ -e "$RUN/$1/loaded" ] && return
	vm_ready "$1" || {
		up "$1"
		vm_ready "$1"
	}
	vm "$1" load
	touch "$RUN/$1/loaded"
}

pair_up()
{
	if ! vshmd_alive; then
		# the memory of the old vshmd does not join with the new one's
		pair_down
		vshmd_start
	fi
	up A
	up B
	loaded A
	loaded B
}

pair_down()
{
	local name

	for name in A B; do
		[ ! -e "$RUN/$name/pid" ] || vm_kill "$name"
	done
}

# hello FROM TO: one short message, as tests use it for "the link is up"
hello()
{
	vm "$2" 'background hello socat -u "$(listen 4000)" STDOUT'
	vm "$1" "echo hello from $1 | socat -u STDIN \$(connect ${CID[$2]} 4000)"
	vm "$2" 'join hello 10' | tee /dev/stderr | grep -qx "hello from $1"
}

# run_two_vm FUNCTION
run_two_vm()
{
	pair_up
	"$1"
	quiet_pair
}

# A kernel that complains fails the test that made it do so.
quiet_pair()
{
	local name messages

	for name in A B; do
		messages=$(vm_messages "$name")
		if [ -n "$messages" ]; then
			echo "kernel messages of VM $name:"
			echo "$messages"
			# the next test starts afresh
			vm_kill "$name"
			return 1
		fi
	done
}

# check_two_vm FILE...: all tests of these files, in their order
check_two_vm()
{
	local file test name=${PAIR_NAME:-two_vm}

	for file in "$@"; do
		# shellcheck disable=SC1090
		. "$file"
		while read -r test; do
			if selected "$test"; then
				attempt "$name: $test" run_two_vm "$test" </dev/null
				splats A "$name: $test"
				splats B "$name: $test"
			fi
		done < <(sed -n 's/^\(test_[a-z0-9_]*\)()$/\1/p' "$file")
	done
	watchers A "$name"
	watchers B "$name"
	pair_down
	if vshmd_alive; then
		vshmd_kill
	fi
}
