#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kbuild.sh NAME [BASE]: prints the directory of a kernel built with NAME.config
# on top of BASE.config, if that is given, and of tinyconfig, to be used as KDIR.
# It is built from the packaged source when it is not in the cache yet, and only
# what modules and VMs need of it is kept.

set -eu -o pipefail

VM_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/vshm
name=$1
fragments=(${2:+"$VM_DIR/$2.config"} "$VM_DIR/$name.config")

release=$("$VM_DIR/kernel.sh" --source)
source=linux-source-$release
version=$(dpkg-query -W -f '${Version}' "$source")
dir=$CACHE/$name-$version-$(cat "${fragments[@]}" | sha256sum | cut -c1-16)

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
		make -C "$build" -j"$(nproc)" "LOCALVERSION=-vshm-$name" \
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
	local missing

	rm -rf "$build"
	mkdir -p "$build"
	# Kconfig files are read for every machine, other source is not
	tar -C "$build" --strip-components=1 \
		--exclude="$source/arch/[a-tv-wyz]*/*."{c,h,S,dts,dtsi} \
		--exclude="$source/drivers/gpu/*."{c,h} \
		-xJf "/usr/src/$source.tar.xz"
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
	find "$build/arch" -mindepth 1 -maxdepth 1 ! -name x86 -exec rm -rf {} +
	find "$build/arch/x86" -mindepth 1 -maxdepth 1 ! -name include \
		! -name 'Makefile*' -exec rm -rf {} +
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
