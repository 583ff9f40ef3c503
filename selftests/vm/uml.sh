# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Kernels that are processes of this machine (User-Mode Linux), in the place of
# VMs. Sourced by vm.sh.

# uml_kernel DIRECTORY: is it that of such a kernel?
uml_kernel()
{
	grep -qs '^CONFIG_UML=y' "$1/.config"
}

# uml_boot NAME INITRD PARAMETER...: as vm_boot. The kernel's messages go to its
# first console, before there is one to standard error; commands come by the
# second serial line.
uml_boot()
{
	local name=$1 dir=$RUN/$1 initrd=$2

	shift 2
	"$IMAGE" "mem=$VM_MEMORY" "ncpus=$VM_CPUS" seccomp=on \
		"umid=$name" "uml_dir=$dir" "initrd=$initrd" \
		con=null con0=null,fd:5 ssl=null ssl1=fd:3,fd:4 "$@" \
		3<>"$dir/ctl.in" 4<>"$dir/ctl.out" 5>>"$dir/console" \
		</dev/null >"$dir/qemu.log" 2>>"$dir/console" &
	echo $! >"$dir/pid"
	disown
}
