# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Programs of the distribution, unmodified, for guests that test with them. Those
# of the phases programs (Python, OpenSSH, curl, zstd, ip, ss) and tracers
# (bpftrace, perf, trace-cmd) are archives of their own beside the base, cached
# like that, which only these phases give to their VMs.

# Prints the path of sshd; deps.sh unpacks it where it is not installed, since
# installing it would start a server on this machine.
sshd_path()
{
	if [ -e /usr/sbin/sshd ]; then
		echo /usr/sbin/sshd
	else
		echo "$CACHE/unpacked/usr/sbin/sshd"
	fi
}

# install_python ROOT: interpreter and standard library, but its tests and what
# needs a display; modules that are compiled when first used would be compiled
# in each guest anew
install_python()
{
	local root=$1 python library

	python=$(readlink -f /usr/bin/python3)
	library=$(/usr/bin/python3 -I -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
	install_file "$root" "$python" usr/bin/python3
	rsync -a --exclude=test --exclude=tests --exclude=idlelib \
		--exclude=tkinter --exclude=lib2to3 --exclude=ensurepip \
		--exclude=turtledemo --exclude='config-*' \
		--exclude=site-packages --exclude=dist-packages \
		--copy-unsafe-links --relative "$library" "$root"
}

# command_paths COMMAND...: one a line
command_paths()
{
	local command

	for command; do
		PATH=$PATH:/usr/sbin:/sbin command -v "$command"
	done
}

# programs_archive NAME MORE PATH...: prints the path of an archive of the
# programs PATH, packing it first unless one of the same programs is there.
# Function MORE adds to its root what else they need.
programs_archive()
{
	local name=$1 more=$2 key file path root=$RUN/$1

	shift 2
	key=$({ cat "$VM_DIR/programs.sh" "$@"
		ldd "$@" | cut -d'(' -f1; } | sha256sum | cut -c1-16)
	file=$CACHE/$name-$key.cpio
	if [ ! -e "$file" ]; then
		mkdir -p "$root"
		for path; do
			install_file "$root" "$path" "usr/bin/${path##*/}"
		done
		"$more" "$root"
		archive "$root" "$file.$$"
		find "$CACHE" -maxdepth 1 -name "$name-*.cpio" -mtime +7 -delete
		mv "$file.$$" "$file"
		rm -rf "$root"
	fi
	echo "$file"
}

# more_programs ROOT: what the phase programs wants beside programs
more_programs()
{
	local root=$1

	mkdir -p "$root"/{etc,root,run,var/empty}
	install_python "$root"
	# re-executes itself under the path it was started by
	mkdir -p "$root/usr/sbin"
	mv "$root/usr/bin/sshd" "$root/usr/sbin/sshd"
	printf 'root:x:0:0::/root:/bin/sh\nsshd:x:101:65534::/run/sshd:/bin/false\n' \
		>"$root/etc/passwd"
	printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
}

# check_programs FILE...: tests of these files, between two VMs that have the
# programs, with the module in the place of AF_VSOCK
check_programs()
{
	local VSHM_FAMILY=40 PAIR_NAME=programs PAIR_ARCHIVES paths

	mapfile -t paths < <(sshd_path
		echo /usr/bin/python3
		command_paths zstd curl ip ss ssh ssh-keygen)
	PAIR_ARCHIVES=("$RUN/tests.cpio"
		"$(programs_archive programs more_programs "${paths[@]}")")
	check_two_vm "$@"
}

# check_tracers FILE...: tests of these files, with the tracers in VM A
check_tracers()
{
	local PAIR_NAME=tracers PAIR_ARCHIVES PAIR_ARCHIVES_A paths VM_MEMORY=1G

	mapfile -t paths < <(command_paths bpftrace perf trace-cmd)
	PAIR_ARCHIVES=("$RUN/tests.cpio")
	PAIR_ARCHIVES_A=("$(programs_archive tracers true "${paths[@]}")")
	check_two_vm "$@"
}
