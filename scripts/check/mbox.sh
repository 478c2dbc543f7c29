#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check what make mbox writes: git am makes the series of it; each
# patch is from the sender and has the tags; cover letter and patches are a thread; and input
# that nobody can post with is refused.
#
# Usage: mbox.sh

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"
. "$SCRIPTS/check/lib.sh"

dir=$CHECKED/mbox
rc=0
sender='Jürgen Nobody <nobody@host.invalid>'
# The example of the document that asks for the tag.
assisted_by=$(tree_git show main:Documentation/process/coding-assistants.rst | sed -n 's/^  Assisted-by: \([^[]*\)$/\1/p')
bad() { say "make mbox: $*"; rc=1; }

rm -rf "$dir"
mkdir -p "$dir"
while IFS='|' read -r who tag says; do
	if "$SCRIPTS/source/mbox.sh" sender="$who" assisted_by="$tag" dir="$dir/refused" 2>"$dir/said"; then
		bad "accepts SENDER=$who ASSISTED_BY=$tag"
	elif ! grep -q "^error: $says" "$dir/said"; then
		bad "SENDER=$who ASSISTED_BY=$tag: does not say \"$says\":" "$(cat "$dir/said")"
	fi
	[ ! -e "$dir/refused" ] || bad "leaves something behind when it refuses"
done <<EOF2
|$assisted_by|SENDER= is missing
nobody@host.invalid|$assisted_by|SENDER=.* is not of the form
Nobody|$assisted_by|SENDER=.* is not of the form
<nobody@host.invalid>|$assisted_by|SENDER=.* is not of the form
Nobody <nobody>|$assisted_by|SENDER=.* is not of the form
Nobody <nobody@host.invalid> and others|$assisted_by|SENDER=.* is not of the form
$(tree_git log -1 --format='%an <%ae>' main)|$assisted_by|SENDER=.* nobody reads mail there
$sender||ASSISTED_BY= is missing
$sender|Assisted-by: x|ASSISTED_BY=.* is not
$sender|x|ASSISTED_BY=.* is not
EOF2

"$SCRIPTS/source/mbox.sh" sender="$sender" assisted_by="$assisted_by" dir="$dir/out"
want=$(postings | grep -v -e '-lab$' | sed 's/$/.mbox/')
[ "$(cd "$dir/out" && LC_ALL=C ls)" = "$want" ] || bad "writes not the postings for the list:" "$(ls "$dir/out")"

check_out base
check_git() { (SRC=$WORK/check; tree_git "$@"); }
from=base here=base
for name in ${want//.mbox/}; do
	check_git am -q --empty=drop "$dir/out/$name.mbox" || { check_git am --abort; die "make mbox: git am does not take $name.mbox"; }
	end=$(tree_git rev-parse "posting/$name") head=$(check_git rev-parse HEAD)
	[ "$(check_git log --format=%s "$here..$head")" = "$(tree_git log --format=%s "$from..$end")" ] ||
		bad "$name.mbox has not the patches of the posting"
	check_git diff --quiet "$end" "$head" || bad "$name.mbox does not make the posting's tree"
	for commit in $(check_git rev-list "$here..$head"); do
		[ "$(check_git log -1 --format='%an <%ae>' "$commit")" = "$sender" ] || bad "$name.mbox: not from the sender: $commit"
		[ "$(check_git log -1 --format=%B "$commit" | sed '/^$/d' | tail -n 2)" = \
		  "Assisted-by: $assisted_by"$'\n'"Signed-off-by: $sender" ] ||
			bad "$name.mbox: the last tags are not Assisted-by and the sender's Signed-off-by: $(check_git log -1 --format=%s "$commit")"
	done
	! grep -n "$(tree_git log -1 --format=%ae main)\|^base-commit:" "$dir/out/$name.mbox" >&2 || bad "$name.mbox has the lab's name or base"

	mkdir "$dir/$name"
	git mailsplit -o"$dir/$name" "$dir/out/$name.mbox" >/dev/null
	for mail in "$dir/$name"/*; do
		grep -q '^To: ' "$mail" || bad "$name.mbox: a mail to nobody: $(basename "$mail")"
		! sed '/^$/q' "$mail" | LC_ALL=C grep -q '[^ -~	]' || bad "$name.mbox: a header that is not ASCII: $(basename "$mail")"
		case $mail in
		*/0001)	cover=$(sed -n 's/^Message-I[dD]: //p' "$mail")
			grep -q '^Subject: \[PATCH 0*0/' "$mail" || bad "$name.mbox does not begin with the cover letter" ;;
		*)	grep -qxF "In-Reply-To: $cover" "$mail" || bad "$name.mbox: not in reply to the cover letter: $(basename "$mail")" ;;
		esac
	done
	# The numbers, from the posting on that brings them.
	for number in "CAP_X86_VMWARE" "EXIT_VMWARE"; do
		value=$(tree_git show "$end:include/uapi/linux/kvm.h" | awk -v name="KVM_$number" '$2 == name { print $3 }')
		[ -z "$value" ] || sed '/provisional/,/^$/!d' "$dir/$name/0001" | grep "KVM_$number ($value)" >/dev/null ||
			bad "$name.mbox: the cover letter does not say that $value is provisional"
	done
	from=$end here=$head
done
exit $rc
