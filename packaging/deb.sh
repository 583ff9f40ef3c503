#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make deb: builds Debian packages of this tree into packages/, replacing what
# is there. DEB_VERSION=version gives them another version.

set -eu -o pipefail

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
OUT=${OUT:-$TOP/packages}

"$TOP/selftests/vm/deps.sh" build deb
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

mkdir "$work/vshm"
rsync -a --exclude=/.git --filter=':- .gitignore' "$TOP/" "$work/vshm/"
if [ -n "${DEB_VERSION:-}" ]; then
	sed -i "1s/(.*)/($DEB_VERSION)/" "$work/vshm/debian/changelog"
fi
if ! (cd "$work/vshm" && env -u MAKEFLAGS -u MFLAGS -u KERNEL -u KDIR \
	DEB_BUILD_OPTIONS=noautodbgsym dpkg-buildpackage -b -us -uc) >"$work/log" 2>&1; then
	tail -n 40 "$work/log" >&2
	exit 1
fi
mkdir -p "$OUT"
rm -f "$OUT"/vshm*.{deb,changes,buildinfo}
mv "$work"/vshm-*.deb "$work"/*.{changes,buildinfo} "$OUT/"
ls "$OUT"/vshm-*.deb
