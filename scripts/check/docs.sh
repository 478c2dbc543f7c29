#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check that KVM's documents build (make htmldocs) and that the kernel-doc of the
# files that the series touches parses, without a warning that the base does not give.
#
# Usage: docs.sh
#
# The pages are left in build/checked/docs/html; read virt/kvm/x86/vmware.html there.

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"
. "$SCRIPTS/check/lib.sh"

dir=$CHECKED/docs
tree=$WORK/check
mkdir -p "$dir"
command -v sphinx-build >/dev/null || die "there is no sphinx-build" "Install the package python3-sphinx."

# All anew, as Sphinx warns about a file only when it reads it.
build()
{
	local html=$dir/html files
	check_out "$1"
	rm -rf "$html"
	mkdir -p "$html"
	make -s -C "$tree" O="$html" htmldocs SPHINXDIRS=virt/kvm >"$2.log" 2>&1 ||
		{ tail -n 25 "$2.log" >&2; die "make htmldocs failed: $(short "$2.log")"; }
	[ -e "$html/Documentation/output/virt/kvm/x86/index.html" ] || die "make htmldocs made no pages: $(short "$2.log")"
	mapfile -t files < <(cd "$tree" && tree_git diff --name-only base "$TIP" -- '*.[ch]' | xargs -r ls -d 2>/dev/null)
	(cd "$tree" && scripts/kernel-doc -none -Wall "${files[@]}") >>"$2.log" 2>&1 || :
	sed "s,$tree/,,g; s,$html/,,g" "$2.log" | { grep -iE 'warning|error|critical' || :; } >"$2"
}

key() { cat "$0"; tree_git rev-parse "$1^{tree}"; dpkg-query -W python3-sphinx; }
{ key base; tree_git rev-parse "$TIP^{tree}"; } | once docs/base step "Documents of the base" docs-base build base "$dir/base"
key "$TIP" | once docs/series step "Documents of the series" docs-series build "$TIP" "$dir/series"
new_reports "$dir/base" "$dir/series" "Documents"
