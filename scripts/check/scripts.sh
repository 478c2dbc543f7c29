#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check that shellcheck finds nothing in the scripts, that each says its usage, that make
# help and the Makefile know every command, that every check has a defect to find, and that no
# pipe ends in "grep -q", which by pipefail fails if grep has found it before the writer ends.
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
	cmd/help | grep "^  make $(basename "$command") " >/dev/null || { say "make help does not know $command"; rc=1; }
	grep -q "\b$(basename "$command")\b" ../Makefile || { say "the Makefile does not know $command"; rc=1; }
done
for check in check/*.sh; do
	[ "$check" = check/lib.sh ] || grep -q "^Check: $(basename "$check" .sh)\$" check/*.patch ||
		{ say "no defect is planted for $check"; rc=1; }
done
if grep -n '[^|]| *grep -[a-z]*q' ./*.sh ./*/*.sh cmd/* ./*/job-* | grep -v '^./check/scripts.sh:'; then
	say "a pipe into grep -q: send grep's output to /dev/null instead"
	rc=1
fi
exit $rc
