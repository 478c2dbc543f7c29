#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Judge one boot by its logs.
#
# Usage: judge.sh DIR PLAN
#
# DIR is what boot.sh left: console, report, ended. PLAN lists the names of the
# tests that had to run (VENDOR/CELL/TEST). Prints, tab-separated:
#   pass|skip|fail NAME DETAIL    for each planned test, also one without a result
#   problem LINE                  for what no boot may show: a hang, a panic, a
#                                 warning or another splat of the kernel

. "$(dirname "$0")/lib.sh"

dir=$1 plan=$2

# How the kernel starts such a message; a time stamp stands before it. No
# test prints to the console, so a test's own words cannot match.
splats='Kernel panic - not syncing|WARNING: |BUG: |Oops: |Oops\[|general protection fault'
splats+='|kernel BUG at |INFO: possible |possible circular locking|possible recursive locking'
splats+='|suspicious RCU usage|inconsistent lock state|bad unlock balance|rcu: INFO: |rcu_[a-z]+ kthread'
splats+='|INFO: rcu_|INFO: task .* blocked|watchdog: BUG|soft lockup|hard LOCKUP|KASAN: |UBSAN: |KCSAN: '
splats+='|unchecked MSR access|unable to handle|double fault|refcount_t: |list_(add|del) corruption'

# Joined with tabs: result, name, detail.
tr -d "\r" <"$dir/report" | awk -v OFS="\t" -v plan="$plan" '
	BEGIN { while ((getline name <plan) > 0) planned[order[++count] = name] = 1 }
	/^(not )?ok [0-9]+ - / {
		result = /^not/ ? "fail" : "pass"
		line = $0
		sub(/^(not )?ok [0-9]+ - /, "", line)
		name = detail = line
		sub(/ # .*/, "", name)
		if (!sub(/^[^#]* # /, "", detail)) detail = ""
		if (result == "pass" && sub(/^SKIP ?/, "", detail)) result = "skip"
		if (name in planned) { seen[name]++; results[name] = result OFS name OFS detail }
	}
	END {
		for (i = 1; i <= count; i++) {
			name = order[i]
			if (!seen[name]) print "fail", name, "no result"
			else if (seen[name] > 1) print "fail", name, "more than one result"
			else print results[name]
		}
	}'

ended=$(cat "$dir/ended" 2>/dev/null || echo "boot.sh did not end")
[ "$ended" = off ] || printf 'problem\t%s\n' "$ended"
grep -qx '# end' "$dir/report" || printf 'problem\tthe job did not come to its end\n'
tr -d '\r' <"$dir/console" | grep -aE "^(\[ *[0-9.]+\] )?($splats)" | sed 's/^/problem\t/' || :
