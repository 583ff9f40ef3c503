#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Fails when Documentation/ names a test that does not exist: in the tables of
# conformance.rst, and in the text of security.rst and inspection.rst. A name is
# the program's or a fixture's, a dot, and that of a TEST() or TEST_F(), or the
# name of a script and that of a function.

set -eu -o pipefail
cd "$(dirname "$0")/../.."

status=0 count=0

# exists PROGRAM TEST
exists()
{
	grep -Eqs "^TEST[A-Z_]*\(([a-z_]+, )?$2[,)]" "selftests/$1.c" ||
		grep -Eqs "^TEST_F[A-Z_]*\($1, $2[,)]" selftests/*.c ||
		grep -qs "^$2()$" selftests/{,programs/,two_vm/,nested/}"$1.sh"
}

names()
{
	sed -n 's/^   ".*"\([^"]*\)"$/\1/p' Documentation/conformance.rst |
		tr ' ' '\n'
	grep -oh '``[a-z_]*\.[a-z_]*``' Documentation/{security,inspection}.rst |
		tr -d '`' | grep -Ev '\.(rst|c|h|ko|conf)$'
}

while read -r name; do
	count=$((count + 1))
	if [ "${name##*.}" = py ]; then
		[ -e "selftests/vshmd/$name" ]
	else
		exists "${name%%.*}" "${name#*.}"
	fi || {
		echo "no test $name"
		status=1
	}
done < <(names | sort -u)
# a table that is not found is no table that is right
[ $count -gt 100 ] || {
	echo "only $count tests are named"
	status=1
}
exit $status
