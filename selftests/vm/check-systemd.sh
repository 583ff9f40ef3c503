# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The Debian of check-package.sh in VM A, with the packages installed and systemd
# as its init; its disk is an image, which is forgotten afterwards. At last it runs
# the second of the two kernels that DKMS built for, and there the packages are
# removed, purged, and installed anew. The VM has the end with CID 3 of a link
# whose other end nobody takes. In there vshmd runs with a guest 7, whose part
# peer.py plays, in a network namespace; and with guest 3, a VM as those of
# nested.sh, for the way that README.md shows.

# of check-package.sh: releases of the two kernels, and where the second one is
: "${first:?}" "${second:?}" "${second_root:?}"

# the kernel of that Debian, not the machine's; ext4 asks for the checksum by name
STOCK_MODULES=(virtio_pci virtio_blk crc32c_generic ext4)
# shellcheck source=selftests/vm/vm.sh
. "$VM_DIR/vm.sh"
# shellcheck source=selftests/vm/link.sh
. "$VM_DIR/link.sh"
# shellcheck source=selftests/vm/nested.sh
. "$VM_DIR/nested.sh"

# what boots it, and what lets us in
systemd_pack()
{
	local root=$RUN/root pair

	cat >"$RUN/init" <<-'END'
	#!/bin/busybox sh
	/bin/busybox --install -s /bin
	mount -t proc proc /proc
	mount -t sysfs sysfs /sys
	mount -t devtmpfs devtmpfs /dev
	modprobe -a virtio_pci virtio_blk crc32c_generic ext4
	mkdir /disk
	mount -t ext4 /dev/vda /disk || echo "no disk" >/dev/console
	umount /proc /sys /dev
	exec switch_root /disk /lib/systemd/systemd
	END
	chmod +x "$RUN/init"
	pack systemd init="$RUN/init"

	cat >"$root/usr/local/sbin/agent" <<-'END'
	#!/bin/bash
	echo '<4>vshm-vm: guest is ready' >/dev/kmsg
	exec <>/dev/ttyS1 >&0 2>&1
	stty raw -echo
	printf '\036 ready 0\n'
	while read -r number command; do
		{
			echo '. /etc/common.sh; . /etc/guest.sh'
			echo "$command" | base64 -d
		} >/run/command
		bash -eu -o pipefail /run/command </dev/null
		printf '\036 %s %s\n' "$number" $?
	done
	END
	chmod +x "$root/usr/local/sbin/agent"
	cat >"$root/etc/systemd/system/agent.service" <<-'END'
	[Unit]
	After=vshmd.service
	[Service]
	Environment=VSHM_FAMILY=18 HOME=/root
	EnvironmentFile=/etc/agent.env
	ExecStart=/usr/local/sbin/agent
	[Install]
	WantedBy=multi-user.target
	END
	echo "VM_SLOW=$VM_SLOW" >"$root/etc/agent.env"
	mkdir -p "$root/etc/systemd/system/vshmd.service.d"
	printf '[Service]\nWatchdogSec=5\n' >"$root/etc/systemd/system/vshmd.service.d/test.conf"
	cp "$VM_DIR"/{common,guest}.sh "$root/etc/"
	cp -r "$RUN/debs" "$root/debs"
	mkdir -p "$root/vshm"
	cp "$TOP"/selftests/vshmd/{harness,peer}.py "$root/vshm/"
	nested_guest bin/vshm="$TOP/userspace/vshm/vshm"
	for pair in "${NESTED_FILES[@]}"; do
		install_file "$root" "${pair#*=}" "${pair%%=*}"
	done
	# one that shows what comes at once; that of Debian does not
	install_file "$root" "$(command -v busybox)" nested/bin/awk
	# the dots of README.md are what starts the guest
	cat >"$root/usr/local/bin/qemu-system-x86_64" <<-'END'
	#!/bin/sh
	[ "$1" = ... ] || exit
	shift
	PATH=/usr/bin:$PATH
	. /etc/common.sh
	. /nested/functions.sh
	GUEST_LINKS=
	guest_boot 3 "$@"
	END
	# in a container: what it sees, and one byte stream within it
	cat >"$root/usr/local/bin/talk" <<-'END'
	#!/bin/sh -e
	cat /proc/net/vshm_links
	vshm cat -l 5000 </dev/null &
	sleep 2
	echo hello | vshm cat -W 10 1 5000
	wait
	END
	chmod +x "$root"/usr/local/bin/{qemu-system-x86_64,talk}
	inside systemctl -q enable agent.service
	inside systemctl -q mask serial-getty@ttyS0.service getty@tty1.service
	inside systemctl -q disable docker.service docker.socket containerd.service
	inside passwd -q -d root
}

