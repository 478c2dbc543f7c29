#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build KVM's selftests of a kernel tree, static, against that tree's headers.
#
# Usage: selftests.sh TREE OUT [headers]
#
# OUT is the build directory of kernel.sh (which made the headers; or, with "headers", nobody built
# that kernel: make them here); the tests come out in OUT/kselftest.

. "$(dirname "$0")/../lib.sh"

tree=$(cd "$1" && pwd)
out=$tree/.out
export CCACHE_BASEDIR=$tree

mkdir -p "$out/kselftest" "$(dirname "$2")"
[ -e "$2" ] || ln -s "$(realpath --relative-to="$(dirname "$2")" "$out")" "$2"
[ "${3:-}" != headers ] ||
	step "Make the headers for the selftests" headers-selftests make -C "$tree" O=.out headers
step "Build the selftests of the $(basename "$2") kernel" "selftests-$(basename "$2")" \
	make -C "$tree/tools/testing/selftests/kvm" -j"$JOBS" CC="ccache gcc" \
	OUTPUT="$out/kselftest" LDFLAGS="-static -pthread" KHDR_INCLUDES="-isystem $out/usr/include"

# ccache names the object as seen from the tree, make does not: no header would count.
find "$out/kselftest" -name '*.d' -exec sed -i "1s,^[^ ]*\.out/,$out/," {} +
