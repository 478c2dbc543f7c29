#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check that KVM builds at every patch of the series, with W=1 and KVM_WERROR=y:
# with CONFIG_KVM_VMWARE=y, and from the patch on that adds it also without, where
# no VMware code may be left, nor a call to it.
#
# Usage: [KERNEL=/path/to/linux] check-build.sh
#
# build/check is a worktree of the tree, which itself is not touched.

. "$(dirname "$0")/lib.sh"

tree=$WORK/check
config=$OUT/patched/.config
[ -e "$config" ] || die "there is no $(short "$config")" "Run: make kernel"
tree_git worktree prune
[ -e "$tree/.git" ] || tree_git worktree add -q --detach "$tree" base
export CCACHE_DIR=$CACHE/ccache CCACHE_NOHASHDIR=1

# build NAME y|n: KVM's objects, in a build directory for each configuration.
build()
{
	local out=$tree/.out-$2

	mkdir -p "$out"
	cp "$config" "$out/.config.new"
	[ "$2" = y ] || sed -i 's/^CONFIG_KVM_VMWARE=y/# CONFIG_KVM_VMWARE is not set/' "$out/.config.new"
	cmp -s "$out/.config.new" "$out/.config.orig" ||
		{ cp "$out/.config.new" "$out/.config"; mv "$out/.config.new" "$out/.config.orig"; }
	make -C "$tree" O="$out" CC="ccache gcc" HOSTCC="ccache gcc" olddefconfig
	make -C "$tree" O="$out" CC="ccache gcc" HOSTCC="ccache gcc" W=1 -j"$JOBS" arch/x86/kvm/
	[ "$2" = y ] || ! nm "$out"/arch/x86/kvm/kvm*.o | grep -i vmware
}

n=0
for commit in $(tree_git rev-list --reverse base..main); do
	n=$((n + 1))
	git -C "$tree" checkout -q -f --detach "$commit"
	# Patches that do not touch the kernel cannot break its build.
	! git -C "$tree" diff --quiet "$commit^" "$commit" -- arch include virt || continue
	step "Patch $n builds" "check-build-$n" build "$n" y
	if grep -q KVM_VMWARE "$tree/arch/x86/kvm/Kconfig"; then
		step "Patch $n builds without KVM_VMWARE" "check-build-$n-n" build "$n" n
	fi
done
