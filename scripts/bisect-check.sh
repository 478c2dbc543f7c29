#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make bisect-check: at each patch of the series, in order, build the kernel and the
# selftests that exist at that point, and run them: they must do what they do on the
# base, and the new ones must pass.
#
# Usage: [VENDOR=amd|intel] [PATCH="NUMBER..."] bisect-check.sh
#
# PATCH=7 does patch 7 only. It takes an hour or more for the whole series. What passed
# is recorded in build/bisect/N-VENDOR.done, and is not done again as long as the patch and
# those before it, the tests, and the configuration stay the same: stop it and
# start it again as you like. build/bisect/tree is a worktree; yours is not touched.

. "$(dirname "$0")/lib.sh"

results=$WORK/results
tree=$WORK/bisect/tree
out=$WORK/bisect/out
vendors=$(vendors)

"$SCRIPTS/build.sh" selftests
"$SCRIPTS/pack-tests.sh" "$results"
for vendor in $vendors; do "$SCRIPTS/boot-tests.sh" "$results" "$vendor" base; done
tree_git worktree prune
[ -e "$tree/.git" ] || step "Make a worktree" worktree-bisect tree_git worktree add -f --detach "$tree" base

# build COMMIT DIR: kernel, selftests, initramfs; in DIR the names of the tests.
build()
{
	local test file programs=()
	git -C "$tree" checkout -q -f --detach "$1"
	"$SCRIPTS/build-kernel.sh" "$tree" "$out"
	"$SCRIPTS/build-selftests.sh" "$tree" "$out"
	tree_git diff --name-only --diff-filter=A base "$1" -- 'tools/testing/selftests/kvm/x86/*.c' |
		sed 's,.*/,,; s/\.c$//' >"$2/new"
	grep -vxFf "$results/new" "$results/tests" | cat - "$2/new" >"$2/tests"
	while read -r test; do
		for file in "$out/kselftest/x86/$test" "$out/kselftest/$test"; do
			[ ! -x "$file" ] || programs+=("$file")
		done
	done <"$2/tests"
	[ ${#programs[@]} -eq "$(wc -l <"$2/tests")" ] || die "not every test was built"
	"$SCRIPTS/make-initramfs.sh" "$out/initramfs" "$out" job-test "$out/stage" "${programs[@]}"
}

# run VENDOR DIR: boot, and compare with what the same tests did on the base.
run()
{
	local base=$2/$1-base
	"$SCRIPTS/boot.sh" "$1" "$out/arch/x86/boot/bzImage" "$out/initramfs" "$2/$1-patched"
	plan "$1" "$2/tests" >"$2/plan"
	"$SCRIPTS/judge.sh" "$2/$1-patched" "$2/plan" >"$2/$1-patched/verdict"
	mkdir -p "$base"
	grep -vxFf "$2/new" "$2/tests" >"$2/old"
	plan "$1" "$2/old" >"$2/plan"
	cp "$results/$1-base"/{report,console,ended} "$base/"
	"$SCRIPTS/judge.sh" "$base" "$2/plan" >"$base/verdict"
	"$SCRIPTS/compare.sh" "$2" "$2/new" >"$2/log" 2>&1 || { cat "$2/log"; return 1; }
	tail -n 1 "$2/log"
}

failed=0 n=0
for commit in $(tree_git rev-list --reverse base..main); do
	n=$((n + 1)) built=
	case " ${PATCH:-$n} " in *" $n "*) ;; *) continue ;; esac
	say "Patch $n: $(tree_git log -1 --format=%s "$commit")"
	for vendor in $vendors; do
		stamp=$WORK/bisect/$n-$vendor.done
		key=$({ tree_git rev-parse "base^{tree}" "$commit^{tree}"
			cat "$SCRIPTS/kernel.config" "$SCRIPTS/tests" "$SCRIPTS"/guest/job-test; } | sha256sum)
		if [ "$key" = "$(head -n 1 "$stamp" 2>/dev/null)" ]; then
			say "Patch $n, $vendor: passed before: $(tail -n 1 "$stamp")"
			continue
		fi
		dir=$WORK/bisect/$n
		rm -rf "${dir:?}/$vendor"* "$stamp"
		mkdir -p "$dir"
		if [ -z "$built" ]; then build "$commit" "$dir"; built=y; fi
		if total=$(run "$vendor" "$dir"); then
			printf '%s\n' "$key" "$total" >"$stamp"
			say "Patch $n, $vendor: $total"
		else
			say "Patch $n, $vendor: FAILED" "$total"
			failed=$((failed + 1))
		fi
		# One vendor at a time: compare.sh takes what it finds.
		mkdir -p "$dir/kept" && rm -rf "$dir/kept/$vendor"* && mv "$dir/$vendor"-* "$dir/kept/"
	done
done
[ $failed -eq 0 ] || die "$failed runs failed"
