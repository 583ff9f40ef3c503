# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Results of tests: one line each as it comes, and the closing line.

: >"$RUN/results"

# selected NAME: does the developer want this test?
selected()
{
	[[ $1 =~ ${TESTS:-} ]]
}

indent()
{
	sed 's/^/  | /'
}

# report ok|not\ ok|skip NAME [REASON]
report()
{
	case $1 in
	skip)	printf 'ok %s # SKIP %s\n' "$2" "${3:-}" ;;
	*)	printf '%s %s%s\n' "$1" "$2" "${3:+ ($3)}" ;;
	esac
	echo "$1" >>"$RUN/results"
}

# attempt NAME COMMAND...: a test that passes when COMMAND succeeds; its output
# is shown when it fails, of one that passes only lines that start with a #.
# Status 4 is a skip, as in kselftest.
attempt()
{
	local name=$1 begin=$EPOCHREALTIME status=0 ms

	shift
	# errexit holds inside only when the shell does not look at the status
	set +e
	(set -e; "$@") >"$RUN/attempt.log" 2>&1
	status=$?
	set -e
	ms=$(($(us_between "$begin" "$EPOCHREALTIME") / 1000))
	case $status in
	0)	report ok "$name" "$((ms / 1000)).$(printf %03d $((ms % 1000))) s"
		grep -a '^# ' "$RUN/attempt.log" || true ;;
	4)	report skip "$name" "$(tail -n 1 "$RUN/attempt.log")" ;;
	*)	report "not ok" "$name" "status $status"
		indent <"$RUN/attempt.log" ;;
	esac
}

# tap PROGRAM STATUS FILE: reports the TAP that PROGRAM wrote to FILE; a program
# that wrote none is one test. Of what else it wrote, remarks are shown, and all
# of it when a test failed.
tap()
{
	local program=$1 status=$2 file=$3 line name plan='' seen=0 bad=0

	while read -r line; do
		line=${line%$'\r'}
		if [[ $line =~ ^1\.\.([0-9]+) ]]; then
			plan=${BASH_REMATCH[1]}
			# nothing to run: "1..0 # SKIP why"
			[ "$plan" != 0 ] || status=4
		elif [[ $line =~ ^(ok|not\ ok)\ [0-9]+[\ -]*(.*) ]]; then
			seen=$((seen + 1))
			name="$program: ${BASH_REMATCH[2]%% # *}"
			if [[ $line =~ ^ok.*\#\ SKIP\ ?(.*) ]]; then
				report skip "$name" "${BASH_REMATCH[1]}"
			elif [[ $line == not* ]]; then
				report "not ok" "$name"
				bad=1
			else
				report ok "$name"
			fi
		fi
	done <"$file"

	if [ "$status" = 4 ] && [ $seen = 0 ]; then
		report skip "$program" "$(tail -n 1 "$file")"
	elif [ $seen = 0 ] && [ "$status" = 0 ]; then
		report ok "$program"
	elif [ "$status" != 0 ] && [ $bad = 0 ]; then
		report "not ok" "$program" "exit status $status"
		bad=1
	elif [ $seen != "${plan:-$seen}" ]; then
		report "not ok" "$program" "$seen of $plan tests ran"
		bad=1
	fi
	if [ $bad = 0 ]; then
		# seeds and counts
		grep -aE '^# ' "$file" | grep -avE '^# ( |Starting|PASSED|Totals)' || true
	else
		grep -Ev '^(ok|# +(RUN|OK) )' "$file" | indent
	fi
}

# quiet_kernel VM NAME: a test that the guest's kernel had nothing to say
quiet_kernel()
{
	local messages

	messages=$(vm_messages "$1")
	if [ -z "$messages" ]; then
		report ok "$2: no kernel message above notice level"
	else
		report "not ok" "$2: no kernel message above notice level"
		indent <<<"$messages"
	fi
}

# The closing line; fails when a test did, or when none ran.
summary()
{
	local passed failed skipped

	passed=$(grep -c '^ok' "$RUN/results") || true
	failed=$(grep -c '^not ok' "$RUN/results") || true
	skipped=$(grep -c '^skip' "$RUN/results") || true
	[ "$skipped" = 0 ] || skipped=", $skipped skipped"
	echo "$passed passed, $failed failed${skipped#0}"
	[ "$failed" = 0 ] && [ "$passed" != 0 ]
}
