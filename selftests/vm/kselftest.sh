#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kselftest.sh [MAKE-ARGUMENT...]: runs make in selftests/, which needs the
# kernel's own kselftest.h, kselftest_harness.h and lib.mk in KSFT_DIR; they
# are taken from the packaged kernel source. What is built goes to
# selftests/build. A test may take VM_SLOW times VM_LONG times its seconds, from
# the environment where it runs.

set -eu -o pipefail

VM_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tests=$(dirname "$VM_DIR")
release=$("$VM_DIR/kernel.sh" --source)
tarball=/usr/src/linux-source-$release.tar.xz
dir=${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/vshm/kselftest-$release-long

if [ ! -e "$dir/lib.mk" ]; then
	mkdir -p "$dir.$$"
	# each name once: tar need not read on to the end
	tar -C "$dir.$$" --strip-components=4 --occurrence=1 -xJf "$tarball" \
		"linux-source-$release/tools/testing/selftests/"{lib.mk,kselftest.h,kselftest_harness.h}
	sed -i 's/alarm(t->timeout)/alarm(t->timeout * atoi(getenv("VM_SLOW") ?: "1") * atoi(getenv("VM_LONG") ?: "1"))/' \
		"$dir.$$/kselftest_harness.h"
	rm -rf "$dir"
	mv "$dir.$$" "$dir"
fi

mkdir -p "$tests/build"
env -u MAKEFLAGS -u MFLAGS make -C "$tests" -j"$(nproc)" --no-print-directory \
	OUTPUT="$tests/build" KSFT_DIR="${KSFT_DIR:-$dir}" "$@"
