# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Two VMs that stay up. Ports 5001 and 5002 lead to VM B and to VM A.

test_both_see_the_link()
{
	local name

	for name in A B; do
		vm "$name" 'cat /sys/bus/pci/drivers/vshm_ivshmem/*/device'
	done
	hello A B
	hello B A
}

test_files_both_ways_at_once()
{
	local sum_a sum_b

	vm A 'head -c 32m /dev/urandom >/tmp/out
	      background receive socat -u "$(listen 5002)" OPEN:/tmp/in,creat,trunc'
	vm B 'head -c 32m /dev/urandom >/tmp/out
	      background receive socat -u "$(listen 5001)" OPEN:/tmp/in,creat,trunc'
	vm A 'background send socat -u /tmp/out "$(connect 4 5001)"'
	vm B 'background send socat -u /tmp/out "$(connect 3 5002)"'
	vm A 'join send 60; join receive 60'
	vm B 'join send 60; join receive 60'
	sum_a=$(vm A 'sha256sum </tmp/out; sha256sum </tmp/in')
	sum_b=$(vm B 'sha256sum </tmp/in; sha256sum </tmp/out')
	vm A 'rm /tmp/in /tmp/out'
	vm B 'rm /tmp/in /tmp/out'
	echo "out of A, into A: $sum_a; into B, out of B: $sum_b"
	[ "$sum_a" = "$sum_b" ]
}

# stress ARGUMENTS: the client in A, the echo server in B
stress()
{
	vm B 'background server vshm_stress server --port 6000
	      eventually 5 has_sockets 1 l.port 6000 state LISTENING'
	vm -t 200 A "vshm_stress client --cid 4 --port 6000 $*"
	vm B 'signal server TERM; join server 10'
	# both tables are empty again
	vm A 'eventually 5 no_sockets'
	vm B 'eventually 5 no_sockets'
}

test_1000_connections_in_turn()
{
	stress --sequential 1000
}

test_200_connections_at_once()
{
	stress --parallel 200
}

# recipe SECTION NUMBER: the command of that number in a section of operators.rst
recipe()
{
	awk -v section="$1" -v number="$2" '
	$0 == section { here = 1 }
	here && /^    / { if (!within) n++; if (n == number) print }
	{ within = /^    / }' "$TOP/Documentation/operators.rst"
}

# As operators.rst says, with B as the first host, A as its guest 3, and a network
# namespace of B, with a table of its own, as the second host.
test_beyond_one_host()
{
	if ! vm B 'modprobe veth 2>/dev/null'; then
		echo "a kernel without veth"
		return 4
	fi
	vm A 'background service vshm_stress server --port 5000
	      eventually 5 has_sockets 1 l.port 5000 state LISTENING'
	vm -t 200 B "ip link add near type veth
	background second unshare -n sleep 1000
	pid=\$(cat /run/second.pid)
	second() { nsenter -t \$pid -n \"\$@\"; }
	moved() { ip link set veth0 netns \$pid 2>/dev/null; [ ! -e /sys/class/net/veth0 ]; }
	eventually 10 moved
	ip addr add 192.0.2.1/24 dev near
	ip link set near up
	second ip addr add 192.0.2.2/24 dev veth0
	second ip link set veth0 up
	echo 192.0.2.1 first-host >/etc/hosts

	echo 'exec $(recipe "Beyond one host" 1)' >/tmp/on-first
	echo 'exec $(recipe "Beyond one host" 2)' >/tmp/on-second
	cat /tmp/on-*
	background first sh /tmp/on-first
	background second_proxy nsenter -t \$pid -n sh /tmp/on-second
	eventually 10 second grep -q ' LISTENING .* 5000 ' /proc/net/vshm
	head -c 4m /dev/urandom >/tmp/sent
	second socat -t 100 - \"\$(connect 1 5000)\" </tmp/sent >/tmp/back
	cmp /tmp/sent /tmp/back
	for name in first second_proxy second; do
		signal \$name TERM
		join \$name 5 || true
	done
	rm /tmp/sent /tmp/back"
	vm A 'signal service TERM; join service 5 || true; eventually 5 no_sockets'
}

# A guest whose monitor has no ivshmem-doorbell reaches guest 3 over a Unix socket;
# B is the host, and a socat there is the monitor.
test_proxy_for_other_monitors()
{
	vm A 'background service vshm_stress server --port 5000
	      eventually 5 has_sockets 1 l.port 5000 state LISTENING'
	vm -t 200 B "
	echo 'exec $(recipe "Other machine monitors" 1)' >/tmp/proxy
	cat /tmp/proxy
	background proxy sh /tmp/proxy
	eventually 5 [ -S /run/vm.vsock_5000 ]
	head -c 4m /dev/urandom >/tmp/sent
	socat -t 100 - UNIX-CONNECT:/run/vm.vsock_5000 </tmp/sent >/tmp/back
	cmp /tmp/sent /tmp/back
	signal proxy TERM
	join proxy 5 || true
	rm /tmp/sent /tmp/back"
	vm A 'signal service TERM; join service 5 || true; eventually 5 no_sockets'
}
