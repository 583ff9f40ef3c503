#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Prints the version of the kernel to build for and to boot: KERNEL if set, the
# release of the tree KDIR if set, or else the newest installed kernel that has
# its headers installed. Empty, and status 1, if there is none.

set -eu -o pipefail

if [ -n "${KERNEL:-}" ]; then
	echo "$KERNEL"
	exit
fi

if [ -n "${KDIR:-}" ]; then
	cat "$KDIR/include/config/kernel.release"
	exit
fi

for image in /boot/vmlinuz-*; do
	version=${image#/boot/vmlinuz-}
	if [ -r "$image" ] && [ -e "/lib/modules/$version/build/Makefile" ]; then
		echo "$version"
	fi
done | sort -V | tail -n 1 | grep .
