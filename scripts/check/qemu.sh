#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check that QEMU's own checkpatch.pl finds nothing in the series for QEMU, but that new
# files might want an entry in MAINTAINERS, where the entries are by directory, and that a
# header update is made by a script: its input is a kernel with the series for Linux.
# That patch adds to the headers what the series for Linux does, and nothing else.
#
# Usage: qemu.sh

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"
uapi=$(tree_git diff base main -- arch/x86/include/uapi include/uapi | grep "^+[^+]")
in_tree qemu

[ -e "$SRC/scripts/checkpatch.pl" ] || die "there is no $(short "$SRC")" "Run: make qemu"
rc=0
for patch in $(series); do
	found=$(cd "$SRC" && scripts/checkpatch.pl --terse --no-summary "$patch" |
		grep -v 'does MAINTAINERS need updating\|using scripts/update-linux-headers.sh\|Missing Signed-off-by') || :
	[ -z "$found" ] || { say "$(short "$patch"):" "$found"; rc=1; }
done
diff -u <(echo "$uapi") <(grep -h "^+[^+]" "$PATCHES"/*-linux-headers-*.patch) || {
	say "The header update is not what the series for Linux has: $(short "$PATCHES")"
	rc=1
}
exit $rc
