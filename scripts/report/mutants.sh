#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Say what is known of the mutants, and leave DIR/total and DIR/caught; or which
# tests are to run next on which of them: "MUTANT CELL TEST", of COUNT mutants.
#
# Usage: mutants.sh DIR [SURVIVORS [VENDOR COUNT]]
#
# DIR is as build/mutants.sh and machine/mutants.sh leave it. Exit code 0 of a report: each that
# there is was caught, or SURVIVORS has it (default: scripts/mutants/survivors).

. "$(dirname "$0")/../lib.sh"

dir=$1 survivors=${2:-$SCRIPTS/mutants/survivors}
awk -v "vendor=${3:-}" -v "count=${4:-}" -v "TOTAL=$dir/total" -v "CAUGHT=$dir/caught" -f "$SCRIPTS/report/mutants.awk" \
	FILE=list "$dir/list" FILE=keys "$dir"/keys.* FILE=tests "$dir"/tests.* FILE=results "$dir/results" \
	FILE=survivors "$survivors" FILE=caught "$SCRIPTS/mutants/caught"
