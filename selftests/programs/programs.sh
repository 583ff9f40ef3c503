# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Programs of the distribution, unmodified, with vshm as AF_VSOCK: within VM A
# (CID 3), and between it and VM B (CID 4).

PROGRAMS='PATH=/usr/sbin:/usr/bin:$PATH; export PYTHONDONTWRITEBYTECODE=1'

# guest VM COMMANDS: with the programs in the PATH
guest()
{
	vm -t 120 "$1" "$PROGRAMS
	$2"
}

# serve VM: Python's servers, if they do not run yet
serve()
{
	guest "$1" '[ ! -s /run/serve.status ] && [ -s /run/serve.out ] || {
		background serve python3 /vshm/programs/serve.py
		eventually 30 grep -q serving /run/serve.out
	}'
}

# python CLASS: those tests of clients.py, within A and in both directions
python()
{
	serve A
	serve B
	guest A "python3 /vshm/programs/clients.py 1 3 $1 2>&1"
	guest A "python3 /vshm/programs/clients.py 4 3 $1 2>&1"
	guest B "python3 /vshm/programs/clients.py 3 4 $1 2>&1"
}

test_python_stream()
{
	python Stream
}

test_python_seqpacket()
{
	python Packets
}

test_python_dgram()
{
	python Datagrams
}

test_python_asyncio()
{
	python Asyncio
}

test_python_http()
{
	python Http
}

test_python_machine()
{
	python Machine
}

# Each socat calls by name what the other calls by number.
test_socat()
{
	guest B 'background echo socat VSOCK-LISTEN:5001,fork PIPE
		 background generic socat "$(listen 5002),fork" PIPE
		 eventually 5 has_sockets 2 state LISTENING'
	guest A 'eventually 5 sh -c "echo by name | socat -t 5 - VSOCK-CONNECT:4:5001 | grep -qx \"by name\""
		 echo by number | socat -t 5 - "$(connect 4 5001)" | grep -x "by number"
		 echo other way | socat -t 5 - VSOCK-CONNECT:4:5002 | grep -x "other way"
		 background local socat VSOCK-LISTEN:5003 PIPE
		 eventually 5 has_sockets 1 state LISTENING
		 echo at home | socat -t 5 - VSOCK-CONNECT:1:5003 | grep -x "at home"
		 join local 5'
	guest B 'signal echo TERM; signal generic TERM'
}

# A file through compression at one end and decompression at the other.
test_pipeline()
{
	local from to

	guest A 'for i in $(seq 5); do cat /proc/kallsyms; done >/tmp/file
		 sha256sum </tmp/file' >"$RUN/pipeline.sum"
	guest B 'background unpack sh -c "socat -u VSOCK-LISTEN:5004 STDOUT | zstd -dc | sha256sum"
		 eventually 5 has_sockets 1 l.port 5004 state LISTENING'
	guest A 'zstd -1 -c /tmp/file | socat -u STDIN VSOCK-CONNECT:4:5004; rm /tmp/file'
	from=$(<"$RUN/pipeline.sum")
	to=$(guest B 'join unpack 60')
	echo "sent $from, received $to"
	[ "$from" = "$to" ]
}

# OpenSSH's client and server, which know nothing of the family.
test_openssh()
{
	guest B '
	mkdir -p /run/sshd /root/.ssh
	chmod 755 /run/sshd
	ssh-keygen -q -t ed25519 -N "" -f /root/.ssh/host
	printf "%s\n" "HostKey /root/.ssh/host" "UsePAM no" "StrictModes no" \
		"PermitRootLogin yes" "AuthorizedKeysFile /root/.ssh/keys" >/root/.ssh/config
	background sshd socat VSOCK-LISTEN:22,fork "EXEC:/usr/sbin/sshd -i -f /root/.ssh/config"
	eventually 5 has_sockets 1 l.port 22'
	guest A '
	mkdir -p /root/.ssh
	ssh-keygen -q -t ed25519 -N "" -f /root/.ssh/key
	cat /root/.ssh/key.pub' >"$RUN/key.pub"
	guest B "echo '$(tail -n 1 "$RUN/key.pub")' >/root/.ssh/keys"
	guest A '
	head -c 4m /dev/urandom >/tmp/sent
	in_b()
	{
		ssh -F none -i /root/.ssh/key -o StrictHostKeyChecking=no \
			-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
			-o ProxyCommand="socat - VSOCK-CONNECT:4:22" root@b "$@"
	}
	in_b "cat >/tmp/there; grep -c . /proc/net/vshm" </tmp/sent
	in_b cat /tmp/there >/tmp/back
	cmp /tmp/sent /tmp/back'
	guest B 'signal sshd TERM'
}

