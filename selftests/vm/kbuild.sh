#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kbuild.sh NAME: prints the directory of a kernel, to be used as KDIR:
#
#   guest	for a guest within a VM
#   bench	the same, with what else is measured
#   debug	for VMs, watches what modules do
#   kcsan	for VMs, looks for data races
#   uml		User-Mode Linux: runs as a process of this machine
#   uml-debug	the same, watches what modules do
#
# It is built from the packaged source when it is not in the cache yet, with the
# fragments below on top of tinyconfig, and only what modules and VMs need of it
# is kept.

set -eu -o pipefail

VM_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/vshm
name=$1 arch=x86 patches=()
case $name in
guest)		fragments=(guest) ;;
bench)		fragments=(guest bench) ;;
debug)		fragments=(qemu programs debug) ;;
kcsan)		fragments=(qemu programs debug kcsan) ;;
uml)		fragments=(uml programs) arch=um ;;
uml-debug)	fragments=(uml programs debug uml-debug) arch=um ;;
*)		echo "kbuild.sh: no kernel $name" >&2; exit 2 ;;
esac
fragments=("${fragments[@]/#/"$VM_DIR/"}")
fragments=("${fragments[@]/%/.config}")

if [ $arch = um ]; then
	# older ones have one CPU
	tarball=$("$VM_DIR/kernel-fetch.sh" -s trixie-backports)
	version=$(basename "$(dirname "$tarball")")
	source=$(basename "$tarball" .tar.xz)
	patches=("$VM_DIR/uml.patch")
else
	source=linux-source-$("$VM_DIR/kernel.sh" --source)
	version=$(dpkg-query -W -f '${Version}' "$source")
	tarball=/usr/src/$source.tar.xz
fi
dir=$CACHE/$name-$version-$(cat "${fragments[@]}" "${patches[@]}" | sha256sum | cut -c1-16)

# Prints the directory and ends if it is there.
finished()
{
	if [ -e "$dir/vmlinux" ]; then
		touch "$dir"
		echo "$dir"
		exit
	fi
}

finished
# Two runs at once build it once.
mkdir -p "$CACHE"
exec {lock}>"$CACHE/$name.lock"
flock "$lock"
finished

build=$CACHE/$name.build
log=$CACHE/$name.log
trap 'rm -rf "$build"' EXIT
trap 'exit 130' INT TERM HUP

# What runs at the PVH entry, before there is shadow memory, must not be
# instrumented for KASAN: enlighten.c, which calls memcmp() of string.c. KCSAN
# watches modules alone: they are what is tested, and all of it would take hours.
kernel_make()
{
	env -u MAKEFLAGS -u MFLAGS -u KDIR -u KERNEL nice -n 5 \
		make -C "$build" -j"$(nproc)" ARCH=$arch "LOCALVERSION=-vshm-$name" \
		KASAN_SANITIZE_enlighten.o=n KASAN_SANITIZE_string.o=n \
		KCSAN_SANITIZE=n "$@"
}

# Prints what the fragments ask for; of each option the last line counts.
options()
{
	cat "${fragments[@]}" | awk '
	/^CONFIG_/ { option = $0; sub(/=.*/, "", option) }
	/^# CONFIG_.* is not set$/ { option = $2 }
	option { line[option] = $0; option = "" }
	END { for (option in line) print line[option] }'
}

# Prints the lines of the fragments that did not make it into the configuration,
# as happens when an option depends on another.
missing_options()
{
	options | while read -r line; do
		# what cannot be set at all is not set, either
		option=${line#\# } option=${option%%[ =]*}
		if [[ $line == \#* ]]; then
			! grep -q "^$option=" "$build/.config" || echo "$line"
		else
			grep -qxF "$line" "$build/.config" || echo "$line"
		fi
	done
}

build_kernel()
{
	local missing patch

	rm -rf "$build"
	mkdir -p "$build"
	# Kconfig files are read for every machine, other source is not
	tar -C "$build" --strip-components=1 \
		--exclude="$source/arch/[a-tv-wyz]*/*."{c,h,S,dts,dtsi} \
		--exclude="$source/drivers/gpu/*."{c,h} \
		-xJf "$tarball"
	for patch in "${patches[@]}"; do
		patch -d "$build" -p1 -N <"$patch"
	done
	kernel_make tinyconfig
	options >>"$build/.config"
	kernel_make olddefconfig
	missing=$(missing_options)
	if [ -n "$missing" ]; then
		echo "not in the kernel's configuration:"
		echo "$missing"
		return 1
	fi
	kernel_make vmlinux modules
}

# What is left is what a build of modules reads, as in a package of headers.
prune()
{
	find "$build" -mindepth 1 -maxdepth 1 ! -name .config ! -name Makefile \
		! -name Module.symvers ! -name vmlinux ! -name System.map \
		! -name arch ! -name include ! -name scripts ! -name tools \
		-exec rm -rf {} +
	find "$build/arch" -mindepth 1 -maxdepth 1 ! -name x86 ! -name $arch \
		-exec rm -rf {} +
	find "$build/arch" -type f ! -name '*.h' ! -name 'Makefile*' -delete
	find "$build/tools" -mindepth 1 -maxdepth 1 ! -name objtool -exec rm -rf {} +
}

echo "building the $name kernel from $source $version; once, some minutes" >&2
# errexit holds inside only when the shell does not look at the status
set +e
(set -e; build_kernel) >"$log" 2>&1
status=$?
set -e
if [ $status != 0 ]; then
	tail -n 30 "$log" >&2
	echo "the $name kernel could not be built; all of it is in $log" >&2
	exit 1
fi
prune
find "$CACHE" -maxdepth 1 -name "$name-*" -mtime +7 -exec rm -rf {} +
rm -rf "$dir"
mv "$build" "$dir"
echo "$dir"
