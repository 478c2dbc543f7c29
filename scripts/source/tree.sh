# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
# The git trees of the lab: tag "base" is the source as unpacked, branch "main" the series
# on it; $BASE is a worktree of the tag. Source it after lib.sh.

# in_tree linux|qemu|bochs: which of the trees, and of the series, the functions here are about.
in_tree()
{
	case $1 in
	linux)	;;
	qemu)	PATCHES=$TOP/patches/qemu-7.2 SRC=$BUILD/qemu-7.2 ;;
	bochs)	PATCHES=$TOP/patches/bochs-3.0 SRC=$BUILD/bochs-3.0 ;;
	esac
}

# The patches of the series, in order, without the cover letter.
series()
{
	[ ! -d "$PATCHES" ] ||
		find "$PATCHES" -name '[0-9]*.patch' ! -name '0000-*' | sort
}

# tree_git ARGS...: git in the tree, independent of the user's configuration.
tree_git()
{
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 git -C "$SRC" \
		-c user.name=lab -c user.email=lab@localhost \
		-c core.hooksPath=/dev/null -c gc.auto=0 -c advice.detachedHead=false "$@"
}

# commit_tree MESSAGE: everything in $SRC, whatever its .gitignore hides. The same
# source makes the same commit, on whatever machine: patches name it as their base.
commit_tree()
{
	tree_git add -f -A
	GIT_AUTHOR_DATE="@0 +0000" GIT_COMMITTER_DATE="@0 +0000" tree_git commit -q --no-verify -m "$1"
}

# make_base MESSAGE: a git tree of the source that was unpacked in $SRC: its tag "base".
make_base()
{
	git init -q -b main "$SRC"
	# Nobody wants to wait for git to repack a tree of this size.
	git -C "$SRC" config gc.auto 0
	commit_tree "$1"
	tree_git tag base
}

# has_series: the tree differs from its base, by commits or by edits.
has_series()
{
	! tree_git diff --quiet base --
}

# kernels: the names of those that there are to test, each with its build directory
# $OUT/NAME. Without a series there is only the base; a user's tree with a series of its
# own has no base.
kernels()
{
	[ ! -e "$BASE/.git" ] || echo base
	if [ ! -e "$BASE/.git" ] || has_series; then echo patched; fi
}

# source_of KERNEL: the tree that it is built from.
source_of()
{
	case $1 in base) echo "$BASE" ;; *) echo "$SRC" ;; esac
}

# worktree DIR: have DIR, a worktree beside the trees that the developer works in.
worktree()
{
	[ -e "$1/.git" ] || { rm -rf "$1"; tree_git worktree prune; }
	[ -e "$1/.git" ] ||
		step "Make a worktree, $(short "$1")" "worktree-$(basename "$1")" tree_git worktree add -f --detach "$1" base
}
