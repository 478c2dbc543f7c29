#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make mutants: put one deliberate bug at a time into the patched kernel, and see
# that the tests catch it.
#
# Usage: [VENDOR=amd|intel] mutants.sh [NAME...]
#
# NAME is a file of scripts/mutants/ without its ending: a patch to the tree, that
# says what the bug is, which test has to fail (only that one runs), and, if it can fail
# on one vendor only, on which. Without a NAME all of them are tried; each takes a build
# of KVM and a boot. Only the emulator that is named by VENDOR is used, the quick one
# (amd) by default. The tree itself is not touched: build/mutants is a
# worktree of it. Exit code 0 if no bug survived.

. "$(dirname "$0")/lib.sh"

vendor=${VENDOR:-amd}
tree=$WORK/mutants
results=$WORK/results
[ $# -gt 0 ] || mapfile -t names < <(cd "$SCRIPTS/mutants" && printf '%s\n' *.patch | sed 's/\.patch$//')
[ $# -eq 0 ] || names=("$@")

"$SCRIPTS/build.sh" selftests
"$SCRIPTS/pack-tests.sh" "$results"
mapfile -t programs < <(sed "s,^,$OUT/patched/kselftest/x86/," "$results/new")
tree_git worktree prune
[ -e "$tree/.git" ] || tree_git worktree add -q --detach "$tree" main

survivors=0
for name in "${names[@]}"; do
	patch=$SCRIPTS/mutants/$name.patch
	[ -e "$patch" ] || die "there is no $(short "$patch")" "There are: $(cd "$SCRIPTS/mutants" && echo *.patch)"
	only=$(sed -n 's/^Vendor: //p' "$patch")
	if [ -n "$only" ] && [ "$only" != "$vendor" ]; then
		printf '%-18s left out: it takes VENDOR=%s\n' "$name" "$only"
		continue
	fi
	git -C "$tree" checkout -q -f --detach "$(tree_git rev-parse main)"
	git -C "$tree" apply "$patch" || die "$(short "$patch") does not apply to the series" "Make it anew: see its text."
	"$SCRIPTS/build-kernel.sh" "$tree" "$OUT/mutant"
	"$SCRIPTS/make-initramfs.sh" "$OUT/mutant/initramfs" "$OUT/mutant" job-test "$OUT/mutant/stage" "${programs[@]}"
	dir=$results/mutant-$name
	wanted=$(sed -n 's/^Caught-by: //p' "$patch")
	THREAD=single "$SCRIPTS/boot.sh" "$vendor" "$OUT/mutant/arch/x86/boot/bzImage" "$OUT/mutant/initramfs" "$dir" "lab.test=$wanted"

	ran=$(grep -cE "^(not )?ok [0-9]* - $vendor/" "$dir/report" || :)
	caught=$(grep -c "^not ok [0-9]* - $vendor/" "$dir/report" || :)
	verdict=caught
	if [ "$caught" = 0 ]; then verdict=SURVIVED survivors=$((survivors + 1)); fi
	printf '%-18s %s: %s\n' "$name" "$verdict" "$(sed -n 's/^Bug: //p' "$patch")"
	printf '%-18s   %s failed in %s of %s cells\n' "" "$wanted" "$caught" "$ran"
done
[ $survivors -eq 0 ] || die "$survivors bugs survived"
