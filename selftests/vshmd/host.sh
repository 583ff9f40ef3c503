#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# vshmd and the host's kernel: links to the host are attached, kept over the
# death of vshmd, replaced and detached. Prints TAP. Takes root, the modules
# vshm and vshm_host loaded, and the programs in the PATH, and no other link;
# in a VM:
#
#   selftests/vm/run-vm.sh -f bin/vshmd=userspace/vshmd/vshmd \
#	-f bin/vshm=userspace/vshm/vshm <selftests/vshmd/host.sh

# Whoever runs this may have asked for more: here failures are verdicts.
set +e

dir=$(mktemp -d)
number=0 failed=0

# ok WHAT: the verdict on the command before
ok()
{
	verdict=$?
	number=$((number + 1))
	if [ $verdict = 0 ]; then
		echo "ok $number - host: $1"
	else
		echo "not ok $number - host: $1"
		failed=1
		sed 's/^/# /' "$dir/log"
		vshm link -e | sed 's/^/# /'
	fi
}

# links: PEER:SIZE:EPOCH of all links to guests
links()
{
	awk 'NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i }
	NR > 1 && $column["peer"] != 1 {
		printf "%s%s:%s:%s", sep, $column["peer"], $column["size"], $column["epoch"]
		sep = " "
	}' /proc/net/vshm_links
}

# policy: SRC:DST:VERDICT of all rules
policy()
{
	vshm policy | awk 'NR > 1 { printf "%s%s:%s:%s", sep, $1, $2, $3; sep = " " }'
}

ask()
{
	vshm --control "$dir/control" "$@" >"$dir/out" 2>&1
}

start()
{
	vshmd -v -c "$dir/conf" --keep="$dir/keep" 2>>"$dir/log" &
	pid=$!
	for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		if ask guest list; then
			return 0
		fi
		sleep 0.1
	done
	return 1
}

# config GUESTS [POLICY]
config()
{
	cat >"$dir/conf" <<-END
	{ "control": "$dir/control", "guests": [ $1 ], "policy": [ ${2-} ] }
	END
}

three="{\"cid\": 3, \"socket\": \"$dir/3\", \"size\": \"4M\"}"
four="{\"cid\": 4, \"socket\": \"$dir/4\", \"size\": \"8M\", \"max_connections\": 7}"
larger="{\"cid\": 4, \"socket\": \"$dir/4\", \"size\": \"16M\"}"

config "$three, $four" '{"src": 3, "dst": "any", "allow": true}'
start && [ "$(links)" = "3:4194304:1 4:8388608:1" ]
ok "guests are joined to the host"

[ "$(policy)" = "3:*:allow" ]
ok "the policy is in force"

kill -KILL $pid
wait $pid 2>/dev/null
[ "$(links)" = "3:4194304:1 4:8388608:1" ] && start &&
	[ "$(links)" = "3:4194304:1 4:8388608:1" ] && grep -q "goes on" "$dir/log"
ok "links go on when vshmd is killed and started again"

kill -TERM $pid
wait $pid
start && [ "$(links)" = "3:4194304:1 4:8388608:1" ]
ok "links go on when vshmd is stopped and started again"

ask guest add 9 socket "$dir/9" size 2M &&
	[ "$(links)" = "3:4194304:1 4:8388608:1 9:2097152:1" ] && [ -S "$dir/9" ]
ok "a guest is added at run time"

ask guest args 9 qemu && grep -q "path=$dir/9 .*vectors=2" "$dir/out"
ok "QEMU is told that the host is at the other end"

! ask guest add 9 socket "$dir/99" && grep -q "CID 9" "$dir/out" &&
	[ ! -e "$dir/99" ]
ok "a guest is not added twice"

ask guest remove 9 && [ "$(links)" = "3:4194304:1 4:8388608:1" ] &&
	[ ! -e "$dir/9" ]
ok "a guest is removed at run time"

ask guest detach && [ -z "$(links)" ] && [ -S "$dir/3" ] && ask guest list &&
	grep -q "$dir/4" "$dir/out"
ok "the host is detached, guests are still served"

rmmod vshm_host && insmod "${VSHM_HOST_KO:-/vshm/vshm_host.ko}" && [ -z "$(links)" ]
ok "its module can be replaced then"

ask guest reload && [ "$(links)" = "3:4194304:3 4:8388608:3" ] &&
	[ "$(policy)" = "3:*:allow" ]
ok "and is attached again, to the same memory"

ask guest detach
kill -KILL $pid
wait $pid 2>/dev/null
start && [ "$(links)" = "3:4194304:5 4:8388608:5" ]
ok "the next vshmd attaches it as well"

config "$three, $larger" '{"src": 4, "dst": 3, "allow": false}'
ask guest reload && [ "$(links)" = "3:4194304:5 4:16777216:1" ]
ok "a link that is changed is replaced, another is not disturbed"

[ "$(policy)" = "4:3:deny" ]
ok "a rule that the configuration no longer has is removed"

config "$three, $larger" '{"src": "any", "dst": 4, "allow": true}'
kill -KILL $pid
wait $pid 2>/dev/null
[ "$(policy)" = "4:3:deny" ] && start && [ "$(policy)" = "*:4:allow" ]
ok "rules of a vshmd that was killed are replaced by the next one's"

config '{"cid": 1}'
! ask guest reload && grep -q 'guests\[0\].cid: 1' "$dir/out" &&
	[ "$(links)" = "3:4194304:5 4:16777216:1" ]
ok "a wrong configuration changes nothing"

! vshmd -g "3=$dir/other" 2>"$dir/out" && grep -q "already" "$dir/out" &&
	[ ! -e "$dir/other" ] && [ "$(policy)" = "*:4:allow" ]
ok "another vshmd cannot attach the same CID"

kill -INT $pid
wait $pid
sleep 0.5
[ -z "$(links)$(policy)" ] && [ ! -e "$dir/3" ] && [ ! -e "$dir/keep" ]
ok "SIGINT leaves nothing"

rm -rf "$dir"
echo "1..$number"
exit $failed
