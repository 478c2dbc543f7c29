#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make defects: plant one defect at a time, and see the check that is meant for it fail
# and say why.
#
# Usage: defects.sh [NAME...]
#
# NAME is a file of scripts/defects/ without its ending: a patch, whose text names
#   Check:  the check that has to fail
#   Says:   what it has to say, a basic regular expression
#   In:     "base", for a patch to the kernel, which is a series of its own then (one
#           patch takes less time than all), "series", for a patch to the kernel as it is
#           after the series, or "repository", for a patch to the files of this one
# Nothing is planted in the trees and files that you work on: a copy of this repository
# without its build/ takes the defect, and the checks in it see the trees of this one. They
# start from the results of make check, if there are any: only the defect is new to them.

. "$(dirname "$0")/lib.sh"

check_alone
copy=$WORK/defects
[ $# -gt 0 ] || mapfile -t names < <(cd "$SCRIPTS/defects" && printf '%s\n' *.patch | sed 's/\.patch$//')
[ $# -eq 0 ] || names=("$@")

plant()
{
	local patch=$1 index=$WORK/defects.index parent=main tree
	rm -rf "$copy" "$copy.checked"
	mkdir -p "$copy" "$CHECKED"
	cp -a "$CHECKED" "$copy.checked"
	git -C "$TOP" ls-files -z -co --exclude-standard | (cd "$TOP" && xargs -0 cp --parents -t "$copy")
	git -C "$copy" init -q
	tip=main
	case $(sed -n 's/^In: //p' "$patch") in
	repository)
		git -C "$copy" apply "$patch" ;;
	base)
		parent=base
		rm "$copy/$(short "$PATCHES")"/*.patch ;&
	series)
		rm -f "$index" "$index.lock"
		GIT_INDEX_FILE=$index tree_git read-tree $parent
		GIT_INDEX_FILE=$index tree_git apply --cached "$patch"
		tree=$(GIT_INDEX_FILE=$index tree_git write-tree)
		tip=$(sed '/^$/q' "$patch" | tree_git commit-tree -p $parent -F - "$tree")
		tree_git format-patch -q --start-number 9999 -o "$copy/$(short "$PATCHES")" -1 "$tip" ;;
	esac
	git -C "$copy" add -A
}

rc=0
for name in "${names[@]}"; do
	patch=$SCRIPTS/defects/$name.patch
	[ -e "$patch" ] || die "there is no $(short "$patch")" "There are: $(cd "$SCRIPTS/defects" && echo *.patch)"
	check=$(sed -n 's/^Check: //p' "$patch") says=$(sed -n 's/^Says: //p' "$patch")
	plant "$patch"
	log=$LOGS/defect-$name.log result=caught
	! BUILD=$BUILD CHECKED=$copy.checked TIP=$tip "$copy/scripts/check-$check.sh" >"$log" 2>&1 || result="NOT CAUGHT: the check passed"
	grep -q -- "$says" "$log" || result="NOT CAUGHT: check-$check does not say \"$says\" ($(short "$log"))"
	[ "$result" = caught ] || rc=1
	printf '%-16s %-12s %s\n' "$name" "$check" "$result"
done
rm -rf "$copy" "$copy.checked"
exit $rc
