#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Write DIR/POSTING.mbox for each posting, as whoever posts it would send it: the cover letter
# and, in reply to it, the patches, with that person's From and Signed-off-by, and the
# Assisted-by that the kernel's process asks for. The postings' trees stay as they are.
#
# Usage: mbox.sh sender="Name <address>" assisted_by="VALUE" dir=DIR
#
# A posting called *-lab is not for the list. What the patches in the repository have of the lab's
# is gone: its author, and its base-commit.

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"

take "sender assisted_by dir" "" "$@"
[ -e "$SRC/.git" ] || die "there is no $(short "$SRC")" "Run: make tree"

process=Documentation/process/coding-assistants.rst
mapfile -t forms < <(tree_git show "main:$process" | sed -n 's/^  Assisted-by: //p')
[ -n "$sender" ] ||
	die 'SENDER= is missing: who posts the patches, and certifies their origin' \
	    'make mbox SENDER="Name <address>" ASSISTED_BY="..."'
[[ $sender =~ ^[^\<\>@\",[:space:]][^\<\>@\",]*\ \<[^\<\>@,[:space:]]+@[^\<\>@,[:space:]]+\.[^\<\>@,[:space:]]+\>$ &&
   $sender != *$'\n'* ]] || die "SENDER=$sender is not of the form: Name <address>"
case $sender in
*noreply*|*.example\>) die "SENDER=$sender: nobody reads mail there, and who signs off is a known person" ;;
esac
[ -n "$assisted_by" ] ||
	die "ASSISTED_BY= is missing: the tag that $process asks for, there is no default" \
	    "Its form there: ${forms[0]:-unknown, there is no such document}"
[[ $assisted_by =~ ^[A-Za-z0-9][A-Za-z0-9._:+-]*(\ [A-Za-z0-9][A-Za-z0-9._:+-]*)*$ ]] ||
	die "ASSISTED_BY=$assisted_by is not a list of words" "Its form in $process: ${forms[0]:-}"
# A first word that is in the form and in its example is no placeholder.
[ "${forms[0]%% *}" != "${forms[1]%% *}" ] || [ "${assisted_by%% *}" = "${forms[0]%% *}" ] ||
	die "ASSISTED_BY=$assisted_by is not of the form in $process: ${forms[0]}"

ends=$(ends)
[[ "$(series_state)" = "$(applied series)" && "$(posting_refs)" = "$(applied postings)" &&
   "$(tree_git rev-parse main)" = "$(tree_git rev-parse refs/lab/applied)" ]] ||
	die "$(short "$SRC") has commits that are not in $(short "$PATCHES")" "Run: make export"

# From here on in a clone that shares the objects.
rm -rf "$dir"
mkdir -p "$dir"
git clone -q --bare --shared "$SRC" "$dir/git"
SRC=$dir/git
export GIT_AUTHOR_NAME="${sender% <*}" GIT_COMMITTER_NAME="${sender% <*}"
GIT_AUTHOR_EMAIL=${sender##*<} GIT_AUTHOR_EMAIL=${GIT_AUTHOR_EMAIL%>} GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL
export GIT_AUTHOR_EMAIL GIT_COMMITTER_EMAIL

# signed COMMIT PARENT: the same, from the sender.
signed()
{
	tree_git log -1 --format=%B "$1" |
		tree_git interpret-trailers --no-divider --trailer "Assisted-by: $assisted_by" --trailer "Signed-off-by: $sender" |
		tree_git commit-tree -p "$2" -F - "$1^{tree}"
}

# The cover letter's text, with a note on the numbers that the series has by then, if it has any.
text()
{
	description "$PATCHES/$1/cover-letter.patch"
	tree_git show "$1:include/uapi/linux/kvm.h" |
		sed -n 's/^#define \(KVM_CAP_X86_VMWARE\|KVM_EXIT_VMWARE\)[ \t]*\([0-9]*\).*/\1 (\2)/p' | sort |
		awk '{ list = list (NR > 1 ? " and " : "") $0 }
		     END { if (NR) print "Numbers are provisional until assigned upstream, i.e. for trying, not for\nshipping: " list "." }'
}

recipients()
{
	awk '/^Subject: / { exit }
	     /^[^ ]/ { kind = /^To: / ? "to" : /^Cc: / ? "cc" : ""; sub(/^[^ ]*/, "") }
	     kind { gsub(/^ |,$/, ""); print "--" kind "=" $0 }' "$PATCHES/$1/cover-letter.patch"
}

# The header as git writes it in a patch: in a cover letter it leaves a name as it is.
from_header() { tree_git log -1 --format=email "$1" | awk 'NR > 1 { if (/^Date: /) exit; print }'; }

from=base parent=$(tree_git rev-parse 'base^{commit}')
while read -r name to; do
	[[ $name != *-lab ]] || continue
	start=$parent
	for commit in $(tree_git rev-list --reverse "$from..$to"); do
		parent=$(signed "$commit" "$parent")
	done
	from=$(tree_git rev-parse "$to")
	tree_git update-ref "refs/heads/$name" "$parent"
	mapfile -t recipients < <(recipients "$name")
	tree_git -c "branch.$name.description=$(text "$name")" \
		format-patch --stdout --thread=shallow --cover-letter --cover-from-description=subject \
		--no-signature --stat=72 --summary -M "${recipients[@]}" "$start..$name" |
		awk -v from="$(from_header "$parent")" '
			/^From: / && !n++ { $0 = from }
			{ print }' >"$dir/$name.mbox"
	say "$(short "$dir")/$name.mbox: cover letter, and patches: $(tree_git rev-list --count "$start..$name")"
done <<<"$ends"
rm -rf "$dir/git"
