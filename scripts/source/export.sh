#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Write the commits base..main of build/linux-7.3 to patches/linux-7.3, and copies of the
# files that they add to the top of this repository; or those of build/qemu-7.2 to
# patches/qemu-7.2, without copies, or those of build/bochs-3.0.
#
# Usage: export.sh linux|qemu|bochs [DIR]
#
# With DIR the same files are written there, and nothing else changes.
# The same commits make the same patches, whoever exports, and whatever was run: they have
# no results in them. The cover letter keeps its subject and text; its table of
# instructions (from bench/), its list of patches and its diffstat are made anew.

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

cover=$PATCHES/0000-cover-letter.patch
new=$BUILD/export
patches=$top/$(short "$PATCHES")
rm -rf "$new"
mkdir -p "$patches" "$new"

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

# Subject, empty line, text: of the old cover letter, up to its list of patches.
description()
{
	[ ! -e "$cover" ] || FIGURES=$(figures) awk '
		header && /^Subject: / { sub(/^Subject: (\[[^]]*\] *)?/, ""); subject = $0; next }
		header && subject && /^ / { subject = subject $0; next }
		header && !/^$/ { next }
		header && /^$/ { header = 0; print subject; print ""; next }
		held && /^  [^ ]/ { exit }
		held { print list; held = 0 }
		/^Instructions .*:$/ { print $0 "\n\n" ENVIRON["FIGURES"] "\n"; table = 2; next }
		table { table -= /^$/; next }
		/^[^ ].* \([0-9]+\):$/ { list = $0; held = 1; next }
		{ print }
	' header=1 "$cover"
}

# Whoever wrote the last patch signs the cover letter, on that day.
GIT_COMMITTER_NAME=$(tree_git log -1 --format=%an) \
GIT_COMMITTER_EMAIL=$(tree_git log -1 --format=%ae) \
GIT_COMMITTER_DATE=$(tree_git log -1 --format=%ad --date=raw) \
tree_git -c branch.main.description="$(description)" -c core.abbrev=12 \
	format-patch --quiet -o "$new" --cover-letter --cover-from-description=subject \
	--base=base --zero-commit --no-signature --stat=72 --summary -M base..main

# Who gets it, for git send-email --to-cover --cc-cover: the maintainers; in copy the
# reviewers and the lists.
recipients()
{
	(cd "$SRC" && find "$new" -name "*.patch" ! -name "0000-*" | sort |
		xargs scripts/get_maintainer.pl --no-git --no-git-fallback --no-rolestats "$@")
}
header() { sed "1s/^/$1: /; 1!s/^/ /; \$!s/\$/,/"; }
# And who wrote the series that this one replaces.
predecessor() { sed -n "s,^M:\t\(Zack Rusin .*\),\1,p" "$SRC/MAINTAINERS" | sort -u; }
address()
{
	recipients --no-l --no-r | grep -vF "$(tree_git log -1 --format=%ae)" >"$new/to"
	{ recipients --no-m; predecessor; } | grep -vxFf "$new/to" >"$new/cc"
	{ header To <"$new/to"; header Cc <"$new/cc"; } >"$new/headers"
	sed -i "/^Date: /r $new/headers" "$new/0000-cover-letter.patch"
}
# Bochs has no such list.
[ ! -e "$SRC/MAINTAINERS" ] || address

rm -f "$patches"/*.patch
mv "$new"/*.patch "$patches/"

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
[ "$what" != linux ] || copies
[ "$top" = "$TOP" ] || exit 0

# The tree and patches/ agree: see apply-series.sh.
tree_git update-ref refs/lab/applied main
series | xargs -r cat | sha256sum >"$SRC/.git/lab-series"
say "Exported $(series | wc -l) patches to $(short "$PATCHES")"
! grep -q 'SUBJECT HERE\|BLURB HERE' "$cover" || say "Write the cover letter: $(short "$cover")"
