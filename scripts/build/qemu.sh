#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build QEMU with the series for it, only what the lab needs of it.
#
# Usage: qemu.sh [tree]
#
# Makes build/qemu-7.2, a git tree whose tag "base" is Debian's source and whose branch
# "main" is patches/qemu-7.2 on top, and build/qemu: the program, its firmware, and the bare
# guest that tests it. With "tree" only the former. What apply-series.sh says of commits and edits holds here, too.

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"
in_tree qemu

out=$BUILD/qemu-out

unpack()
{
	dpkg-source --no-check -x "$1" "$SRC"
	make_base "QEMU, as in $(basename "$1" .dsc)"
}

build()
{
	mkdir -p "$out"
	cd "$out"
	[ -e build.ninja ] ||
		"$SRC/configure" --target-list=x86_64-softmmu --without-default-features \
			--enable-kvm --enable-fdt=system --enable-trace-backends=log \
			--meson=/usr/bin/meson --cc="ccache gcc"
	ninja -j"$JOBS" qemu-system-x86_64
	# Newer makes do not find out by themselves that the objects can be made.
	make -C tests/tcg/x86_64-softmmu boot.o printf.o
	make -C tests/tcg/x86_64-softmmu vmport
}

if ! tree_git rev-parse -q --verify base >/dev/null 2>&1; then
	dsc=$("$SCRIPTS/source/fetch-qemu.sh")
	need_space "$BUILD" 3
	rm -rf "$SRC"
	step "Unpack the source of QEMU" unpack-qemu unpack "$dsc"
fi
"$SCRIPTS/source/apply-series.sh" qemu
[ "${1:-}" != tree ] || exit 0

export CCACHE_BASEDIR=$SRC
step "Build QEMU" build-qemu build
mkdir -p "$QEMU"
cp "$out/qemu-system-x86_64" "$out/tests/tcg/x86_64-softmmu/vmport" "$QEMU/"
cp /usr/share/seabios/bios-256k.bin /usr/share/qemu/{{linuxboot,multiboot}_dma,pvh,kvmvapic}.bin "$QEMU/"
