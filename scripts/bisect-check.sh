#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make bisect-check: at each patch of the series, in order, build the kernel and the
# selftests that exist at that point, and run them: they must do what they do on the
# base, and the new ones must pass.
#
# Usage: [VENDOR=amd|intel] [PATCH="NUMBER..."] bisect-check.sh
#
# PATCH=7 does patch 7 only. It takes hours for the whole series; stop it and start it
# again as you like: build/bisect/passed records which test passed on which kernel,
# by their contents, and what is recorded is not run again. So a patch that leaves the
# kernel alone runs only the tests that it changes. Logs are in build/bisect/NUMBER;
# build/bisect/tree is a worktree, yours is not touched.

. "$(dirname "$0")/lib.sh"

results=$WORK/results
tree=$WORK/bisect/tree
out=$WORK/bisect/out
passed=$WORK/bisect/passed
vendors=$(vendors)

"$SCRIPTS/build.sh" selftests
"$SCRIPTS/pack-tests.sh" "$results"
for vendor in $vendors; do machine "$SCRIPTS/boot-tests.sh" "$results" "$vendor" base; done
wait
tree_git worktree prune
[ -e "$tree/.git" ] || step "Make a worktree" worktree-bisect tree_git worktree add -f --detach "$tree" base
touch "$passed"

# build COMMIT DIR: kernel and selftests; in DIR/programs each test and its program.
build()
{
	local test file
	git -C "$tree" checkout -q -f --detach "$1"
	"$SCRIPTS/build-kernel.sh" "$tree" "$out"
	"$SCRIPTS/build-selftests.sh" "$tree" "$out"
	tree_git diff --name-only --diff-filter=A base "$1" -- 'tools/testing/selftests/kvm/x86/*.c' |
		sed 's,.*/,,; s/\.c$//' >"$2/new"
	grep -vxFf "$results/new" "$results/tests" | cat - "$2/new" | while read -r test; do
		for file in "$out/kselftest/x86/$test" "$out/kselftest/$test"; do
			[ ! -x "$file" ] || echo "$test $file"
		done
	done >"$2/programs"
	[ "$(wc -l <"$2/programs")" -eq "$(($(grep -cvxFf "$results/new" "$results/tests") + $(wc -l <"$2/new")))" ] ||
		die "not every test was built"
}

# todo VENDOR DIR: the tests that have no record, their programs, and what to record.
todo()
{
	local test file kernel record
	kernel=$(cat "$out"/arch/x86/boot/bzImage "$out"/arch/x86/kvm/*.ko "$SCRIPTS/guest/job-test" \
		"$results/$1-base/key" | sha256sum | cut -c1-20)
	while read -r test file; do
		record="$1 $test $(sha256sum <"$file" | cut -c1-20) $kernel"
		grep -qxF "$record" "$passed" || echo "$test $file $record"
	done <"$2/programs"
}

# run VENDOR DIR: boot with them, and compare with what the same tests did on the base.
run()
{
	local vendor=$1 all=$2 dir=$2/$1 programs
	mkdir -p "$dir/$vendor-base"
	todo "$vendor" "$all" >"$dir/todo"
	cut -d ' ' -f 1 "$dir/todo" >"$dir/tests"
	if [ ! -s "$dir/tests" ]; then
		echo "all of it passed before" >"$dir/log"
		return
	fi
	mapfile -t programs < <(cut -d ' ' -f 2 "$dir/todo")
	"$SCRIPTS/make-initramfs.sh" "$dir/initramfs" "$out" job-test "$out/stage" "${programs[@]}"
	THREAD=single "$SCRIPTS/boot.sh" "$vendor" "$out/arch/x86/boot/bzImage" "$dir/initramfs" "$dir/$vendor-patched"
	plan "$vendor" "$dir/tests" >"$dir/plan"
	"$SCRIPTS/judge.sh" "$dir/$vendor-patched" "$dir/plan" >"$dir/$vendor-patched/verdict"
	cp "$results/$vendor-base"/{report,console,ended} "$dir/$vendor-base/"
	"$SCRIPTS/judge.sh" "$dir/$vendor-base" "$dir/plan" >"$dir/$vendor-base/verdict"
	rm "$dir/initramfs"
	"$SCRIPTS/compare.sh" "$dir" "$all/new" >"$dir/log" 2>&1 || return 1
	cut -d ' ' -f 3- "$dir/todo" >>"$passed"
}

failed=0 n=0
for commit in $(tree_git rev-list --reverse base..main); do
	n=$((n + 1))
	case " ${PATCH:-$n} " in *" $n "*) ;; *) continue ;; esac
	say "Patch $n: $(tree_git log -1 --format=%s "$commit")"
	dir=$WORK/bisect/$n
	rm -rf "$dir"
	mkdir -p "$dir"
	build "$commit" "$dir"
	for vendor in $vendors; do machine run "$vendor" "$dir"; done
	wait
	for vendor in $vendors; do
		total=$(tail -n 1 "$dir/$vendor/log" 2>/dev/null || echo "no result")
		case $total in
		*" 0 failed, "* | "all of it passed before") say "Patch $n, $vendor: $total" ;;
		*)	say "Patch $n, $vendor: FAILED" "$(cat "$dir/$vendor/log")"
			failed=$((failed + 1)) ;;
		esac
	done
done
[ $failed -eq 0 ] || die "$failed runs failed"
