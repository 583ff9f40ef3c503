# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Functions for both sides: the host's bash and the guests' BusyBox sh.

VSHM_FAMILY=${VSHM_FAMILY:-18}

# address CID PORT: struct sockaddr_vshm after its family field, the way socat
# takes the address of a generic socket: reserved1, port, cid, flags, zero
address()
{
	printf 'x0000'
	for number in "$2" "$1"; do
		printf '%02x%02x%02x%02x' $((number & 255)) \
			$((number >> 8 & 255)) $((number >> 16 & 255)) \
			$((number >> 24 & 255))
	done
	printf '00000000'
}

# listen PORT, connect CID PORT: socat addresses; a listener that is about to
# come is waited for
listen()
{
	echo "SOCKET-LISTEN:$VSHM_FAMILY:0:$(address 4294967295 "$1")"
}

connect()
{
	echo "SOCKET-CONNECT:$VSHM_FAMILY:0:$(address "$1" "$2"),retry=40,interval=0.1"
}

# eventually SECONDS COMMAND...: try COMMAND until it succeeds; a machine that
# is slow by a factor gets so many times the seconds, and one that naps longer
# in between gets longer as well
eventually()
{
	seconds=$(($1 * ${VM_SLOW:-1}))
	tries=$((seconds * 20))
	shift
	until "$@"; do
		tries=$((tries - 1))
		if [ $tries = 0 ]; then
			echo "not within $seconds s: $*" >&2
			return 1
		fi
		sleep "${VM_NAP:-0.05}"
	done
}