# systemd_start KERNEL ROOT: boots the disk with the kernel of that tree
systemd_start()
{
	# shellcheck disable=SC2034
	local KERNEL=$1 KERNEL_ROOT=$2 IMAGE

	IMAGE=$(kernel_image)
	# addresses as in nested.sh
	VM_MEMORY=1G VM_APPEND="systemd.show_status=0 norandmaps" \
		vm_boot A "$RUN/systemd.cpio" -- \
		-drive "file=$RUN/disk,if=virtio,format=raw,cache=unsafe" \
		-chardev "socket,id=link,path=$RUN/vshmd/3" \
		-device "ivshmem-doorbell,chardev=link,vectors=2"
	vm_answer A ready 300
	vm A 'uname -r' | grep -x "$KERNEL"
}

# The disk, of the tree as it is now, with what DKMS built for the second kernel: a
# compiler is slow in the VM.
systemd_disk()
{
	[ -n "${COMPILE:-}" ] || quietly "$RUN/log" inside dkms mktarball \
		"vshm/$(version_of new)" -k "$second" --archive=/debs/built.tar.gz
	truncate -s 3G "$RUN/disk"
	mke2fs -q -t ext4 -d "$RUN/root" "$RUN/disk"
	rm -f "$RUN/root/debs/built.tar.gz"
}

systemd_boot()
{
	vshmd_start
	systemd_start "$first" "$RUN/root"
	vm A 'systemctl show vshmd -p ActiveState -p User -p NFileDescriptorStore -p StatusText'
}

test_device_loads_guest_driver()
{
	vm A 'eventually 20 grep "^vshm_ivshmem " /proc/modules
	      cat /proc/net/vshm_links
	      grep "region 3 4" /proc/net/vshm_links'
}

test_unit_is_ready()
{
	vm A 'systemctl is-active vshmd || { journalctl --no-pager -u vshmd; exit 1; }
	      [ "$(stat -c %U "/proc/$(systemctl show vshmd -p MainPID --value)")" = vshm ]
	      vshm guest list'
}

test_socket_loads_family()
{
	vm A 'systemctl stop vshmd
	      modprobe -r vshm_ivshmem vshm_host vshm
	      if grep "^vshm" /proc/modules; then exit 1; fi
	      python3 -c "import socket; socket.socket(18, socket.SOCK_STREAM)"
	      grep "^vshm " /proc/modules'
}

test_examples()
{
	vm -t 200 A 'PATH=$PATH:/usr/share/doc/vshm-dev/examples
	for server in hello hello.py hello.sh; do
		for client in hello hello.py hello.sh; do
			background hello $server
			eventually 10 has_sockets 1 l.port 5000
			$client 1
			join hello 10 | grep -x hello
		done
	done'
}

test_opening_loads_host_driver()
{
	vm A 'systemctl stop vshmd
	      modprobe -rq vshm_host || true
	      if grep "^vshm_host " /proc/modules; then exit 1; fi
	      ls -l /dev/vshm
	      : <>/dev/vshm
	      grep "^vshm_host " /proc/modules
	      systemctl start vshmd'
}

# undisturbed COMMANDS: they are run in the VM while bytes go over a link
undisturbed()
{
	vm -t 120 A 'systemctl start vshmd
	      vshm guest add 7
	      background peer python3 /vshm/peer.py /run/vshm/7 7
	      eventually 30 grep -q connected /run/peer.out
	      sleep 1
	      pid() { systemctl show vshmd -p MainPID --value; }
	      other() { [ "$(pid)" != 0 ] && [ "$(pid)" != "$old" ] && systemctl -q is-active vshmd; }
	      old=$(pid)
	      '"$1"'
	      eventually 40 other
	      vshm guest list | grep -q "^ *7"
	      sleep 1
	      signal peer TERM
	      join peer 20
	      vshm guest remove 7'
}

test_restart_disturbs_nothing()
{
	undisturbed 'systemctl restart vshmd'
}

test_kill_disturbs_nothing()
{
	undisturbed 'systemctl kill -s KILL vshmd'
}

test_watchdog_restarts_what_hangs()
{
	undisturbed 'systemctl kill -s STOP vshmd'
}

