#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check that shellcheck finds nothing in the scripts, and that each says its usage.
#
# Usage: check-scripts.sh

. "$(dirname "$0")/lib.sh"

cd "$TOP"
rc=0
shellcheck scripts/*.sh scripts/guest/init scripts/guest/job-* .ci/run || rc=1
for script in scripts/*.sh; do
	[ ! -x "$script" ] || grep -q '^# Usage: ' "$script" ||
		{ say "$script: no usage comment"; rc=1; }
done
exit $rc
