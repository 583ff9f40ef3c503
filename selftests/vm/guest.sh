# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Functions for the commands that a test runs in a guest.

# load: the modules, with the transports that the guest has a device for
load()
{
	insmod /vshm/vshm.ko family="$VSHM_FAMILY"
	if [ -e /vshm/vshm_host.ko ]; then
		insmod /vshm/vshm_host.ko
	fi
	if [ -e /vshm/vshm_ivshmem.ko ]; then
		insmod /vshm/vshm_ivshmem.ko
	fi
	# kmemleak remembers callers as numbers, which nothing explains later
	if [ -e /sys/kernel/debug/kmemleak ]; then
		grep '\[vshm' /proc/kallsyms >>/run/symbols
	fi
}

unload()
{
	if [ -d /sys/module/vshm_ivshmem ]; then
		rmmod vshm_ivshmem
	fi
	if [ -d /sys/module/vshm_host ]; then
		rmmod vshm_host
	fi
	rmmod vshm
}

# background NAME COMMAND...: starts COMMAND with its output in /run/NAME.out
background()
{
	name=$1
	shift
	rm -f "/run/$name".*
	{
		"$@" &
		echo $! >"/run/$name.pid"
		if wait $!; then
			echo 0 >"/run/$name.status"
		else
			echo $? >"/run/$name.status"
		fi
	} >"/run/$name.out" 2>&1 &
	eventually 5 [ -s "/run/$name.pid" ]
}

# join NAME [SECONDS]: waits for it, shows its output, returns its status
join()
{
	if ! eventually "${2:-30}" [ -s "/run/$1.status" ]; then
		cat "/run/$1.out"
		return 124
	fi
	cat "/run/$1.out"
	return "$(cat "/run/$1.status")"
}

# signal NAME SIGNAL: sends a signal to what background started
signal()
{
	kill "-$2" "$(cat "/run/$1.pid")"
}

# sockets [COLUMN VALUE]...: how many sockets of the table have these values
sockets()
{
	awk -v want="$*" '
	NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; n = split(want, w) }
	NR > 1 {
		for (i = 1; i < n && $column[w[i]] == w[i + 1]; i += 2);
		count += i > n
	}
	END { print count + 0 }' /proc/net/vshm
}

no_sockets()
{
	[ "$(sockets)" = 0 ]
}

# has_sockets COUNT [COLUMN VALUE]...: are there at least so many?
has_sockets()
{
	least=$1
	shift
	[ "$(sockets "$@")" -ge "$least" ]
}
