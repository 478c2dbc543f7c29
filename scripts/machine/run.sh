#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Boot the machines of a plan, as many at a time as there are jobs.
#
# Usage: run.sh results=DIR [OPTION=VALUE...]
#
# DIR/plan says which (see plan/plan.sh); build/pack.sh left DIR/SET/VENDOR-KERNEL.cpio for
# each, boot.sh leaves its logs in DIR/SET/VENDOR-KERNEL. The other options are boot.sh's;
# patched_params= are params= of all kernels but base. The unpatched kernel runs again only
# if something changed that its results depend on, or if it did not come to its end; a
# patched one always runs.

. "$(dirname "$0")/../lib.sh"

take "results" "params patched_params threads cpus clock stall limit" "$@"
shared=()
for name in threads cpus clock stall limit; do
	[ -z "${!name}" ] || shared+=("$name=${!name}")
done

# What the results of a boot depend on.
key()
{
	cat "$OUT/$1/arch/x86/boot/bzImage" "$2" "$SCRIPTS"/machine/{boot.sh,bochsrc,init}
	# Only those of the vendors that run are there.
	cat "$QEMU/qemu-system-x86_64" "$BOCHS/bochs" 2>/dev/null || :
	dpkg-query -W -f '${Package} ${Version}\n' seabios bochsbios 2>/dev/null || :
	echo "${@:3}"
}

# A job that says "# test N NAME" before each test may lose its machine to one, which is its
# result then: boot again for those behind it. All the logs become one.
boot_on()
{
	local dir=$1 first=1 number test why
	shift
	while :; do
		"$SCRIPTS/machine/boot.sh" "$@" dir="$dir" params="$params lab.first=$first"
		tr -d '\r' <"$dir/report" >>"$dir.report"
		cat "$dir/console" >>"$dir.console"
		! grep -qx '# end' "$dir.report" || break
		read -r number test < <(sed -n 's/^# test //p' "$dir.report" | tail -n 1) || break
		[ "$number" -ge $first ] || break
		why=$({ sed '/^off$/d' "$dir/ended"; grep -m 1 -iE 'fatal|assert' "$dir/emulator.log" || :; } | paste -sd ' ')
		printf '\nnot ok %s\n' "$number - $test # the machine ended${why:+: $why}" >>"$dir.report"
		first=$((number + 1))
	done
	mv "$dir.report" "$dir/report"
	mv "$dir.console" "$dir/console"
}

# boot VENDOR KERNEL SET
boot()
{
	local dir=$results/$3/$1-$2 key params=$params args=("${shared[@]}")
	[ "$3" != debian ] || args+=(threads=multi)
	# What differs between the kernels is for the patched one alone.
	[ "$2" = base ] || params+=" $patched_params"
	key=$(key "$2" "$dir.cpio" "$params" "${args[@]}" | sha256sum)
	if [ "$2" = base ] && [ "$key" = "$(cat "$dir/key" 2>/dev/null)" ]; then
		say "Boot $(short "$dir"): nothing changed since it ran, its results stand"
		return
	fi
	rm -rf "$dir" "$dir".{report,console}
	boot_on "$dir" vendor="$1" kernel="$OUT/$2" initramfs="$dir.cpio" "${args[@]}"
	# Only a machine that did its job is not asked again.
	if "$SCRIPTS/report/read.sh" "$dir" | grep "boot	pass" >/dev/null; then echo "$key" >"$dir/key"; fi
}

# What is left of another run is not this one's.
cut -f 1-3 "$results/plan" | sort -u | while IFS=$'\t' read -r vendor kernel set; do
	[ "$kernel" = base ] || rm -rf "${results:?}/$set/$vendor-$kernel"
done
# shellcheck disable=SC2046 # words
"$SCRIPTS/build/emulators.sh" $(cut -f 1 "$results/plan" | sort -u)
trap 'kill $(jobs -p) 2>/dev/null || :' EXIT
trap 'exit 1' INT TERM
while IFS=$'\t' read -r vendor kernel set; do
	[ "$vendor" != - ] || continue
	while [ "$(jobs -pr | wc -l)" -ge "$JOBS" ]; do wait -n || :; done
	boot "$vendor" "$kernel" "$set" &
done < <(cut -f 1-3 "$results/plan" | awk '!seen[$0]++')
# One that failed left no result, and so fails the plan.
wait
