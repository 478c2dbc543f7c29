#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check that coccinelle (make coccicheck MODE=report) reports nothing about what the
# series makes of arch/x86/kvm that it does not report about the base.
#
# Usage: coccinelle.sh
#
# It takes minutes of CPU time. The semantic patches look at one file at a time; so they
# get the files that the series touches, and of the base those with a report. Left out
# are the two semantic patches that want an OCaml compiler, 445 MB: one is of a driver,
# the other compares pointers with 0, which sparse finds.

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"
. "$SCRIPTS/check/lib.sh"

dir=$CHECKED/coccinelle
tree=$WORK/check
out=$tree/.out-coccinelle
[ -e "$OUT/base/.config" ] || die "there is no $(short "$OUT/base/.config")" "Run: make selftests"

# coccicheck NAME COMMIT FILE...: the reports about those of the files that there are.
coccicheck()
{
	local name=$1 commit=$2 files
	shift 2
	: >"$dir/$name.reports"
	mapfile -t files < <(tree_git ls-tree -r --name-only "$commit" -- "$@")
	[ $# -gt 0 ] && [ ${#files[@]} -gt 0 ] || return 0
	mkdir -p "$dir/$name"
	tree_git archive "$commit" -- "${files[@]}" | tar -x -C "$dir/$name"
	make -s -C "$tree" O="$out" coccicheck M="$dir/$name" MODE=report J="$JOBS" >"$dir/$name.log" 2>&1 ||
		{ cat "$dir/$name.log"; return 1; }
	sed -n 's,^\./\(arch/\),\1,p' "$dir/$name.log" >"$dir/$name.reports"
}

run()
{
	local files
	check_out "$TIP"
	rm -rf "$dir"
	mkdir -p "$dir" "$out"
	cp "$OUT/base/.config" "$out/"
	make -C "$tree" O="$out" olddefconfig prepare
	grep -rl ':ocaml' "$tree/scripts/coccinelle" | xargs rm
	mapfile -t files < <(tree_git diff --name-only base "$TIP" -- 'arch/x86/kvm/*.[ch]')
	coccicheck series "$TIP" "${files[@]}"
	mapfile -t files < <(sed 's/:.*//' "$dir/series.reports" | sort -u)
	coccicheck base base "${files[@]}"
}

{
	cat "$0" "$OUT/base/.config"
	spatch --version
	tree_git diff base "$TIP" -- arch/x86/kvm
	tree_git rev-parse 'base^{tree}' "$TIP:scripts/coccinelle"
} | once coccinelle.run step "Coccinelle" coccinelle run
new_reports "$dir/base.reports" "$dir/series.reports" "Coccinelle"
