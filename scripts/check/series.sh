#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check that the patches apply to the base, that those of each posting are numbered from 0001
# on and have a cover letter which git am does not take for one of them, that none has a tag
# which only a person can give, and that the readable copies equal what the patches make.
#
# Usage: series.sh

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"

tree_git rev-parse -q --verify base >/dev/null 2>&1 || die "there is no base tree yet" "Run: make tree"
mapfile -t patches < <(series)
[ ${#patches[@]} -gt 0 ] || { say "no patches yet"; exit 0; }

# In an index of its own: the tree itself stays as it is.
GIT_INDEX_FILE=$BUILD/check-series.index
export GIT_INDEX_FILE
tree_git read-tree base
for patch in "${patches[@]}"; do
	tree_git apply --cached --whitespace=error-all "$patch" || die "$(short "$patch") does not apply"
done
tree=$(tree_git write-tree)
rm -f "$GIT_INDEX_FILE"
unset GIT_INDEX_FILE

rc=0
for name in $(postings); do
	dir=$PATCHES/$name
	[ -e "$dir/cover-letter.patch" ] || ! is_main || { say "$(short "$dir") has no cover-letter.patch"; rc=1; }
	numbers=$(find "$dir" -name '0*.patch' -printf '%f\n' | cut -c1-4 | sort)
	[ "$numbers" = "$(seq -f %04g "$(wc -l <<<"$numbers")")" ] ||
		{ say "the patches of $(short "$dir") are not numbered from 0001 on"; rc=1; }
done
[ -z "$(postings)" ] || [ -z "$(find "$PATCHES" -maxdepth 1 -name '*.patch')" ] ||
	{ say "$(short "$PATCHES") has patches that are in no posting"; rc=1; }
for patch in "${patches[@]}"; do
	tags=$(sed '/^---$/q' "$patch" | grep -E '^(Signed-off|Reviewed|Tested|Acked|Co-developed|Assisted)-by:') || continue
	say "$(short "$patch") has a tag that is for the person who posts it (make mbox), or for others:" "$tags"
	rc=1
done
# The copies are of the main version.
is_main || exit $rc
added=$(tree_git diff --no-renames --name-only --diff-filter=A base "$tree")
copies=$(cd "$TOP"; find arch Documentation include tools virt -type f 2>/dev/null | sort) || :
[ "$(sort <<<"$added")" = "$copies" ] ||
	{ say "The copies are not the files that the patches add (<: added, >: copies):"
	  diff <(sort <<<"$added") <(cat <<<"$copies") >&2 || :; rc=1; }
for file in $added; do
	tree_git show "$tree:$file" | cmp -s - "$TOP/$file" || { say "$file is not as the patches make it"; rc=1; }
done
[ $rc -eq 0 ] || say "Run: make export"
exit $rc
