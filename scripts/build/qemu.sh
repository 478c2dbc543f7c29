#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build QEMU with the series for it, only what the lab needs of it: it is the emulated
# AMD machine, and the VMM in the machines of both vendors.
#
# Usage: qemu.sh [tree]
#
# Makes build/qemu-10.0, a git tree whose tag "base" is Debian's source and whose branch
# "main" is patches/qemu-10.0 on top, and build/qemu: the program, its firmware, and the bare
# guest that tests it. With "tree" only the former. What apply-series.sh says of commits and edits holds here, too.
# build/qemu-meson is the meson that QEMU asks for: configure finds it by Python's path.

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"
in_tree qemu

out=$SRC-out meson=$BUILD/qemu-meson

unpack()
{
	rm -rf "$SRC" "$meson"
	dpkg-deb -x "$2" "$meson"
	dpkg-source --no-check -x "$1" "$SRC"
	make_base "QEMU, as in $(basename "$1" .dsc)"
}

build()
{
	mkdir -p "$out"
	cd "$out"
	export PYTHONPATH=$meson/usr/lib/python3/dist-packages
	# Anew when this script changes, and so perhaps the options.
	if ! cmp -s "$SCRIPTS/build/qemu.sh" configured-by; then
		"$SRC/configure" --target-list=x86_64-softmmu --without-default-features \
			--enable-kvm --enable-tcg --enable-vmdk --enable-fdt=system --enable-trace-backends=log \
			--disable-install-blobs --disable-download --cc="ccache gcc"
		cp "$SCRIPTS/build/qemu.sh" configured-by
	fi
	ninja -j"$JOBS" qemu-system-x86_64
	# Newer makes do not find out by themselves that the objects can be made.
	make -C tests/tcg/x86_64-softmmu boot.o printf.o
	make -C tests/tcg/x86_64-softmmu vmport
}

if ! tree_git rev-parse -q --verify base >/dev/null 2>&1; then
	sources=$("$SCRIPTS/source/fetch-qemu.sh")
	need_space "$BUILD" 3
	# shellcheck disable=SC2086 # words
	step "Unpack the source of QEMU" unpack-qemu unpack $sources
fi
"$SCRIPTS/source/apply-series.sh" qemu
[ "${1:-}" != tree ] || exit 0

export CCACHE_BASEDIR=$SRC
step "Build QEMU" build-qemu build
mkdir -p "$QEMU"
# A machine may be running.
cp -f "$out/qemu-system-x86_64" "$out/tests/tcg/x86_64-softmmu/vmport" "$QEMU/"
cp /usr/share/seabios/bios-256k.bin /usr/share/qemu/{{linuxboot,multiboot}_dma,pvh,kvmvapic}.bin "$QEMU/"
