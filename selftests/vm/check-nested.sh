# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Runs the functions test_* of the files in selftests/nested/ with a host and
# its two guests up, the modules loaded. A test may leave a guest dead; it is
# started again before the next one.

# run_nested FUNCTION
run_nested()
{
	nested_up
	"$1"
	quiet_nested
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
			# the next test starts afresh
			vm_kill H
			return 1
		fi
	done
}

# check_nested FILE...: all tests of these files, in their order
check_nested()
{
	local file test

	nested_pack
	attempt "nested: host and guests start" nested_up
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
