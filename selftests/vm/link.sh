# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A link: vshmd, with VM A as CID 3 on one side and VM B as CID 4 on the other.
#
#        VM A  CID 3                    VM B  CID 4
#      +--------------+               +--------------+
#      | vshm_ivshmem |               | vshm_ivshmem |
#      +------+-------+               +-------+------+
#             |  ivshmem-doorbell             |
#      +------+-------+               +-------+------+
#      |     QEMU     |               |     QEMU     |
#      +------+-------+               +-------+------+
#             | $RUN/vshmd/3                  | $RUN/vshmd/4
#             +-------------. vshmd .---------+

LINK_SIZE=${LINK_SIZE:-64M}

declare -rA CID=([A]=3 [B]=4)

vshmd_start()
{
	local dir=$RUN/vshmd

	mkdir -p "$dir"
	rm -f "$dir"/[34]
	"$TOP/userspace/vshmd/vshmd" --link "3=$dir/3,4=$dir/4,size=$LINK_SIZE" \
		</dev/null >>"$dir/log" 2>&1 &
	echo $! >"$dir/pid"
	disown
	if ! eventually 5 [ -S "$dir/3" -a -S "$dir/4" ]; then
		cat "$dir/log" >&2
		die "vshmd does not serve its link"
	fi
}

vshmd_alive()
{
	[ -e "$RUN/vshmd/pid" ] && alive "$(<"$RUN/vshmd/pid")"
}

vshmd_kill()
{
	end "$(<"$RUN/vshmd/pid")"
}

# link_boot NAME [ARCHIVE...] [-- QEMU-OPTION...]: starts VM A or B at its end of
# the link; does not wait for it
link_boot()
{
	local args=("$@")

	[[ " $* " == *" -- "* ]] || args+=(--)
	vm_boot "${args[@]}" \
		-chardev "socket,id=link,path=$RUN/vshmd/${CID[$1]}" \
		-device "ivshmem-doorbell,id=ivshmem,chardev=link,vectors=2" \
		-qmp "unix:$RUN/$1/qmp,server=on,wait=off"
}
