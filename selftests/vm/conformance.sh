#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Fails when Documentation/conformance.rst names a test that does not exist.
# A name is the program's, a dot, and that of a TEST() or TEST_F(), or for the
# programs of the distribution and scripts that of a function.

set -eu -o pipefail
cd "$(dirname "$0")/../.."

status=0 count=0
while read -r name; do
	program=${name%%.*} test=${name#*.}
	count=$((count + 1))
	if [ "$program" = programs ]; then
		grep -q "^$test()$" selftests/programs/programs.sh
	elif [ -e "selftests/$program.sh" ]; then
		grep -q "^$test()$" "selftests/$program.sh"
	else
		grep -Eqs "^TEST[A-Z_]*\(([a-z_]+, )?${test}[,)]" "selftests/$program.c"
	fi || {
		echo "no test $name"
		status=1
	}
done < <(sed -n 's/^   ".*"\([^"]*\)"$/\1/p' Documentation/conformance.rst |
	tr ' ' '\n' | sort -u)
# a table that is not found is no table that is right
[ $count -gt 100 ] || {
	echo "only $count tests are named"
	status=1
}
exit $status
