# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The phase lint: each checker is one test, which fails when the checker says
# something that lint.allow does not have. Sourced after lib.sh and report.sh.

LINT=$RUN/lint

# lint_tree: the kernel's own scripts, from the packaged source
lint_tree()
{
	local release tarball

	release=$("$VM_DIR/kernel.sh" --source)
	tarball=/usr/src/linux-source-$release.tar.xz
	LINT_TREE=$CACHE/lint-$release
	[ ! -e "$LINT_TREE/scripts" ] || return 0
	rm -rf "$LINT_TREE.$$"
	mkdir -p "$LINT_TREE.$$"
	tar -C "$LINT_TREE.$$" --strip-components=1 -xJf "$tarball" \
		"linux-source-$release/scripts/"{checkpatch.pl,const_structs.checkpatch,spelling.txt,coccinelle}
	mv "$LINT_TREE.$$" "$LINT_TREE"
}

# What is checked, without what is built there.
lint_sources()
{
	git -C "$TOP" ls-files --cached --others --exclude-standard -- "$@"
}

# A copy of the module's sources, so that no build meets another.
lint_copy()
{
	local file

	lint_sources Kbuild kernel uapi | while read -r file; do
		install -D -m 644 "$TOP/$file" "$LINT/$1/$file"
	done
}

# lint_module NAME MAKE-ARGUMENT...: builds the module; prints what is said of
# its own sources, by their names in this tree
lint_module()
{
	local name=$1

	shift
	lint_copy "$name"
	if ! env -u MAKEFLAGS -u MFLAGS make -C "/lib/modules/$LINT_KERNEL/build" \
		-j"$(nproc)" M="$LINT/$name" "$@" modules >"$LINT/$name.log" 2>&1; then
		cat "$LINT/$name.log"
		return 1
	fi
	sed -n "s,^$LINT/$name/\(\(kernel\|uapi\)/[^: ]*\.[ch]:\),\1,p" "$LINT/$name.log"
}

lint_checkpatch()
{
	lint_sources 'kernel/*.[ch]' 'uapi/*.h' | sed "s,^,$TOP/," |
		xargs perl "$LINT_TREE/scripts/checkpatch.pl" --no-tree --strict \
			--no-summary --terse --show-types --file 2>&1 || true
}

lint_gcc_sparse()
{
	lint_module gcc W=1 C=1 CF='-D__CHECK_ENDIAN__ -Wcontext'
}

# Headers that were configured for gcc bring options that clang does not have.
lint_clang()
{
	cat >"$LINT/cc" <<-'END'
	#!/bin/bash
	for arg; do
		shift
		case $arg in
		-mfunction-return=*|-mindirect-branch*|-mrecord-mcount) ;;
		-mpreferred-stack-boundary=*|-mskip-rax-setup|-mharden-sls=*) ;;
		-fconserve-stack|-fno-allow-store-data-races|-fno-ipa-*) ;;
		-falign-*|-ftrivial-auto-var-init=*|-fplugin*) ;;
		-Wimplicit-fallthrough=*|-Wno-maybe-uninitialized) ;;
		-Wno-alloc-size-larger-than) ;;
		*) set -- "$@" "$arg" ;;
		esac
	done
	exec clang "$@"
	END
	chmod +x "$LINT/cc"
	lint_module clang CC="$LINT/cc" W=1
}

# Scripts in a language of their own need its compiler.
lint_coccinelle()
{
	grep -L ocaml "$LINT_TREE"/scripts/coccinelle/{api,free,iterators,locks,misc,null}/*.cocci |
		xargs -P "$(nproc)" -n 1 spatch --very-quiet --no-show-diff -D report \
			--no-includes --include-headers --dir "$TOP/kernel" --cocci-file
}

lint_clang_tidy()
{
	local checks flags

	checks='-*,clang-analyzer-*,bugprone-*,performance-*'
	checks+=,-bugprone-easily-swappable-parameters
	checks+=,-bugprone-suspicious-string-compare
	# snprintf() is not what these take it for
	checks+=,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling
	# wrong about va_start() in this version
	checks+=,-clang-analyzer-valist.Uninitialized
	flags="-std=gnu11 -D_GNU_SOURCE -I$TOP/userspace/common -I$TOP/uapi"
	flags+=" $(pkg-config --cflags libevent_core json-c libmnl libsystemd libseccomp libcap-ng)"
	lint_sources 'userspace/*.c' | sed "s,^,$TOP/," |
		CHECKS=$checks FLAGS=$flags xargs -P "$(nproc)" -n 8 \
			sh -c 'clang-tidy --quiet "--checks=$CHECKS" "$@" -- $FLAGS 2>&1' - |
		grep -E ': (warning|error): ' || true
}

# Versions of the kernel are looked at in one place.
lint_versions()
{
	cd "$TOP" || return
	lint_sources 'kernel/*.[ch]' 'uapi/*.h' | grep -v '^kernel/compat\.h$' |
		xargs grep -nE 'LINUX_VERSION_CODE|KERNEL_VERSION\(|UTS_RELEASE' || true
}

lint_shellcheck()
{
	cd "$TOP" || return
	{ lint_sources '*.sh'; echo .ci/run; echo selftests/vm/init; } |
		xargs shellcheck -x -f gcc || true
}

# A checker's output without what is allowed; that is remembered.
lint_run()
{
	# a checker that cannot work says why
	"lint_${1//-/_}" >"$LINT/out" || { cat "$LINT/out"; return 1; }
	sed -i "s,$TOP/,,g" "$LINT/out"
	grep -Eo -f "$LINT/allow" "$LINT/out" >>"$LINT/allowed" || true
	if grep -Ev -f "$LINT/allow" "$LINT/out"; then
		return 1
	fi
}

# An exception for which there is no reason any more.
lint_allow()
{
	local line bad=0

	while read -r line; do
		if ! grep -Eq -e "$line" "$LINT/allowed"; then
			echo "selftests/vm/lint.allow: nothing needs '$line'"
			bad=1
		fi
	done <"$LINT/allow"
	return $bad
}

check_lint()
{
	local checker all=1

	"$VM_DIR/deps.sh" build check lint
	# checkers and compilers are those of this machine, so the kernel is, too
	LINT_KERNEL=$(unset KERNEL KDIR; "$VM_DIR/kernel.sh")
	mkdir -p "$LINT"
	grep -v '^#' "$VM_DIR/lint.allow" | grep . >"$LINT/allow"
	: >"$LINT/allowed"
	lint_tree
	for checker in checkpatch gcc-sparse clang coccinelle clang-tidy versions shellcheck; do
		if selected "lint: $checker"; then
			attempt "lint: $checker" lint_run "$checker"
		else
			all=0
		fi
	done
	[ $all = 0 ] || attempt "lint: exceptions" lint_allow
}
