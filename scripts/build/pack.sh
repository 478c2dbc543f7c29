#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Make the initramfs of each machine of a plan with selftests: the programs and the list
# of what to run in which cell.
#
# Usage: pack.sh RESULTS [JOB]
#
# JOB, a file of scripts/, is what runs there, if not machine/job-test.
# RESULTS/plan is as plan/plan.sh prints it. Leaves RESULTS/SET/VENDOR-KERNEL.cpio, of all
# sets but those that are other programs. Upstream tests come from each kernel's own tree; the
# series' own from the patched one, also for the unpatched kernel, where they must skip, and so
# do those that must fail there. Another version than the main one has all of them from the main
# version's patched tree.

. "$(dirname "$0")/../lib.sh"

results=$1

# program KERNEL TEST: where the build left it.
program()
{
	local kernel file first=
	! awk -F '\t' -v test="$2" '$5 == test && $6 == "fail" { found = 1 } END { exit !found }' "$results/plan" ||
		first=patched
	is_main || first=patched
	for kernel in $first "$1" patched; do
		for file in "$TEST_OUT/$kernel/kselftest/x86/$2" "$TEST_OUT/$kernel/kselftest/$2"; do
			[ ! -x "$file" ] || { echo "$file"; return; }
		done
	done
	die "the build made no $2"
}

cut -f 1-3 "$results/plan" | sort -u | while IFS=$'\t' read -r vendor kernel set; do
	case $set in checks|debian|kvm-unit-tests) continue ;; esac
	machine=$results/$set/$vendor-$kernel
	rm -rf "$machine.tree"
	mkdir -p "$machine.tree"
	awk -F '\t' -v machine="$vendor $kernel $set" \
		'$1 " " $2 " " $3 == machine && $4 != "-" && $5 !~ /:/ { print $4, $5 }' "$results/plan" >"$machine.tree/plan"
	programs=()
	while read -r test; do
		programs+=("$(program "$kernel" "$test")")
	done < <(cut -d ' ' -f 2 "$machine.tree/plan" | sort -u)
	"$SCRIPTS/build/initramfs.sh" "$machine.cpio" "$OUT/$kernel" "${2:-machine/job-test}" \
		"$OUT/$kernel/stage" "$machine.tree" "${programs[@]}"
	rm -rf "$machine.tree"
done
