#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make export-qemu: write the commits base..main of build/qemu-7.2 to patches/qemu-7.2.
#
# Usage: export-qemu.sh
#
# The same commits make the same patches, whoever exports.

export SERIES=qemu
. "$(dirname "$0")/lib.sh"

[ -e "$SRC/.git" ] || die "there is no $(short "$SRC")" "Run: make qemu"
[ "$(tree_git symbolic-ref -q --short HEAD)" = main ] ||
	die "$(short "$SRC") is not on its branch main" "Run there: git switch main"
[ -z "$(tree_git status --porcelain)" ] ||
	die "$(short "$SRC") has changes that are not committed" "Commit or remove them: git -C $(short "$SRC") status"

mkdir -p "$PATCHES"
rm -f "$PATCHES"/*.patch
tree_git -c core.abbrev=12 format-patch --quiet -o "$PATCHES" --base=base --zero-commit --no-signature \
	--stat=72 --summary -M base..main

# The tree and patches/ agree: see apply-series.sh.
tree_git update-ref refs/lab/applied main
series | xargs -r cat | sha256sum >"$SRC/.git/lab-series"
say "Exported $(series | wc -l) patches to $(short "$PATCHES")"