# in_guest COMMANDS: in VM A, they are run in its guest 3
IN_GUEST='
	. /nested/functions.sh
	in_guest() { guest 3 300 "$(base64 -w0 <<<"$1")"; }'

# From the packages to a socket between host and guest, in the five commands of
# README.md; the first of them is what install_packages ran.
test_newcomer()
{
	# CID 3 is its own guest now
	vm A 'modprobe -r vshm_ivshmem'
	[ "$(readme | wc -l)" = 5 ]
	readme
	vm -t 1000 A "sudo() { \"\$@\"; }
	PATH=/nested/bin:\$PATH
	$(readme 2)
	$(readme 3)
	$IN_GUEST
	eventually 100 [ -e /run/guest/3/pid ]
	guest_ready 3
	in_guest load
	in_guest 'background hello $(readme 4)
		eventually 20 has_sockets 1 l.port 5000 || cat /run/hello.out'
	eventually 60 grep ' 2 3 up' /proc/net/vshm_links
	$(readme 5)
	in_guest 'join hello 20' | tee /dev/stderr | grep -x hello"
}

# upgrading WHERE: the commands of operators.rst that take the new modules
upgrading()
{
	awk -v where="$1" '
	/^Upgrading$/ { here = 1 }
	/^Live migration$/ { here = 0 }
	here && /^        / { if (!within) n++; if (n == where) print }
	{ within = /^        / }' "$TOP/Documentation/operators.rst" | sed 's/sudo //'
}

# Modules of a host are replaced as operators.rst says, with bytes on their way
# to the guest of test_newcomer, which then reaches the host again.
test_modules_replaced_under_load()
{
	vm -t 1000 A "PATH=/nested/bin:\$PATH
	$IN_GUEST
	in_guest 'background sink sh -c \"exec vshm cat -l -r -n 5001 >/dev/null\"
		eventually 20 has_sockets 1 l.port 5001'
	background source sh -c 'exec vshm cat 3 5001 </dev/zero'
	eventually 60 has_sockets 1 r.port 5001 state CONNECTED
	sleep 2
	cat /proc/net/vshm
	$(upgrading 2 | head -n 2)
	if join source 20; then exit 1; fi
	$(upgrading 2 | tail -n +3)
	lsmod | grep vshm
	eventually 60 grep ' 2 3 up' /proc/net/vshm_links
	in_guest 'join sink 20 || true
		background hello vshm cat -l 5000
		eventually 20 has_sockets 1 l.port 5000'
	echo hello | vshm cat 3 5000
	in_guest 'join hello 20' | grep -x hello
	guest_kill 3
	vshm guest remove 3"
}

# In a guest they are removed with the link up. vshmd ends its own links here.
test_modules_of_guest_replaced()
{
	vm A "systemctl stop vshmd
	modprobe -r vshm_host
	$(upgrading 1)
	eventually 20 grep 'region 3 4' /proc/net/vshm_links
	systemctl start vshmd"
}

# What operators.rst says of containers and of filters for families, with services
# of systemd, which are confined by the same means.
test_containers()
{
	vm A 'echo "import socket; socket.socket(18, socket.SOCK_STREAM)" >/run/open.py
	# service COMMAND SETTING...: runs it so, its output in /run/try.out
	service()
	{
		printf "%s\n" "[Service]" Type=oneshot "ExecStart=$@" \
			StandardOutput=truncate:/run/try.out StandardError=inherit \
			>/run/systemd/system/try.service
		systemctl daemon-reload
		systemctl start try.service
	}
	open() { service "/usr/bin/python3 /run/open.py" "RestrictAddressFamilies=$1"; }
	open "AF_UNIX AF_ASH"
	if open AF_UNIX; then exit 1; fi
	grep "Address family not supported" /run/try.out
	modprobe vshm_ivshmem
	eventually 20 grep "region 3 4" /proc/net/vshm_links
	service /usr/local/bin/talk PrivateNetwork=no
	grep "region 3 4" /run/try.out
	grep -x hello /run/try.out
	service /usr/local/bin/talk PrivateNetwork=yes
	cat /run/try.out
	if grep region /run/try.out; then exit 1; fi
	grep -x hello /run/try.out'
}

