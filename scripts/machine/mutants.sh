#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Run the series' directed tests on mutants, many in one boot, until each is caught or has
# seen them all: of one that is written the test that it names.
#
# Usage: mutants.sh TREE DIR VENDOR [COUNT]
#
# TREE is a worktree with the series, built as build/out/mutant, DIR what build/mutants.sh left, COUNT how many mutants come into one boot (default: 40). Each
# result is added to DIR/results, with what the modules and the program are, so the run goes on where it was
# stopped, and a test that changed runs again. Without a bug all of them have to pass, first.

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/plan/lib.sh"

tree=$1 dir=$2 vendor=$3 count=${4:-40}
run=$dir/run-$vendor
touch "$dir/results"

program() { echo "$OUT/mutant/kselftest/x86/$1"; }
hash() { sha256sum | cut -c1-16; }

# What each mutant makes of the modules of this vendor.
modules()
{
	local module
	for module in kvm "kvm-$vendor"; do
		cat "$dir/modules/$1/$module.ko"* 2>/dev/null || cat "$dir/modules/control/$module.ko"
	done | hash
}
control=$(modules control)
cut -f 1,2 "$dir/list" | while IFS=$'\t' read -r name key; do
	key=$(modules "$key")
	[ "$key" != "$control" ] || key=-
	printf '%s\t%s\t%s\n' "$vendor" "$name" "$key"
done >"$dir/keys.$vendor"
printf '%s\tcontrol\t%s\n' "$vendor" "$control" >>"$dir/keys.$vendor"

# Short tests first, in two cells: all parameters as by default, and all of them otherwise. For one that is
# written all cells count.
tests=$(cut -f 6 "$dir/list" | sort -u | xargs)
"$SCRIPTS/plan/plan.sh" kernels=patched sets=series vendors="$vendor" source="$tree" ${tests:+test="$tests"} |
	awk -F '\t' -v all="$tests" '$6 == "pass" && $5 !~ /:|^boot$|_(fuzz|perf)_test$/ && (all || $4 ~ /^backdoor=(N(,[a-z_]+=1)+|Y(,[a-z_]+=0)+)$/) { print $4, $5 }' |
	while read -r cell test; do
		printf '%s\t%s\t%s\t%s\t%s\n' "$(cells selftests "$vendor" | grep -nxF -- "$cell" | cut -d : -f 1)" \
			"$(wc -l <"$tree/tools/testing/selftests/kvm/x86/$test.c")" "$cell" "$test" "$(hash <"$(program "$test")")"
	done | sort -n -k1,1 -k2,2 | sed "s/^[0-9]*\t[0-9]*/$vendor/" >"$dir/tests.$vendor"

# record: what the boot, or boots, have said so far.
record()
{
	cat "$run/made/$vendor-mutant"{.report,/report} 2>/dev/null | tr -d '\r' | awk -f "$SCRIPTS/report/read.awk" |
		awk -F '\t' -v OFS='\t' -v vendor="$vendor" '
		FILENAME ~ /keys/ { modules[$2] = $3; next }
		FILENAME ~ /tests/ { program[$2, $3] = $4; next }
		$2 !~ /:/ && sub(/^mutant=/, "", $1) {
			name = cell = $1
			sub(/,.*/, "", name)
			sub(/^[^,]*,/, "", cell)
			print vendor, modules[name], cell, $2, program[cell, $2], $3, $4
		}' "$dir/keys.$vendor" "$dir/tests.$vendor" - >"$run/results" || :
	cat "$run/results" >>"$dir/results"
	mv "$run/made" "$run/done"
}
trap '[ ! -d "$run/made" ] || record' EXIT
trap 'exit 1' INT TERM

while "$SCRIPTS/report/mutants.sh" "$dir" "$SCRIPTS/mutants/survivors" "$vendor" "$count" >"$dir/next.$vendor" && [ -s "$dir/next.$vendor" ]; do
	rm -rf "$run"
	files=$run/made/$vendor-mutant.tree
	mkdir -p "$files/mutants/control"
	for module in kvm "kvm-$vendor"; do gzip -n <"$dir/modules/control/$module.ko" >"$files/mutants/control/$module.ko.gz"; done
	cut -f 1 "$dir/next.$vendor" | uniq | while read -r name; do
		key=$(awk -F '\t' -v name="$name" '$1 == name { print $2 }' "$dir/list")
		mkdir -p "$files/mutants/$name"
		[ -z "$key" ] || for module in kvm "kvm-$vendor"; do
			[ ! -e "$dir/modules/$key/$module.ko.gz" ] || cp -l "$dir/modules/$key/$module.ko.gz" "$files/mutants/$name/"
		done
	done
	awk -F '\t' '{ print "mutant=" $1 "," $2, $3 }' "$dir/next.$vendor" >"$files/plan"
	mapfile -t programs < <(cut -f 3 "$dir/next.$vendor" | sort -u | while read -r test; do program "$test"; done)
	"$SCRIPTS/build/initramfs.sh" "$run/made/$vendor-mutant.cpio" "$OUT/mutant" machine/job-test \
		"$OUT/mutant/stage" "$files" "${programs[@]}"
	rm -rf "$files"
	printf '%s\tmutant\tmade\t-\tboot\tpass\t-\t-\n' "$vendor" >"$run/plan"
	"$SCRIPTS/machine/run.sh" results="$run" limit=14400 params="lab.timeout=200"
	record
	[ -s "$run/results" ] || die "the machine had no results" "Look into $(short "$run")/done"
	say "Mutants on $vendor: $(cut -f 2 "$run/results" | sort -u | wc -l) run, $(wc -l <"$run/results") tests"
	! awk -F '\t' -v key="$control" '$2 == key && $6 == "fail"' "$run/results" | grep . ||
		die "a test fails without a bug"
done
