#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# hello.sh	waits for a connection and prints what it brings
# hello.sh CID	says hello to the one that waits at that CID; 1 is this kernel

if [ $# -gt 0 ]; then
	echo hello | vshm cat "$1" 5000
else
	vshm cat -l 5000 </dev/null
fi
