#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Read the logs of one boot, as machine/boot.sh leaves them in DIR: console, report, ended.
# Print "CELL TEST RESULT DETAIL", separated by tabs, for each test (see read.awk), and
# for the machine: "- boot pass", or "- boot fail" and what is wrong, with a part
# "boot:TEXT" for each thing that no boot may show: a hang, a panic, a warning or another
# splat of the kernel.
#
# Usage: read.sh DIR

. "$(dirname "$0")/../lib.sh"

dir=$1
[ -e "$dir/report" ] || { printf -- '-\tboot\tfail\tthe machine did not start\n'; exit; }

# How the kernel starts such a message; a time stamp stands before it. No
# test prints to the console, so a test's own words cannot match.
splats='Kernel panic - not syncing|WARNING: |BUG: |Oops: |Oops\[|general protection fault'
splats+='|kernel BUG at |INFO: possible |possible circular locking|possible recursive locking'
splats+='|suspicious RCU usage|inconsistent lock state|bad unlock balance|rcu: INFO: |rcu_[a-z]+ kthread'
splats+='|INFO: rcu_|INFO: task .* blocked|watchdog: BUG|soft lockup|hard LOCKUP|KASAN: |UBSAN: |KCSAN: '
splats+='|unchecked MSR access|unable to handle|double fault|refcount_t: |list_(add|del) corruption|Call Trace:'

problems()
{
	local ended
	ended=$(cat "$dir/ended" 2>/dev/null || echo "its boot was not watched to the end")
	[ "$ended" = off ] || echo "$ended"
	grep -qx '# end' "$dir/report" || echo "the job did not come to its end"
	tr -d '\r' <"$dir/console" | grep -aE "^(\[ *[0-9.]+\] )?($splats)" |
		sed -E 's/^\[ *[0-9.]+\] //; s/\b(CPU|PID): [0-9]+/\1/g; s/0x[0-9a-f]+/0x/g; s/\t/ /g' || :
}

awk -f "$SCRIPTS/report/read.awk" "$dir/report"
problems | awk -v OFS='\t' '
	{ parts[++n] = $0 }
	END {
		print "-", "boot", n ? "fail" : "pass", n ? parts[1] (n > 1 ? " (and " n - 1 " more)" : "") : "-"
		for (i = 1; i <= n; i++) print "-", "boot:" parts[i], "fail", "-"
	}'
