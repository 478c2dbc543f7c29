#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Configure and build a kernel, its modules and its userspace headers.
#
# Usage: kernel.sh TREE OUT [FRAGMENT]
#
# TREE is a kernel source tree, OUT the name of the build directory, FRAGMENT a
# configuration on top of the lab's own. The build directory proper is TREE/.out (with
# a FRAGMENT TREE/.out-NAME), and OUT a link to it: a build directory right
# below its source makes kbuild name every file relative to it, so that ccache
# knows an object again in another tree and in another clone.
# kbuild decides what is to be built; a second run with nothing new takes seconds.

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/build/lib.sh"

tree=$(cd "$1" && pwd)
out=$2
what=$(basename "$out")
fragments=("$SCRIPTS/build/kernel.config" ${3:+"$3"})
build=.out${3:+-$what}

export LOCALVERSION='' KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_VERSION=1 KBUILD_BUILD_USER=lab KBUILD_BUILD_HOST=lab
kmake() { make -C "$tree" O="$build" CC="ccache gcc" HOSTCC="ccache gcc" "$@"; }

# The fragments merged over tinyconfig; the result must have every line of them.
configure()
{
	kmake tinyconfig
	(cd "$tree/$build" && ../scripts/kconfig/merge_config.sh -m -O . .config "${fragments[@]}")
	kmake olddefconfig
	configured "$tree/$build/.config" "${fragments[@]}"
}

mkdir -p "$tree/$build" "$(dirname "$out")"
exec 8>"$tree/$build/.lab-lock"
flock -n 8 || { say "Another command builds this kernel: waiting for it"; flock 8; }
[ -e "$out" ] || ln -s "$(realpath --relative-to="$(dirname "$out")" "$tree")/$build" "$out"

# Configure again when a fragment or a Kconfig file changed.
stamp=$tree/$build/.lab-config
now=$(cd "$tree" && { cat "${fragments[@]}"; find . -path "./.out*" -prune -o -name 'Kconfig*' -print0 |
	sort -z | xargs -0 cat; } | sha256sum)
if [ "$now" != "$(cat "$stamp" 2>/dev/null)" ]; then
	rm -f "$stamp"
	step "Configure the $what kernel" "config-$what" configure
	echo "$now" >"$stamp"
fi

need_space "$tree/$build" 2
step "Build the $what kernel" "kernel-$what" kmake -j"$JOBS" bzImage modules
step "Install its modules and headers" "modules-$what" kmake INSTALL_MOD_PATH=stage INSTALL_MOD_STRIP=1 \
	modules_install headers
