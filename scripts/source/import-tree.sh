#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Copy the user's kernel tree to build/user/, as a git tree with a tag "base".
#
# Usage: import-tree.sh
#
# The tree is what a command of make was told as KERNEL=
#
# The user's tree, a git tree or a plain directory, is only read. Of a git tree
# the files as they are on disk are taken, without ignored ones. If it has the
# series applied already, "base" is the tree without it, so that
# both kernels can still be compared; refs/lab/own marks such a tree.

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"

[ -f "$KERNEL/arch/x86/kvm/x86.c" ] ||
	die "KERNEL=$KERNEL is no Linux source tree" "Pass the top directory of one."

files()
{
	if [ -e "$KERNEL/.git" ]; then
		git -C "$KERNEL" -c safe.directory='*' --no-optional-locks ls-files -z -co --exclude-standard
	else
		find "$KERNEL" -mindepth 1 \( -type f -o -type l \) -printf '%P\0'
	fi | LC_ALL=C sort -z
}

state()
{
	(cd "$KERNEL" && files | xargs -0 stat -c '%n %s %Y' 2>/dev/null; cat "$SCRIPTS/source/import-tree.sh"
	 series | xargs -r cat) | sha256sum
}

# Times are not copied: what changed since the last copy is new to make.
copy()
{
	mkdir -p "$SRC"
	files >"$WORK/files"
	(cd "$SRC" && find . -path ./.git -prune -o -path ./.out -prune -o \
		\( -type f -o -type l \) -printf '%P\0') | LC_ALL=C sort -z |
		LC_ALL=C comm -z -13 "$WORK/files" - | (cd "$SRC" && xargs -0r rm -f)
	rsync -rlp --checksum --ignore-missing-args --from0 --files-from="$WORK/files" "$KERNEL/" "$SRC/"
	tree_git add -f -A -- . ':!.out'
	tree_git commit -q --no-verify --allow-empty -m "Copy of $KERNEL"
}

stamp=$WORK/state
now=$(state)
[ "$now" != "$(cat "$stamp" 2>/dev/null)" ] || exit 0

mkdir -p "$WORK"
need_space "$WORK" 6
if [ ! -e "$SRC/.git" ]; then
	git init -q -b main "$SRC"
else
	[ -z "$(tree_git status --porcelain -uno)" ] ||
		die "$(short "$SRC") has edits of its own; make them in $KERNEL" "Or move them away, then again."
	tree_git update-ref -d refs/lab/own
	tree_git update-ref -d refs/lab/applied
	for name in $(marked); do tree_git update-ref -d "refs/heads/posting/$name"; done
	tree_git checkout -q -B main base
fi
rm -f "$SRC"/.git/lab-{series,postings} "$stamp"
step "Copy $KERNEL" import copy
tree_git tag -f base >/dev/null

# Does it have the series? Try to take it off, last patch first.
taken_off()
{
	local patch
	for patch in $(series | sort -r); do
		tree_git apply -R --index "$patch" || return 1
	done
}
if [ -z "$(series)" ]; then
	:
elif taken_off 2>"$LOGS/import-reverse.log"; then
	say "$KERNEL has the series applied already; its base is the tree without it."
	tree_git commit -q --no-verify -m "The tree without the series"
	tree_git tag -f base >/dev/null
	tree_git checkout -q -B main HEAD^
	tree_git update-ref refs/lab/own HEAD
else
	tree_git reset -q --hard base
	if [ -f "$SRC/arch/x86/kvm/vmware.c" ]; then
		say "$KERNEL has a version of the series that differs from patches/:" \
			"it is tested as it is, without an unpatched kernel to compare with."
		tree_git tag -d base >/dev/null
		tree_git update-ref refs/lab/own HEAD
	else
		say "$KERNEL is without the series; it is applied to the copy."
	fi
fi
echo "$now" >"$stamp"
