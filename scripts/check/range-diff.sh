#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check that each port of the series to another kernel, patches/linux-*, has the patches of the main
# version, by posting, order and subject; and show where they differ.
#
# Usage: range-diff.sh
#
# Patches that touch nothing but selftests and MAINTAINERS are not ported; of others, and of whole
# postings, a port's README.md may say why they are left out: "- `SUBJECT`: REASON". Where both
# trees are there (make check CHECK=range-diff KERNEL_VERSION=6.12 makes them), git range-diff of each
# patch is shown, and left in build/checked/range-diff-VERSION.

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"
. "$SCRIPTS/check/lib.sh"

main=$TOP/patches/linux-$MAIN_VERSION

patches() { find "$1" -name '0*.patch' 2>/dev/null | LC_ALL=C sort; }

# subjects DIR: of its patches, in order. A long one goes on in the next line.
subjects()
{
	patches "$1" | while read -r patch; do
		awk '/^Subject: / { sub(/^Subject: \[[^]]*\] /, ""); subject = $0; next }
			subject && /^ / { subject = subject $0; next }
			subject { print subject; exit }' "$patch"
	done
}

# ported DIR README: those that a port must have.
ported()
{
	patches "$1" | while read -r patch; do
		grep '^diff --git ' "$patch" | grep -v ' b/tools/testing/\| b/MAINTAINERS$' >/dev/null || continue
		subjects "$patch"
	done | while read -r subject; do
		left_out "$2" "$subject" || echo "$subject"
	done
}
left_out() { grep -F -- "- \`$2\`: " "$1" >/dev/null; }

# show VERSION: the range-diff of each patch of that port with its counterpart.
show()
{
	local tree=$BUILD/linux-$1 subject old new
	export GIT_ALTERNATE_OBJECT_DIRECTORIES=$BUILD/linux-$MAIN_VERSION/.git/objects
	git -C "$tree" log --reverse --format='%H %s' base..main | while read -r new subject; do
		old=$(git -C "$BUILD/linux-$MAIN_VERSION" log --format='%H %s' base..main | awk -v s="$subject" 'substr($0, 42) == s { print $1 }')
		[ -n "$old" ] || continue
		git -C "$tree" range-diff --no-color --creation-factor=100 "$old^..$old" "$new^..$new"
	done
}

rc=0
for port in "$TOP"/patches/linux-*; do
	version=${port##*/linux-}
	[ "$version" != "$MAIN_VERSION" ] || continue
	[ -e "$port/README.md" ] || { say "$(short "$port") has no README.md"; rc=1; continue; }
	for name in $(find "$main" "$port" -mindepth 1 -maxdepth 1 -type d -printf "%f\n" | sort -u); do
		! left_out "$port/README.md" "$name" || continue
		mkdir -p "$CHECKED"
		{ diff <(ported "$main/$name" "$port/README.md") <(subjects "$port/$name") || :; } |
			sed -n "s,^< ,patches/linux-$version/$name has no counterpart\, or not here\, of: ,p;
				s,^> ,patches/linux-$version/$name has\, and patches/linux-$MAIN_VERSION not\, or not here: ,p" >"$CHECKED/range-diff.out"
		[ ! -s "$CHECKED/range-diff.out" ] || { cat "$CHECKED/range-diff.out" >&2; rc=1; }
	done
	[ -e "$BUILD/linux-$version/.git" ] || continue
	[ -e "$BUILD/linux-$MAIN_VERSION/.git" ] || continue
	show "$version" | tee "$CHECKED/range-diff-$version"
done
exit $rc
