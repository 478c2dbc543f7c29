#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make bench: what VMware's exits cost, and what the series costs everybody else:
# run the series' benchmark on the unpatched and the patched kernel of each vendor.
#
# Usage: [VENDOR=amd|intel] [KERNEL=/path/to/linux] bench.sh
#
# The emulators count instructions: the results do not depend on the machine that
# this runs on, nor on what else it does. Leaves in build/bench:
#   results.tsv  what the benchmark printed, of each run
#   results.md   each bound with "met" or "NOT MET", and tables
#   exits.svg    a chart of the exits to userspace

. "$(dirname "$0")/lib.sh"

results=$WORK/bench
vendors=$(vendors)

"$SCRIPTS/build.sh" selftests
program=$OUT/patched/kselftest/x86/vmware_perf_test
if [ ! -e "$BASE/.git" ] || [ ! -x "$program" ]; then
	die "there are no unpatched kernel, and patched kernel with the benchmark, to compare" \
	    "Use the tree that make tree makes."
fi

rm -rf "$results"
mkdir -p "$results"
for kernel in base patched; do
	"$SCRIPTS/make-initramfs.sh" "$results/initramfs-$kernel" "$OUT/$kernel" job-bench "$OUT/$kernel/stage" "$program"
done

for vendor in $vendors; do
	for kernel in base patched; do
		machine env COUNT=1 "$SCRIPTS/boot.sh" "$vendor" "$OUT/$kernel/arch/x86/boot/bzImage" \
			"$results/initramfs-$kernel" "$results/$vendor-$kernel"
	done
done
wait

# The rows of all runs. The benchmark exits with 4 where the capability is missing.
for vendor in $vendors; do
	for kernel in base patched; do
		dir=$results/$vendor-$kernel
		"$SCRIPTS/judge.sh" "$dir" /dev/null >"$dir/verdict"
		case $kernel in base) code=4 ;; patched) code=0 ;; esac
		if [ -s "$dir/verdict" ] || [ "$(grep -cx "# exit code $code" "$dir/report")" != 6 ]; then
			die "the benchmark failed on $vendor, $kernel kernel" \
			    "See report, console and verdict in $(short "$dir")."
		fi
		awk -F '\t' -v OFS='\t' -v vendor="$vendor" -v kernel="$kernel" \
			'NF == 10 && $3 != "test" { print vendor, kernel, $0 }' "$dir/report"
	done
done >"$results/rows"
{
	printf 'vendor\tkernel\tparam\trun\ttest\tvm\tmin\tmedian\tmax\tmin_ns\tvm_exits\tname\n'
	cat "$results/rows"
} >"$results/results.tsv"

modules() { printf '%s\n' "$OUT/$1"/arch/x86/kvm/{kvm,kvm-amd,kvm-intel}.ko; }

# Bytes of code: what "size" calls text has the strings of tracepoints in it, too.
code_size()
{
	modules "$1" | xargs size -A | awk '$1 ~ /text/ { sum += $2 } END { print sum }'
}

tracing_size()
{
	modules patched | xargs nm -A -S -t d --defined-only |
		awk '$3 ~ /^[tT]$/ && $4 ~ /trace.*kvm_vmware|probestub_kvm_vmware/ { sum += $2 } END { print sum + 0 }'
}

awk -F '\t' -v linux="$(make -s -C "$SRC" kernelversion)" -v svg="$results/exits.svg" \
	-v machines="$(cat "$results"/*-patched/machine | paste -sd ';' | sed 's/;/; /g')" \
	-v code="$(($(code_size patched) - $(code_size base)))" -v tracing="$(tracing_size)" \
	-f "$SCRIPTS/bench.awk" "$results/rows" >"$results/results.md"
rm "$results/rows"
cat "$results/results.md"
say "Written: results.md, results.tsv and exits.svg in $(short "$results")"
