#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Loading and unloading the module: the family number, and the use count.
# Runs as root with BusyBox or anything larger. VSHM_KO names the module; beside
# this directory and in / it is found without. The module is loaded with its
# default family at the end.

dir=$(cd "$(dirname "$0")" && pwd)
for ko in ${VSHM_KO:-/vshm.ko "$dir/../vshm.ko"}; do
	[ ! -f "$ko" ] || break
done
tests=0
failed=0

result()
{
	tests=$((tests + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $tests $2"
	else
		echo "not ok $tests $2"
		failed=1
	fi
}

loaded()
{
	[ -d /sys/module/vshm ]
}

# Whatever sits on top of the module goes first.
unload()
{
	for holder in /sys/module/vshm/holders/*; do
		[ ! -d "$holder" ] || rmmod "${holder##*/}"
	done
	! loaded || rmmod vshm
}

# eventually COMMAND...: tries it for some seconds until it succeeds
eventually()
{
	tries=0
	until "$@" 2>/dev/null; do
		tries=$((tries + 1))
		[ $tries -lt 50 ] || return 1
		usleep 100000 2>/dev/null || sleep 1
	done
}

# registered NUMBER: the module is loaded and has that family
registered()
{
	loaded && [ "$(cat /sys/module/vshm/parameters/family)" = "$1" ]
}

# Loading with a family that is taken or none must fail and say its number.
refuses()
{
	marker="vshm selftest: family $1, run $$"
	echo "$marker" >/dev/kmsg
	if insmod "$ko" family="$1" 2>/dev/null; then
		rmmod vshm
		result 1 "family=$1 is refused"
		return
	fi
	! loaded
	result $? "family=$1 is refused"
	dmesg | sed -e "1,/$marker/d" -e 's/^[^]]*] //' | grep vshm |
		grep -qw -e "$1"
	result $? "family=$1 is named in the kernel's log"
}

accepts()
{
	insmod "$ko" family="$1" && registered "$1"
	result $? "family=$1 is registered"
	rmmod vshm
	result $? "family=$1 is given back"
}

# The holder is a test program: BusyBox alone opens no such socket.
busy()
{
	insmod "$ko"
	result $? "loads with the default family"
	"$dir/vshm_stress" server --port 5000 &
	server=$!
	eventually grep -q LISTENING /proc/net/vshm
	! rmmod vshm 2>/dev/null && loaded
	result $? "is in use while a socket is open"
	kill -TERM $server
	wait $server
	result $? "the socket's owner ends"
	# the socket's memory goes a moment after the socket
	eventually rmmod vshm
	result $? "unloads once the socket is closed"
}

# In the place of AF_VSOCK: not while the kernel's own holds the number, and the
# log says what to do.
vsock()
{
	if modprobe vsock 2>/dev/null; then
		refuses 40
		dmesg | grep "vshm: family=40 .*modprobe -r .*vsock" >/dev/null
		result $? "the log has the remedy"
		rmmod vsock
		result $? "the kernel's vsock goes"
	fi
	accepts 40
	insmod "$ko" family=40
	[ -c /dev/vsock ]
	result $? "there is /dev/vsock in the place of AF_VSOCK"
	rmmod vshm
	[ ! -e /dev/vsock ]
	result $? "/dev/vsock goes with it"
}

echo "TAP version 13"
if [ "$(id -u)" -ne 0 ] || [ ! -f "$ko" ]; then
	echo "1..0 # SKIP needs root and the module, not found at $ko"
	exit 4
fi
unset VSHM_FAMILY
unload
result $? "not loaded at first"
# AF_INET is taken; the others are none
refuses 2
refuses 99
refuses 0
refuses -1
accepts 27
busy
vsock
rounds=0
while [ $rounds -lt 5 ] && insmod "$ko" && rmmod vshm; do
	rounds=$((rounds + 1))
done
[ $rounds -eq 5 ]
result $? "loads and unloads again and again"
insmod "$ko" && registered 18
result $? "is loaded with its default family at the end"
echo "1..$tests"
exit $failed
