#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check that shellcheck finds nothing in the scripts, that each says its usage, that make
# help and the Makefile know every command, and that every check has a defect to find.
#
# Usage: scripts.sh

. "$(dirname "$0")/../lib.sh"

cd "$SCRIPTS"
rc=0
shellcheck ./*.sh ./*/*.sh cmd/* machine/init ./*/job-* ../.ci/run || rc=1
for script in cmd/* */*.sh; do
	[ ! -x "$script" ] || grep -q '^# Usage: ' "$script" || { say "$script: no usage comment"; rc=1; }
done
for command in cmd/*; do
	cmd/help | grep -q "^  make $(basename "$command") " || { say "make help does not know $command"; rc=1; }
	grep -q "\b$(basename "$command")\b" ../Makefile || { say "the Makefile does not know $command"; rc=1; }
done
for check in check/*.sh; do
	[ "$check" = check/lib.sh ] || grep -q "^Check: $(basename "$check" .sh)\$" check/*.patch ||
		{ say "no defect is planted for $check"; rc=1; }
done
exit $rc