# Containers of Docker, whose programs are those of the VM, with its default profiles
# for seccomp and AppArmor; and one of containerd with its own.
test_docker()
{
	vm -t 600 A 'modprobe vshm_ivshmem
	eventually 20 grep "region 3 4" /proc/net/vshm_links
	background dockerd dockerd --bridge=none --iptables=false \
		--storage-driver=vfs --exec-opt native.cgroupdriver=cgroupfs
	eventually 60 docker version >/dev/null || { cat /run/dockerd.out; exit 1; }
	mkdir -p /run/tree/usr /run/tree/etc
	tar -C / -c bin lib lib64 sbin | tar -C /run/tree -x
	tar -C /run/tree -c . | docker import - tree
	for network in host none; do
		docker run --rm --network $network -v /usr:/usr:ro tree talk >/run/$network.out
		cat /run/$network.out
		grep -x hello /run/$network.out
	done
	grep "region 3 4" /run/host.out
	if grep region /run/none.out; then exit 1; fi
	ctr -a /run/docker/containerd/containerd.sock run --rm --rootfs --seccomp \
		--env "PATH=$PATH" --mount type=bind,src=/usr,dst=/usr,options=rbind:ro \
		/run/tree talk talk >/run/ctr.out 2>&1 || { cat /run/ctr.out; exit 1; }
	grep -x hello /run/ctr.out
	signal dockerd TERM
	join dockerd 60 || true'
}

# Other packages of the command and the daemon, with bytes on their way.
test_upgrade_disturbs_nothing()
{
	undisturbed 'for version in 0.0 new; do
			before=$(pid)
			dpkg -i /debs/$version/vshm-tools_*.deb
			eventually 40 systemctl -q is-active vshmd
			[ "$(pid)" != "$before" ]
		     done'
}

# The other kernel that DKMS has built for.
test_second_kernel()
{
	test_kernel_is_content
	vm A sync
	vm_kill A
	systemd_start "$second" "$second_root"
	vm A 'systemctl is-active vshmd
	      eventually 20 grep "region 3 4" /proc/net/vshm_links
	      modinfo -n vshm | grep /updates/dkms/
	      talk | grep -x hello'
}

# Packages go while the machine runs: service, modules and files with them.
test_removed_and_purged()
{
	vm -t 300 A 'apt-get -qq remove vshm-dkms vshm-tools vshm-dev
	if systemctl -q is-active vshmd || grep -sx vshmd /proc/[0-9]*/comm; then exit 1; fi
	[ -z "$(find /lib/modules -name "vshm*.ko*")" ]
	for module in vshm_ivshmem vshm_host vshm; do
		if grep "^$module " /proc/modules; then rmmod $module; fi
	done
	if grep "^vshm" /proc/modules; then exit 1; fi
	python3 -c "
import errno, socket
try:
	socket.socket(18, socket.SOCK_STREAM)
except OSError as err:
	raise SystemExit(err.errno != errno.EAFNOSUPPORT)
raise SystemExit(1)"
	apt-get -qq purge vshm-tools
	[ ! -e /etc/vshm ] && [ ! -e /run/vshm/control ] && [ ! -e /lib/systemd/system/vshmd.service ]'
}

# With the first command of README.md, for the kernel that runs. The device was there
# before, and gets its link. DKMS is given what it built before, or builds again.
test_installed_anew()
{
	vm -t 1800 A 'sudo() { "$@"; }
	for modules in /lib/modules/*; do
		[ "${modules##*/}" = "$(uname -r)" ] || mv "$modules" /root
	done
	if [ -e /debs/built.tar.gz ]; then
		mkdir /usr/share/vshm-dkms
		mv /debs/built.tar.gz /usr/share/vshm-dkms/vshm-'"$(version_of new)"'.dkms.tar.gz
	fi
	export DEBIAN_FRONTEND=noninteractive
	ln -sfn new /debs/packages
	cd /debs
	'"$(readme 1)"'
	dkms status | grep "^vshm/.*, $(uname -r), .*: installed"
	systemctl is-active vshmd
	eventually 20 grep "region 3 4" /proc/net/vshm_links
	modinfo -n vshm vshm_ivshmem vshm_host
	talk | grep -x hello'
}

test_kernel_is_content()
{
	if vm A dmesg | grep -E 'BUG|WARNING|Oops|vshm.*(bad|error)'; then return 1; fi
}

check_systemd()
{
	local test tests

	attempt "systemd: boots with the packages" systemd_boot
	vm_alive A || return 0
	mapfile -t tests < <(sed -n 's/^\(test_[a-z0-9_]*\)()$/\1/p' \
		"$VM_DIR/check-systemd.sh")
	for test in "${tests[@]}"; do
		! selected "$test" || attempt "systemd: $test" "$test" </dev/null
	done
}
