#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Install what is missing, and make the trees that the lab builds: build/linux-VERSION, a git tree whose tag
# "base" is the unpacked source and whose branch "main" is the series on top,
# and build/linux-VERSION-base, a worktree of the tag.
#
# Usage: prepare-tree.sh [tests]
#
# With "tests" also those of the main version, which have the selftests for all.
# With KERNEL= the same is made of a copy of that tree, under build/user/.
# Nothing is done again that is done already, and no commit or edit in
# the tree is ever discarded.

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"

"$SCRIPTS/source/install-packages.sh"

# Debian's .gitignore ends with a block that hides every file, so also new ones.
unpack()
{
	mkdir -p "$SRC"
	dpkg-deb --fsys-tarfile "$1" | tar -xO --wildcards './usr/src/linux-source-*.tar.xz' |
		tar -xJ -C "$SRC" --strip-components=1
	sed -i '/^# Debian packaging/,$d' "$SRC/.gitignore"
	make_base "Linux, as in $(basename "$1" .deb)"
}

if [ -n "$KERNEL" ]; then
	"$SCRIPTS/source/import-tree.sh"
elif ! tree_git rev-parse -q --verify base >/dev/null 2>&1; then
	deb=$("$SCRIPTS/source/fetch-base.sh")
	need_space "$BUILD" 6
	rm -rf "$SRC"
	step "Unpack the base kernel" unpack unpack "$deb"
fi

"$SCRIPTS/source/apply-series.sh" linux

if [ ! -e "$BASE/.git" ] && tree_git rev-parse -q --verify base >/dev/null; then
	tree_git worktree prune
	step "Check out the base beside it" worktree tree_git worktree add --detach "$BASE" base
fi
if [ -e "$BASE/.git" ] && [ "$(git -C "$BASE" rev-parse HEAD)" != "$(tree_git rev-parse 'base^{commit}')" ]; then
	git -C "$BASE" checkout -q --detach base
fi
if tree_git rev-parse -q --verify refs/lab/own >/dev/null; then
	series="the series as it came"
else
	series="$(tree_git rev-list --count base..HEAD) patches on its base"
	[ -z "$(tree_git status --porcelain -uno)" ] || series+=", and edits that are not committed"
fi
say "Tree: $(short "$SRC"), Linux $(make -s -C "$SRC" kernelversion), $series"

if [ "${1:-}" = tests ] && ! is_main; then
	LAB_VERSION='' LAB_KERNEL='' LAB_SERIES='' "$0"
fi
