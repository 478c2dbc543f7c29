# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
# The git trees of the lab: tag "base" is the source as unpacked, branch "main" the series
# on it; $BASE is a worktree of the tag. Source it after lib.sh.
#
# The series for Linux is several postings, each a folder of $PATCHES. In the tree a branch
# posting/NAME is at the last commit of each; git rebase takes it along (rebase.updateRefs),
# and where it did not, the branch is no ancestor of main any more, and ends() stops.

# in_tree linux|qemu|bochs: which of the trees, and of the series, the functions here are about.
in_tree()
{
	case $1 in
	linux)	;;
	qemu)	PATCHES=$TOP/patches/qemu-10.0 SRC=$BUILD/qemu-10.0 ;;
	bochs)	PATCHES=$TOP/patches/bochs-3.0 SRC=$BUILD/bochs-3.0 ;;
	esac
}

# The patches of the series, in order: what git am is given, $PATCHES/0*.patch or */0*.patch.
series()
{
	[ ! -d "$PATCHES" ] ||
		find "$PATCHES" -name '0*.patch' | LC_ALL=C sort
}

# What tells one state of them from another.
series_state() { series | xargs -r sha256sum | sed "s,$PATCHES/,," | sha256sum; }

# The names of the postings, in order: the folders, or what the tree has branches for.
postings() { [ ! -d "$PATCHES" ] || find "$PATCHES" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | LC_ALL=C sort; }
marked()   { tree_git for-each-ref --format='%(refname:lstrip=3)' refs/heads/posting/ | LC_ALL=C sort; }

# mark_postings: have the branches, of the series as it was applied to HEAD.
mark_postings()
{
	local name left
	for name in $(marked); do tree_git update-ref -d "refs/heads/posting/$name"; done
	left=$(series | wc -l)
	for name in $(postings); do
		left=$((left - $(series | grep -cF "$PATCHES/$name/")))
		tree_git update-ref "refs/heads/posting/$name" "HEAD~$left"
	done
}

# record_applied: the tree and patches/ agree; applied series|postings: what was recorded then.
posting_refs() { tree_git for-each-ref refs/heads/posting/; }
applied() { cat "$(tree_git rev-parse --absolute-git-dir)/lab-$1" 2>/dev/null || :; }
record_applied()
{
	local git
	git=$(tree_git rev-parse --absolute-git-dir)
	tree_git update-ref refs/lab/applied main
	series_state >"$git/lab-series"
	posting_refs >"$git/lab-postings"
	tree_git config rebase.updateRefs true
}

# ends: "NAME COMMIT", the last commit of each posting of the tree, in order; "." is a series
# without postings. The last one ends with main, so has what was committed on top.
ends()
{
	local name end last tree previous=base
	tree=$(short "$SRC") last=$(marked | tail -n 1)
	[ -n "$last$(postings)" ] || echo ". main"
	for name in $(postings); do
		tree_git rev-parse -q --verify "refs/heads/posting/$name" >/dev/null ||
			die "$(short "$PATCHES")/$name has no branch posting/$name in $tree" \
			    "If it is still a posting: git -C $tree branch posting/$name COMMIT   (its last one)" \
			    "Else move or remove the folder."
	done
	for name in $(marked); do
		end=posting/$name
		[ "$name" != "$last" ] || end=main
		tree_git merge-base --is-ancestor "$end" main ||
			die "$end is not in main: a rebase left it behind, so nobody knows where the posting ends" \
			    "Say it: git -C $tree branch -f $end COMMIT   (its last one; it was: $(tree_git log -1 --format=%s "$end"))"
		if [ -z "$(tree_git rev-list "$previous..$end")" ] ||
		   ! tree_git merge-base --is-ancestor "$previous" "$end"; then
			die "$end has no commit of its own after $previous" \
			    "Move it: git -C $tree branch -f $end COMMIT   or remove it: git -C $tree branch -D $end"
		fi
		echo "$name $end"
		previous=$end
	done
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

# description COVER: subject, empty line, text of a cover letter, up to its list of patches.
description()
{
	[ ! -e "$1" ] || awk '
		header && /^Subject: / { sub(/^Subject: (\[[^]]*\] *)?/, ""); subject = $0; next }
		header && subject && /^ / { subject = subject $0; next }
		header && !/^$/ { next }
		header && /^$/ { header = 0; print subject; print ""; next }
		held && /^  [^ ]/ { exit }
		held { print list; held = 0 }
		/^[^ ].* \([0-9]+\):$/ { list = $0; held = 1; next }
		{ print }
	' header=1 "$1"
}

# stop_after POSTING: from here on SRC is a worktree with the commits up to the end of it.
stop_after()
{
	local ends end
	! tree_git rev-parse -q --verify refs/lab/own >/dev/null ||
		die "SERIES=$1: $KERNEL has the series in it, and nothing says where a posting ends"
	ends=$(ends)
	end=$(awk -v name="$1" '$1 == name { print $2 }' <<<"$ends")
	[ -n "$end" ] || die "SERIES=$1: there is no such posting" "There are: $(cut -d ' ' -f 1 <<<"$ends" | xargs)"
	worktree "$WORK/series/linux"
	git -C "$WORK/series/linux" checkout -q -f --detach "$(tree_git rev-parse "$end")"
	export LAB_SERIES=$1
	places
	say "Tree: $(short "$SRC"), the commits up to the end of $1 ($(tree_git log -1 --format=%s))"
}

# worktree DIR: have DIR, a worktree beside the trees that the developer works in.
worktree()
{
	[ -e "$1/.git" ] || { rm -rf "$1"; tree_git worktree prune; }
	[ -e "$1/.git" ] ||
		step "Make a worktree, $(short "$1")" "worktree-$(basename "$1")" tree_git worktree add -f --detach "$1" base
}
