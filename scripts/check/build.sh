#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check that KVM builds with W=1 and KVM_WERROR=y in every configuration of
# build/configs/, each a fragment merged over the lab's own configuration; that
# without KVM_VMWARE no VMware code is left; and that KVM is as large then as
# unpatched, to 0.4%.
#
# Usage: build.sh
#
# Builds the last patch; with EVERY=1 every patch that touches the kernel.

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/build/lib.sh"
. "$SCRIPTS/source/tree.sh"
. "$SCRIPTS/check/lib.sh"

tree=$WORK/check
config=$OUT/patched/.config
[ -e "$config" ] || die "there is no $(short "$config")" "Run: make selftests"

compiler() { sed -n 's/^# CC=//p' "$SCRIPTS/build/configs/$1" | grep . || echo gcc; }

# build NAME: KVM's objects, in a build directory for each configuration.
build()
{
	local fragment=$SCRIPTS/build/configs/$1 out=.out-$1
	local kmake=(make -C "$tree" O="$out" CC="ccache $(compiler "$1")" HOSTCC="ccache gcc")

	mkdir -p "$tree/$out"
	(cd "$tree/$out" && ../scripts/kconfig/merge_config.sh -m -O . "$config" "$fragment")
	"${kmake[@]}" olddefconfig
	configured "$tree/$out/.config" "$fragment"
	"${kmake[@]}" W=1 -j"$JOBS" arch/x86/kvm/
	[ "$1" != no-vmware ] || without_vmware "$tree/$out/arch/x86/kvm"
}

# Nothing of VMware in the objects of DIR, whose kvm.o is as large as the unpatched one, but for
# the fixes, the tracepoint (which is there without an #ifdef, like Xen's), and VMX's predicate, which
# is not static: it is constant false.
without_vmware()
{
	! (cd "$1" && nm kvm*.o) | grep -i vmware | grep -v '[^ ]kvm_vmware_hypercall$\|vmx_is_vmware_backdoor_gp$' || die "VMware code is left without KVM_VMWARE"
	[ -e "$OUT/base/arch/x86/kvm/kvm.o" ] || return 0
	size "$OUT/base/arch/x86/kvm/kvm.o" "$1/kvm.o" | tee /dev/stderr | awk '
		NR > 1 { total[NR] = $4 }
		END { more = (total[3] - total[2]) / total[2] * 100
		      printf "KVM without KVM_VMWARE: %+.3f%% of the unpatched size\n", more
		      exit more > 0.4 || more < -0.4 }' || die "KVM without KVM_VMWARE is not as large as unpatched"
}

# key COMMIT NAME: all that the result of a build depends on.
key()
{
	tree_git rev-parse "$1:arch/x86" "$1:include" "$1:virt" "$1:scripts"
	cat "$0" "$config" "$SCRIPTS/build/configs/$2"
	"$(compiler "$2")" --version
}

for commit in $(commits_to_check); do
	check_out "$commit"
	n=$(tree_git rev-list --count "base..$commit")
	for fragment in "$SCRIPTS"/build/configs/*; do
		name=$(basename "$fragment")
		# A configuration with KVM_VMWARE, from the patch on that adds it.
		! grep -q KVM_VMWARE "$fragment" || grep -q KVM_VMWARE "$tree/arch/x86/kvm/Kconfig" || continue
		key "$commit" "$name" |
			once "build/$n-$name" step "Patch $n builds, $name" "check-build-$n-$name" build "$name"
	done
done
