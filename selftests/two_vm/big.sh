# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# 1 GiB each way at once. The guests make the data while they send it: 64 times
# 16 MiB of their own noise, each under a heading of its own, so that a lost,
# repeated or misplaced piece shows.

test_1_gib_both_ways_at_once()
{
	local name

	for name in A B; do
		vm "$name" '
		head -c 16m /dev/urandom >/tmp/noise
		mkfifo /tmp/copy
		send()
		{
			sha256sum </tmp/copy >/tmp/sent &
			for i in $(seq 64); do
				echo "piece $i"
				cat /tmp/noise
			done | tee /tmp/copy | socat -u STDIN "$(connect "$1" 5001)"
			wait $!
		}
		receive()
		{
			socat -u "$(listen 5001)" STDOUT | sha256sum >/tmp/received
		}
		background receive receive'
	done
	vm A 'background send send 4'
	vm B 'background send send 3'
	for name in A B; do
		vm -t 600 "$name" 'join send 500; join receive 20
				   rm /tmp/noise /tmp/copy'
	done
	echo "A sent $(vm A 'cat /tmp/sent'), B received $(vm B 'cat /tmp/received')"
	echo "B sent $(vm B 'cat /tmp/sent'), A received $(vm A 'cat /tmp/received')"
	[ "$(vm A 'cat /tmp/sent')" = "$(vm B 'cat /tmp/received')" ]
	[ "$(vm B 'cat /tmp/sent')" = "$(vm A 'cat /tmp/received')" ]
}
