#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Apply the series to the tree: branch "main" becomes tag "base" plus patches/.
#
# Usage: apply-series.sh linux|qemu|bochs
#
# When patches/ changed since (a git pull), the series is applied anew, but
# only if the tree is just as this script left it: commits and edits of a
# developer stay, and the script says what to do.

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"
in_tree "$1"

# A tree that came with the series in it (see import-tree.sh) stays as it is.
! tree_git rev-parse -q --verify refs/lab/own >/dev/null || exit 0

mapfile -t patches < <(series)
[ "$(series_state)" != "$(applied series)" ] || exit 0

patch_ids()	{ git patch-id --stable | cut -d' ' -f1; }
record()
{
	mark_postings
	record_applied
}

# As left: on the commit that this script made (or on the base), without edits, and with
# the postings as they were.
as_left()
{
	local left
	left=$(tree_git rev-parse -q --verify refs/lab/applied || tree_git rev-parse 'base^{commit}')
	[ "$(tree_git rev-parse HEAD)" = "$left" ] && [ -z "$(tree_git status --porcelain)" ] &&
		[ "$(posting_refs)" = "$(applied postings)" ]
}

if ! as_left; then
	# The developer's commits may be the very patches that came.
	if [ "$(tree_git log -p --reverse base..HEAD | patch_ids)" = \
	     "$(cat "${patches[@]}" /dev/null | patch_ids)" ]; then
		record
		exit 0
	fi
	die "patches/ and $(short "$SRC") differ, and the tree has commits or edits of its own" \
	    "To keep the tree's:    make export$([ "$1" = linux ] || echo "-$1")   (writes its commits to patches/)" \
	    "To take patches/:      git -C $(short "$SRC") branch mine; git -C $(short "$SRC") reset --hard refs/lab/applied" \
	    "                       (or base, if there is no refs/lab/applied), then again."
fi

old=$(tree_git rev-parse HEAD)
tree_git checkout -q -B main base
if [ ${#patches[@]} -eq 0 ]; then
	say "No patches in $(short "$PATCHES"): the tree is the base."
	record
	exit 0
fi
if ! tree_git am -q --no-3way "${patches[@]}" >"$LOGS/apply.log" 2>&1; then
	failed=$(sed -n 's/^Patch failed at //p' "$LOGS/apply.log" | head -1)
	linux=$([ "$1" != linux ] || echo 1)
	tree_git am --abort || :
	tree_git checkout -q -B main "$old"
	tail -n 15 "$LOGS/apply.log" >&2
	die "the series does not apply to this base: $(tree_git log -1 --format=%s base)" \
	    "The first patch that fails: ${failed:-unknown, see the log} (log: build/log/apply.log)" \
	    ${linux:+"Another point release can be given: KERNEL=/path/to/linux."}
fi
say "Applied ${#patches[@]} patches to $(short "$SRC")"
record
