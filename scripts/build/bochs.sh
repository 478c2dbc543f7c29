#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build Bochs, the emulator of the Intel machine, with the series for it: without the
# debugger that Debian's package has, which costs more than half of the speed.
#
# Usage: bochs.sh
#
# Makes build/bochs-3.0, a git tree whose tag "base" is the source as Debian has it and whose
# branch "main" is patches/bochs-3.0 on top, and build/bochs: the program. What
# apply-series.sh says of commits and edits holds here, too.

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"
in_tree bochs

out=$BUILD/bochs-out

unpack()
{
	mkdir -p "$SRC"
	tar -xJf "$1" -C "$SRC" --strip-components=1
	make_base "Bochs, as in $(basename "$1" .orig.tar.xz)"
}

# What the tree has that is not committed counts, too.
state()	{ tree_git rev-parse 'HEAD^{tree}'; tree_git diff HEAD; cat "$0"; }

build()
{
	# Anew, as make does not notice that a makefile has changed; ccache makes it quick.
	rm -rf "$out"
	mkdir -p "$out"
	cd "$out"
	"$SRC/configure" CC="ccache gcc" CXX="ccache g++" CFLAGS=-O2 CXXFLAGS=-O2 \
		--with-nogui --without-x11 --without-wx --without-sdl2 --disable-docbook --disable-xpm \
		--disable-plugins --disable-debugger --enable-smp --enable-cpu-level=6 --enable-x86-64 \
		--enable-vmx=2 --enable-svm --enable-avx --enable-evex --enable-pci \
		--enable-all-optimizations --enable-repeat-speedups --enable-handlers-chaining \
		--enable-fast-function-calls
	make -j"$JOBS" bochs
	install -D bochs "$BOCHS/bochs"
	echo "$1" >lab-state
}

if ! tree_git rev-parse -q --verify base >/dev/null 2>&1; then
	tarball=$("$SCRIPTS/source/fetch-bochs.sh")
	need_space "$BUILD" 1
	rm -rf "$SRC"
	step "Unpack the source of Bochs" unpack-bochs unpack "$tarball"
fi
"$SCRIPTS/source/apply-series.sh" bochs

export CCACHE_BASEDIR=$SRC
state=$(state | sha256sum)
[ "$state" = "$(cat "$out/lab-state" 2>/dev/null)" ] || step "Build Bochs" build-bochs build "$state"
