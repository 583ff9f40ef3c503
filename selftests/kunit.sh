#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The KUnit tests of vshm_kunit.ko, which is built for a kernel with KUnit; they
# run when it is loaded, and speak in the kernel's log. Runs as root with
# BusyBox or anything larger, with vshm.ko loaded. VSHM_KUNIT_KO names the
# module; beside this directory and in / it is found without.

dir=$(cd "$(dirname "$0")" && pwd)
for ko in ${VSHM_KUNIT_KO:-/vshm_kunit.ko "$dir/../vshm_kunit.ko"}; do
	[ ! -f "$ko" ] || break
done
if [ ! -f "$ko" ]; then
	echo "1..0 # SKIP no vshm_kunit.ko: the kernel has no KUnit"
	exit 4
fi

mark="vshm kunit.sh $$"
echo "<5>$mark" >/dev/kmsg
insmod "$ko" || exit 1
dmesg | sed 's/^\[[^]]*\] //' | awk -v mark="$mark" '
	index($0, mark) { on = 1; next }
	!on { next }
	# Subtest: is the name of a suite, and what is indented a test of it
	/# Subtest: / { suite = $NF }
	/^    (not )?ok [0-9]+ / {
		result = $1 == "not" ? "not ok" : "ok"
		sub(/^ *(not )?ok [0-9]+ (- )?/, "")
		print result, ++n, suite ": " $0
		failed += result != "ok"
		next
	}
	/^    #/ { print }
	END {
		print "1.." n + 0
		exit failed > 0 || !n
	}'
status=$?
rmmod vshm_kunit
exit $status
