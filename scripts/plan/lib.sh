# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# For who makes a plan, or the machine for it. Source it after lib.sh.

# rows LIST: the lines of plan/LIST that hold for this version. VENDOR@VERSION is for that one alone.
rows()
{
	sed -E "s/^(([a-z]+ +)?[a-z*]+)@${VERSION//./\\.}([[:blank:]])/\1\3/; /^([a-z]+ +)?[a-z*]+@/d" "$SCRIPTS/plan/$1"
}

# cells SET VENDOR: of plan/cells. The sets of selftests run in the cells of selftests.
cells()
{
	local set=$1
	case $set in series|upstream) set=selftests ;; esac
	rows cells | awk -v set="$set" -v vendor="$2" '$1 == set && ($2 == vendor || $2 == "*") { print $3 }'
}
