# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What check.sh asks a kernel that watches itself (VM_DEBUG set, see debug.sh),
# beyond what it asks any kernel. Without VM_DEBUG these functions do nothing.

# What a kernel never says, not even of allocations that a program made fail.
SPLAT='BUG:|WARNING:|KASAN|UBSAN|KCSAN|INFO:|Oops|general protection|kernel BUG'
SPLAT+='|refcount_t|corruption|self-detected stall'

# splats NAME TEST: a VM whose kernel complained since the last call, dead or
# alive, fails a test that is named after what ran meanwhile
splats()
{
	local seen=$RUN/$1/seen messages

	[ -n "${VM_DEBUG:-}" ] && [ -e "$RUN/$1/console" ] || return 0
	messages=$(vm_messages "$1" | tail -n "+$(($(cat "$seen" 2>/dev/null || echo 0) + 1))")
	[ -n "$messages" ] || return 0
	vm_messages "$1" | wc -l >"$seen"
	case $2 in
	faults|fault_workers|fuzz)
		grep -qE "$SPLAT" <<<"$messages" || return 0
		;;
	esac
	report "not ok" "$2: no splat of VM $1's kernel"
	indent <<<"$messages"
}

# lockdep gives up at its first report, or when its tables are full. kmemleak
# does when it runs out of memory; no_leaks() cannot ask for a scan then.
still_watching()
{
	vm "$1" 'grep -q "debug_locks: *1" /proc/lockdep_stats'
}

# What was allocated within the last seconds is not called lost yet, hence the
# sleep. The second scan spares what moved while the first one ran.
no_leaks()
{
	vm -t 120 "$1" '
	[ ! -d /sys/module/vshm ] || unload
	sleep 6
	echo scan >/sys/kernel/debug/kmemleak
	sleep 6
	echo scan >/sys/kernel/debug/kmemleak
	cat /sys/kernel/debug/kmemleak >/run/leaks
	touch /run/symbols
	sort -u /run/symbols | awk "
	NR == FNR {
		if (\$2 ~ /^[tT]\$/) {
			address[++n] = \$1
			name[n] = \$3
		}
		next
	}
	/ 0x[0-9a-f]*\$/ {
		caller = substr(\$NF, 3)
		for (i = n; i && address[i] > caller; i--);
		if (i) \$0 = \$0 \" in \" name[i]
	}
	{ print }" - /run/leaks | head -n 300
	[ ! -s /run/leaks ]'
}

# watchers NAME TEST: at the end of a VM's life, with its work done: nothing is
# lost once the modules are gone, and all that was to watch did so to the end
watchers()
{
	[ -n "${VM_DEBUG:-}" ] && vm_alive "$1" || return 0
	attempt "$2: nothing leaks in VM $1" no_leaks "$1"
	attempt "$2: lockdep still watches VM $1" still_watching "$1"
	splats "$1" "$2"
}
