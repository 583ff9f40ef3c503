# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Programs of the distribution, unmodified, for guests that test with them:
# Python, OpenSSH, curl, zstd, ip. They are an archive of their own beside the
# base, cached like that, which only the phase programs gives to its VMs.

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

# Prints the path of the archive, packing it first unless one of the same
# programs is there.
programs_archive()
{
	local commands=(zstd curl ip ssh ssh-keygen) command paths key file root

	paths=("$(sshd_path)" /usr/bin/python3)
	for command in "${commands[@]}"; do
		paths+=("$(PATH=$PATH:/usr/sbin:/sbin command -v "$command")")
	done
	key=$({ cat "$VM_DIR/programs.sh" "${paths[@]}"
		ldd "${paths[@]}" | cut -d'(' -f1; } | sha256sum | cut -c1-16)
	file=$CACHE/programs-$key.cpio
	if [ ! -e "$file" ]; then
		root=$RUN/programs
		mkdir -p "$root"/{etc,root,run,var/empty}
		for command in "${paths[@]}"; do
			install_file "$root" "$command" "usr/bin/${command##*/}"
		done
		install_python "$root"
		# re-executes itself under the path it was started by
		install_file "$root" "$(sshd_path)" usr/sbin/sshd
		rm "$root/usr/bin/sshd"
		printf 'root:x:0:0::/root:/bin/sh\nsshd:x:101:65534::/run/sshd:/bin/false\n' \
			>"$root/etc/passwd"
		printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
		archive "$root" "$file.$$"
		find "$CACHE" -name 'programs-*' -mtime +7 -delete
		mv "$file.$$" "$file"
		rm -rf "$root"
	fi
	echo "$file"
}

# check_programs FILE...: tests of these files, between two VMs that have the
# programs, with the module in the place of AF_VSOCK
check_programs()
{
	local VSHM_FAMILY=40 PAIR_NAME=programs PAIR_ARCHIVES

	PAIR_ARCHIVES=("$RUN/tests.cpio" "$(programs_archive)")
	check_two_vm "$@"
}
