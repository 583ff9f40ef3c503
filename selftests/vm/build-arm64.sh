#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# build-arm64.sh DIRECTORY: builds the modules for the arm64 kernel that goes with
# the default one in that directory, with a cross compiler; fails with a warning.
# That kernel, its headers and a BusyBox are unpacked into the cache; what the
# headers share with other machines is taken from the installed ones.

# shellcheck source=selftests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

unset KERNEL KDIR
"$VM_DIR/deps.sh" build arm64
abi=$("$VM_DIR/kernel.sh")
abi=${abi%-*}
tree=$CACHE/arm64-$abi
headers=$tree/usr/src/linux-headers-$abi-arm64

fetch()
{
	local dir=$RUN/apt options deb

	mkdir -p "$dir"/{lists,cache,parts} "$tree.new"
	# the machine's own suites, of another machine
	# shellcheck disable=SC2016
	apt-get indextargets --format 'deb [arch=arm64] $(REPO_URI) $(RELEASE) main' \
		'Created-By: Packages' 'Component: main' >"$dir/parts/arm64.list"
	options=(-o "Dir::Etc::sourcelist=/dev/null" -o "Dir::Etc::sourceparts=$dir/parts"
		-o "Dir::State::lists=$dir/lists" -o "Dir::Cache=$dir/cache"
		-o "APT::Architecture=arm64" -o "APT::Architectures::=arm64"
		-o "APT::Sandbox::User=root")
	apt-get "${options[@]}" update
	(cd "$dir" && apt-get "${options[@]}" download "linux-headers-$abi-arm64" \
		"linux-image-$abi-arm64" busybox-static)
	for deb in "$dir"/*.deb; do
		dpkg-deb -x "$deb" "$tree.new"
	done
	rm -rf "$tree.new/lib/modules"
	mkdir -p "$tree.new/usr/lib"
	cp -a /usr/lib/linux-kbuild-* "$tree.new/usr/lib/"
	sed -i "1i KBUILD_OUTPUT=$headers" \
		"$tree.new/usr/src/linux-headers-$abi-arm64/Makefile"
	rm -rf "$tree"
	mv "$tree.new" "$tree"
}

if [ ! -e "$headers/Makefile" ] || [ ! -e "$tree/bin/busybox" ]; then
	quietly "$RUN/log" fetch
fi
copy=$1
mkdir -p "$copy"
rsync -a --filter=':- .gitignore' "$TOP"/{Kbuild,kernel,uapi} "$copy/"
say "building for Linux $abi-arm64"
env -u MAKEFLAGS -u MFLAGS make -C "$headers" -j"$(nproc)" --no-print-directory \
	ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- M="$copy" W=1 modules 2>&1 |
	tee "$RUN/build.log"
if grep -i warning "$RUN/build.log"; then
	exit 1
fi
ln -sfn "$tree" "$copy/tree"
