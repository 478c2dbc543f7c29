#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check that QEMU's own checkpatch.pl finds nothing in the series for QEMU, but that new
# files might want an entry in MAINTAINERS: the entries there are by directory.
#
# Usage: check-qemu.sh

export SERIES=qemu
. "$(dirname "$0")/lib.sh"

"$SCRIPTS/build-qemu.sh" tree
rc=0
for patch in $(series); do
	found=$(cd "$SRC" && scripts/checkpatch.pl --terse --no-summary "$patch" | grep -v 'does MAINTAINERS need updating') || :
	[ -z "$found" ] || { say "$(short "$patch"):" "$found"; rc=1; }
done
exit $rc
