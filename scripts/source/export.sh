#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Write the commits base..main of build/linux-7.3 to patches/linux-7.3, a folder for each
# posting, and copies of the files that they add to the top of this repository; or those of
# another version, e.g. build/linux-6.12 to patches/linux-6.12, without copies and cover letters; or
# of build/qemu-10.0 to patches/qemu-10.0, or of build/bochs-3.0, without folders and copies.
#
# Usage: export.sh linux|qemu|bochs [DIR]
#
# With DIR the same files are written there, and nothing else changes.
# The same commits make the same patches, whoever exports, and whatever was run: they have
# no results in them. A cover letter keeps its subject and text; its table of instructions
# (from bench/), its list of patches and its diffstat are made anew.

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"

in_tree "$1"
what=$1 top=${2:-$TOP}

[ -e "$SRC/.git" ] || die "there is no $(short "$SRC")" "Run: make tree, make qemu, or make bochs"
[ "$(tree_git symbolic-ref -q --short HEAD)" = main ] ||
	die "$(short "$SRC") is not on its branch main" "Run there: git switch main"
[ -z "$(tree_git status --porcelain)" ] ||
	die "$(short "$SRC") has changes that are not committed" "Commit or remove them: git -C $(short "$SRC") status"
! tree_git log --format=%s base..main | grep "^\(fixup\|squash\|amend\)! " ||
	die "$(short "$SRC") has commits that are meant for another" \
	    "Fold them: GIT_SEQUENCE_EDITOR=: git -C $(short "$SRC") rebase -i --autosquash base"

ends=$(ends)
new=$BUILD/export
patches=$top/$(short "$PATCHES")
rm -rf "$new"

# What make bench counted, of the exits that compare; for the cover letter.
figures()
{
	awk -F '\t' '
		BEGIN { n = split("out xen xen_sync xen_regs vmware", tests, " ")
			printf "  %-44s %8s %8s\n", "", "Intel", "AMD" }
		$2 == "patched" && $3 == "N" && $6 == "vmware" {
			name[$5] = $12
			if (!(($1, $5) in least) || $7 < least[$1, $5]) least[$1, $5] = $7 }
		END { for (i = 1; i <= n; i++) printf "  %-44s %8.0f %8.0f\n",
			name[tests[i]], least["intel", tests[i]], least["amd", tests[i]] }' "$TOP/bench/results.tsv"
}

# The text of a cover letter, with that table as it is now.
with_figures()
{
	FIGURES=$(figures) awk '
		/^Instructions.*:$/ { print $0 "\n\n" ENVIRON["FIGURES"] "\n"; table = 2; next }
		table { table -= /^$/; next }
		{ print }'
}

# Who gets the patches of DIR, for git send-email --to-cover --cc-cover: the maintainers; in
# copy the reviewers and the lists, and who wrote the series that this one replaces.
recipients()
{
	local dir=$1
	shift
	(cd "$SRC" && find "$dir" -name '0*.patch' ! -name '0000-*' | sort |
		xargs scripts/get_maintainer.pl --no-git --no-git-fallback --no-rolestats "$@")
}
header()	{ sed "1s/^/$1: /; 1!s/^/ /; \$!s/\$/,/"; }
predecessor()	{ sed -n "s,^M:\t\(Zack Rusin .*\),\1,p" "$SRC/MAINTAINERS" | sort -u; }

# address DIR COMMIT: the headers for them, in $new/headers.
address()
{
	recipients "$1" --no-l --no-r | grep -vF "$(tree_git log -1 --format=%ae "$2")" >"$new/to"
	{ recipients "$1" --no-m; predecessor; } | grep -vxFf "$new/to" >"$new/cc"
	{ header To <"$new/to"; header Cc <"$new/cc"; } >"$new/headers"
	rm "$new"/{to,cc}
}

# posting NAME FROM TO: the commits FROM..TO in $new/NAME. Whoever wrote the last of them signs
# the cover letter, on that day. git am must not take it for a patch: it has no number.
posting()
{
	local dir=$new/$1 from=$2 to=$3
	local format=(--quiet -o "$dir" --zero-commit --no-signature --stat=72 --summary -M "$from..$to")
	mkdir -p "$dir"
	if [ "$what" = linux ] && ! is_main; then
		tree_git -c core.abbrev=12 format-patch --no-cover-letter "${format[@]}"
		return
	fi
	GIT_COMMITTER_NAME=$(tree_git log -1 --format=%an "$to") \
	GIT_COMMITTER_EMAIL=$(tree_git log -1 --format=%ae "$to") \
	GIT_COMMITTER_DATE=$(tree_git log -1 --format=%ad --date=raw "$to") \
	tree_git -c branch."$to".description="$(description "$PATCHES/$1/cover-letter.patch" | with_figures)" -c core.abbrev=12 \
		format-patch --cover-letter --cover-from-description=subject --base=base "${format[@]}"
	: >"$new/headers"
	# Bochs has no such list.
	if [ -e "$SRC/MAINTAINERS" ]; then address "$dir" "$to"; fi
	sed "/^Date: /r $new/headers" "$dir/0000-cover-letter.patch" >"$dir/cover-letter.patch"
	rm "$dir/0000-cover-letter.patch" "$new/headers"
}

from=base
while read -r name to; do
	posting "$name" "$from" "$to"
	from=$to
done <<<"$ends"

mkdir -p "$patches"
find "$patches" -name '*.patch' -delete
find "$patches" -mindepth 1 -type d -empty -delete
cp -r "$new"/. "$patches/"

# Readable copies, and none of a file that the series adds no more.
copies()
{
	local dir file
	for dir in arch Documentation include tools virt; do
		rm -rf "${top:?}/$dir"
	done
	tree_git diff --no-renames --name-only --diff-filter=A base main | while read -r file; do
		mkdir -p "$top/$(dirname "$file")"
		tree_git show "main:$file" >"$top/$file"
	done
	tree_git diff base main -- MAINTAINERS | sed -n "s/^+\([^+]\)/\1/p" >"$top/MAINTAINERS-snippet"
}
[ "$what" != linux ] || ! is_main || copies
[ "$top" = "$TOP" ] || exit 0

# What was committed on top went to the last posting.
last=$(marked | tail -n 1)
[ -z "$last" ] || tree_git update-ref "refs/heads/posting/$last" main
record_applied
say "Exported $(series | wc -l) patches to $(short "$PATCHES")"
{ grep -rl 'SUBJECT HERE\|BLURB HERE' --include=cover-letter.patch "$PATCHES" || :; } | while read -r cover; do
	say "Write the cover letter: $(short "$cover")"
done
