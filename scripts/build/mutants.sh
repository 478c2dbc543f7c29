#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Make mutants of what the series changes in arch/x86/kvm, or take those of scripts/mutants/, and make
# the KVM modules of each.
#
# Usage: mutants.sh made|written TREE OUT DIR [GLOB...]
#
# TREE is a worktree with the series, OUT its build directory, where all of it was built.
# Leaves in DIR: NAME.patch for each; modules/KEY/, the modules that differ from those without
# a bug, or a file "dropped" that says why there are none; and list, "NAME KEY why text
# function test vendor" separated by tabs, where the last two are of those that are written: what has to catch it,
# and on which vendor alone. Only the objects that a mutant is in are compiled, by the commands that kbuild
# left, and only if they were not before: KEY is what they are made of. GLOB: no others than those of
# such names.

. "$(dirname "$0")/../lib.sh"

kind=$1 tree=$(realpath "$2") out=$(realpath "$3") dir=$4 globs=("${@:5}")
[ ${#globs[@]} -gt 0 ] || globs=("*")
kvm=arch/x86/kvm
modules="kvm kvm-amd kvm-intel"

# find_mutants FILE
find_mutants()
{
	local parsed=$dir/parsed.${1##*.} edit='s/\bFNAME(\([a-z_]*\))/FNAME_\1_/'
	# What coccinelle does not parse. Of the tracepoints it sees the assignments, as those of a function.
	[[ $1 != */trace.h ]] || edit='/TP_fast_assign($/,/^\t),$/!s/.*//; s/TP_fast_assign($/void assign(void) {/; s/^\t),$/}/'
	sed "$edit" "$tree/$1" >"$parsed"
	spatch --very-quiet --no-includes --iso-file /dev/null --sp-file "$SCRIPTS/mutants/made.cocci" "$parsed" |
		sort -u | sort -s -n -k1,1 -k2,2 >"$dir/places"
	git -C "$tree" diff -U0 base HEAD -- "$1" |
		sed -nE 's/^@@ -[0-9,]+ \+([0-9]+)(,([0-9]+))? @@.*/\1 \3/p' |
		while read -r line count; do seq "$line" $((line + ${count:-1} - 1)); done >"$dir/added"
	awk -v file="$1" -v dir="$dir" -f "$SCRIPTS/mutants/made.awk" "$dir/added" "$tree/$1" "$dir/places"
	rm -f "$parsed" "$dir/places" "$dir/added"
}

# run TARGET: kbuild's command for it. A warning is no reason for a mutant not to be made.
run()
{
	local command
	# shellcheck disable=SC2016 # make's variables
	command=$(sed -n 's/^savedcmd_[^ ]* := //p' "$out/${1%/*}/.${1##*/}.cmd" | sed 's/ -Werror / /; s/\$(pound)/#/g; s/\$\$/$/g')
	(cd "$out" && bash -c "$command") >>"$dir/log" 2>&1
}

# objects FILE...: those that one of them is in.
objects()
{
	local files
	files=$(printf '|%s' "$@")
	(cd "$out" && find $kvm virt/kvm -name '.*.o.cmd' -print0 | xargs -0 grep -lE " \.\./(${files#|})( |\$)" | sed -E 's,/\.([^/]*)\.cmd$,/\1,')
}

# compile TO FILE...: the modules with the files as they are now, those that differ.
compile()
{
	local to=$1 object module changed=()
	shift
	for object in $(objects "$@"); do
		cp -p "$out/$object" "$dir/saved/$(echo "$object" | tr / +)"
		run "$object" || { echo "does not compile" >"$to/dropped"; return; }
		cmp -s "$out/$object" "$dir/saved/$(echo "$object" | tr / +)" || changed+=(-e "$object")
	done
	for module in $modules; do
		if [ ${#changed[@]} -eq 0 ] || ! grep -qF "${changed[@]}" "$out/$kvm/$module.mod"; then continue; fi
		if ! run "$kvm/$module.o" || ! run "$kvm/$module.ko"; then echo "does not link" >"$to/dropped"; return; fi
		strip --strip-debug -o "$dir/module" "$out/$kvm/$module.ko"
		cmp -s "$dir/module" "$dir/modules/control/$module.ko" || gzip -n <"$dir/module" >"$to/$module.ko.gz"
	done
	[ -n "$(ls "$to")" ] || echo "the same code as without it" >"$to/dropped"
	[ -n "$(objects "$@")" ] || echo "not in this kernel" >"$to/dropped"
}

# As they were without the mutant, also if it is stopped here.
restore()
{
	local object
	git -C "$tree" checkout -q -- $kvm
	for object in "$dir/saved/"*; do
		[ ! -e "$object" ] || mv "$object" "$out/$(basename "$object" | tr + /)"
	done
}

wanted()
{
	local glob
	# shellcheck disable=SC2053 # a glob
	for glob in "${globs[@]}"; do [[ $1 != $glob ]] || return 0; done
	return 1
}

trap restore EXIT
trap 'exit 1' INT TERM
mkdir -p "$dir/modules/control"
rm -rf "$dir"/{*.patch,saved,list.new}
: >"$dir/log"
# The modules there may be those of the last mutant; without it they are what was installed.
for module in $modules; do
	run "$kvm/$module.o"
	run "$kvm/$module.ko"
	strip --strip-debug -o "$dir/modules/control/$module.ko" "$out/$kvm/$module.ko"
	cmp -s "$dir/modules/control/$module.ko" "$out"/stage/lib/modules/*/kernel/$kvm/"$module.ko" ||
		die "$(short "$out") has objects of a mutant" "Touch the files of $(short "$tree")/$kvm, and build it again."
done
control=$(cat "$dir"/modules/control/*.ko "$out/.config" | sha256sum)

# names: a patch for each.
names()
{
	local file
	if [ "$kind" = written ]; then
		cp "$SCRIPTS"/mutants/*.patch "$dir"
		(cd "$dir" && printf '%s\n' *.patch | sed 's/\.patch$//')
		return
	fi
	for file in $(git -C "$tree" diff --name-only base HEAD -- "$kvm/*.[ch]"); do find_mutants "$file"; done
}

# field NAME PATTERN
field() { sed -n "s/^$2//p" "$dir/$1.patch" | head -n 1; }

for name in $(names); do
	key=$({ echo "$control"; sed '1,/^$/d' "$dir/$name.patch"; } | sha256sum | cut -c1-16)
	to=$dir/modules/$key
	if ! wanted "$name" && [ "$kind" = written ]; then continue; fi
	if [ ! -d "$to" ] && wanted "$name"; then
		say "$name: $(field "$name" "Bug: ")"
		rm -rf "$dir/saved" "$to.new"
		mkdir -p "$dir/saved" "$to.new"
		patch -s -F0 --no-backup-if-mismatch -d "$tree" -p1 <"$dir/$name.patch" || die "$name does not apply to the series" "Make it anew: see its text."
		mapfile -t files < <(sed -n 's,^+++ b/,,p' "$dir/$name.patch")
		compile "$to.new" "${files[@]}"
		restore
		mv "$to.new" "$to"
	fi
	if [ ! -d "$to" ]; then why="not compiled"; else why=$(cat "$to/dropped" 2>/dev/null || echo -); fi
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "$key" "$why" "$(field "$name" "Bug: ")" "$(field "$name" "@@.*@@ ")" \
		"$(field "$name" "Caught-by: ")" "$(field "$name" "Vendor: ")" >>"$dir/list.new"
done
mv "$dir/list.new" "$dir/list"
