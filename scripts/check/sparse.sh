#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2317
# Check that sparse (make C=2) reports nothing about arch/x86/kvm that it does not
# report about the base: after the last patch, with EVERY=1 at every patch.
#
# Usage: sparse.sh
#
# Objects come from ccache: what costs is sparse, about 15 s of CPU time for each patch
# that touches the kernel. A patch is done again only if it or one before it changed.

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"
. "$SCRIPTS/check/lib.sh"

dir=$CHECKED/sparse
tree=$WORK/check
config=$OUT/base/.config
[ -e "$config" ] || die "there is no $(short "$config")" "Run: make selftests"
mkdir -p "$dir"
check_out base
sparse=$("$SCRIPTS/build/sparse.sh" "$tree")

run_sparse()
{
	local out=$tree/.out-sparse
	check_out "$1"
	mkdir -p "$out"
	cp "$config" "$out/.config"
	make -C "$tree" O="$out" CC="ccache gcc" HOSTCC="ccache gcc" olddefconfig
	make -C "$tree" O="$out" CC="ccache gcc" HOSTCC="ccache gcc" CHECK="$sparse" C=2 -j"$JOBS" \
		arch/x86/kvm/ >"$2.log" 2>&1 || { cat "$2.log"; return 1; }
	grep -q '^  CHECK .*/kvm/x86\.c' "$2.log" || { cat "$2.log"; die "sparse did not run"; }
	sed -n 's,^\.\./\(.*: \(warning\|error\): \),\1,p' "$2.log" >"$2"
}

key() { cat "$0" "$config"; "$sparse" --version; tree_git rev-parse "base^{tree}" "$1^{tree}"; }
key base | once sparse/base step "Sparse on the base" sparse-base run_sparse base "$dir/base"

rc=0
for commit in $(commits_to_check); do
	n=$(tree_git rev-list --count "base..$commit")
	key "$commit" | once "sparse/$n" step "Sparse on patch $n" "sparse-$n" run_sparse "$commit" "$dir/$n"
	new_reports "$dir/base" "$dir/$n" "Sparse on patch $n" || rc=1
done
exit $rc