# curl knows no AF_VSOCK, and need not.
test_curl()
{
	serve B
	guest A '
	head -c 3m /dev/urandom >/tmp/up
	background gate socat UNIX-LISTEN:/run/gate,fork VSOCK-CONNECT:4:8080
	eventually 5 [ -S /run/gate ]
	curl -sSf --unix-socket /run/gate -T /tmp/up http://b/file
	curl -sSf --unix-socket /run/gate -o /tmp/down http://b/file
	cmp /tmp/up /tmp/down
	signal gate TERM'
}

# Tables, ports and links of one network namespace are not seen in another.
test_network_namespaces()
{
	guest A '
	mkdir -p /run/netns
	/usr/bin/ip netns add other
	# the links are not there, nor the sockets, and a port is free
	/usr/bin/ip netns exec other cat /proc/net/vshm_links | grep -c . | grep -x 2
	background here socat -u VSOCK-LISTEN:5010 STDOUT
	eventually 5 has_sockets 1 l.port 5010
	/usr/bin/ip netns exec other grep -c 5010 /proc/net/vshm && exit 1
	background there /usr/bin/ip netns exec other socat -u VSOCK-LISTEN:5010 STDOUT
	eventually 5 /usr/bin/ip netns exec other grep -q 5010 /proc/net/vshm
	# CID 1 is the namespace itself
	echo for there | /usr/bin/ip netns exec other socat -u STDIN VSOCK-CONNECT:1:5010
	echo for here | socat -u STDIN VSOCK-CONNECT:1:5010
	join there 5 | grep -x "for there"
	join here 5 | grep -x "for here"
	# nobody leads out of it
	! /usr/bin/ip netns exec other socat -u OPEN:/dev/null VSOCK-CONNECT:4:5010 2>/tmp/error
	grep "No such device" /tmp/error
	/usr/bin/ip netns del other'
}

# Those of AF_VSOCK, to ss.
test_ss()
{
	guest B 'background far socat -u VSOCK-LISTEN:5021 OPEN:/dev/null
		 eventually 5 has_sockets 1 l.port 5021'
	# servers of other tests may be there
	guest A '
	had=$(sockets)
	listeners() { ss --vsock -l -n | sed 1d | wc -l; }
	listening=$(listeners)
	background near vshm cat -l -k -r -n 5020
	background packets vshm cat -l -k -r -n -t seqpacket 5022
	background datagrams vshm cat -l -r -t dgram 5023
	mkfifo /tmp/near /tmp/far
	background holder sh -c "exec sleep 1000 >/tmp/near 3>/tmp/far"
	background to_near sh -c "exec socat -u STDIN VSOCK-CONNECT:1:5020,retry=20 </tmp/near"
	background to_far sh -c "exec socat -u STDIN VSOCK-CONNECT:4:5021 </tmp/far"
	eventually 10 has_sockets 1 r.port 5021 state CONNECTED
	eventually 10 has_sockets 1 r.port 5020 state CONNECTED
	eventually 10 has_sockets 1 l.port 5020 state CONNECTED
	eventually 10 has_sockets 1 l.port 5022
	eventually 10 has_sockets 1 l.port 5023
	ss --vsock -a -n -p | tee /tmp/ss
	# shown REGEX: spaces stand for any number of them
	shown() { grep -Eqx "$(echo "$1" | sed "s/ / +/g") *" /tmp/ss; }
	shown "v_str LISTEN 0 0 \*:5020 \*:\* users:.*vshm.*"
	# older ones know no name for packets
	shown "(v_seq|[?]{3}) LISTEN 0 0 \*:5022 \*:\* users:.*vshm.*"
	shown "v_dgr UNCONN 0 0 \*:5023 \*:\* users:.*vshm.*"
	shown "v_str ESTAB 0 0 1:[0-9]+ 1:5020 users:.*socat.*"
	shown "v_str ESTAB 0 0 1:5020 1:[0-9]+ users:.*vshm.*"
	shown "v_str ESTAB 0 0 3:[0-9]+ 4:5021 users:.*socat.*"
	[ "$(sed 1d /tmp/ss | wc -l)" = "$(sockets)" ]
	# unconnected ones count as well
	[ "$(listeners)" = $((listening + 3)) ]
	signal holder TERM
	join to_near; join to_far
	for name in near packets datagrams; do signal $name TERM; done
	as_before() { [ "$(sockets)" = "$had" ]; }
	eventually 5 as_before'
}
