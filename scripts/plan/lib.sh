# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# For who makes a plan, or the machine for it. Source it after lib.sh.

# cells SET VENDOR [TEST]: of plan/cells, those in which TEST runs. The sets of selftests run in
# the cells of selftests.
cells()
{
	local set=$1
	case $set in series|upstream) set=selftests ;; esac
	awk -v set="$set" -v vendor="$2" -v test="${3:-}" \
		'$1 == set && ($2 == vendor || $2 == "*") && (!test || !$4 || index("," $4 ",", "," test ",")) { print $3 }' \
		"$SCRIPTS/plan/cells"
}
