# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# 1 GiB each way at once. The guests make the data while they send it: 64 times
# 16 MiB of their own noise, each under a heading of its own, so that a lost,
# repeated or misplaced piece shows.

# flow VM PEER-CID: both ends of the streams in a VM
flow()
{
	vm "$1" "
	mkfifo /tmp/copy
	head -c 16m /dev/urandom >/tmp/noise
	send()
	{
		sha256sum </tmp/copy >/tmp/sent &
		for i in \$(seq 64); do
			echo \"piece \$i\"
			cat /tmp/noise
		done | tee /tmp/copy | socat -b 131072 -u STDIN \"\$(connect $2 5001)\"
		wait \$!
	}
	receive()
	{
		socat -b 131072 -u \"\$(listen 5001)\" STDOUT | sha256sum >/tmp/received
	}
	background receive receive
	background send send"
}

test_1_gib_both_ways_at_once()
{
	local name

	flow A 4
	flow B 3
	for name in A B; do
		vm -t 600 "$name" 'join send 500; join receive 60; rm /tmp/noise /tmp/copy'
	done
	echo "A sent $(vm A 'cat /tmp/sent'), B received $(vm B 'cat /tmp/received')"
	echo "B sent $(vm B 'cat /tmp/sent'), A received $(vm A 'cat /tmp/received')"
	[ "$(vm A 'cat /tmp/sent')" = "$(vm B 'cat /tmp/received')" ]
	[ "$(vm B 'cat /tmp/sent')" = "$(vm A 'cat /tmp/received')" ]
}
