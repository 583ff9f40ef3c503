# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The phase fuzz: the fuzzers of selftests/fuzz/, each over its corpus and for a
# while on its own. Sourced after lib.sh and report.sh.
#
# FUZZ_TIME=SECONDS	how long the one of the module runs; the others run for
#			a quarter of that
# FUZZ_SEED=NUMBER	of its random numbers

FUZZ=$TOP/selftests/build/libfuzzer

# fuzz_run NAME SECONDS: what makes it fail stays in $FUZZ
fuzz_run()
{
	local name=$1 seconds=$2 seed status=0 corpus=$TOP/selftests/fuzz/corpus/$1
	local flags=(-max_len=2048 -len_control=0 -print_final_stats=1)

	[ "$name" = peer ] || flags+=("-dict=$TOP/selftests/fuzz/vshmd/json.dict")
	seed=${FUZZ_SEED:-$((RANDOM << 15 | RANDOM))}
	mkdir -p "$RUN/corpus"
	"$FUZZ/fuzz_$name" "${flags[@]}" "-seed=$seed" "-max_total_time=$seconds" \
		-timeout=120 "-artifact_prefix=$FUZZ/$name-" \
		"$RUN/corpus" "$corpus" >"$RUN/fuzz.log" 2>&1 </dev/null || status=$?
	if [ $status != 0 ]; then
		grep -avE '^#|^0x|^\\|NEW_FUNC' "$RUN/fuzz.log" | tail -n 60
		return 1
	fi
	echo "# seed $seed$(sed -n 's/^stat::number_of_executed_units: */, runs: /p
		s/^vshm: /, /p' "$RUN/fuzz.log" | tr -d '\n')"
	rm -rf "$RUN/corpus"
}

check_fuzz()
{
	local name seconds=${FUZZ_TIME:-40}

	selected fuzz || return 0
	"$VM_DIR/deps.sh" build fuzz
	say "building the fuzzers"
	quietly "$RUN/make.log" env -u MAKEFLAGS -u MFLAGS make -C "$TOP/selftests/fuzz" \
		-j"$(nproc)" --no-print-directory OUTPUT="$FUZZ"
	attempt "fuzz: hostile peer" fuzz_run peer "$seconds"
	attempt "fuzz: vshmd's configuration" fuzz_run config $((seconds / 4))
	attempt "fuzz: vshmd's requests" fuzz_run request $((seconds / 4))
}
