#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Print the path of a sparse that understands this kernel.
#
# Usage: sparse.sh TREE
#
# That of the machine if the kernel's own test accepts it, else Debian's newest, built
# from its source package: that of Debian 12 does not know __typeof_unqual__.

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"
. "$SCRIPTS/source/archive.sh"

tree=$1
dir=$BUILD/sparse

accepted() { [ "$("$tree/scripts/checker-valid.sh" "$1" 2>/dev/null || :)" = 1 ]; }
for sparse in sparse "$dir/sparse"; do
	if accepted "$sparse"; then command -v "$sparse"; exit; fi
done

source_of_sparse() { find "$DOWNLOADS" -name 'sparse_*.orig.tar.*' ! -name '*.asc' | sort -V | tail -1; }
build()
{
	rm -rf "$dir"
	mkdir -p "$dir"
	tar -xf "$(source_of_sparse)" -C "$dir" --strip-components=1
	make -C "$dir" -j"$JOBS" HAVE_LLVM=no HAVE_SQLITE=no HAVE_LIBXML=no HAVE_GTK=no sparse
}

mkdir -p "$DOWNLOADS"
if [ -z "$(source_of_sparse)" ]; then
	archive_suites deb-src sid
	cd "$DOWNLOADS"
	step "Download the source of sparse" download-sparse archive apt-get source --download-only sparse
	cd "$TOP"
fi
[ -n "$(source_of_sparse)" ] || die "the archive has no source of sparse" "See build/log/apt-lists.log."
step "Build sparse" build-sparse build
accepted "$dir/sparse" ||
	die "neither the machine's sparse nor $(basename "$(source_of_sparse)") understands this kernel" \
	    "Install a newer one, or remove the latter from $DOWNLOADS to look for a newer one."
echo "$dir/sparse"
