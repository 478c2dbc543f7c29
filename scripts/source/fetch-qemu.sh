#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Get the source of QEMU 7.2 as Debian 12 ships it; print the .dsc's path.
#
# Usage: fetch-qemu.sh
#
# The newest version of that line. A download is kept in the cache and taken
# from there the next time, without a network.

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/archive.sh"

cached()	{ find "$DOWNLOADS" -name 'qemu_7.2+*.dsc' | sort -V | tail -1; }

dsc=$(cached)
if [ -z "$dsc" ]; then
	archive_suites deb-src bookworm
	version=$(archive apt-cache madison qemu | awk '$NF == "Sources" { print $3 }' | grep '^1:7\.2+' | sort -V | tail -1)
	[ -n "$version" ] ||
		die "the archive has no source of QEMU 7.2 (any more)" \
		    "With a network problem, see build/log/apt-lists.log and try again."
	mkdir -p "$DOWNLOADS"
	need_space "$DOWNLOADS" 1
	rm -rf "$DOWNLOADS/qemu" "$BUILD/apt/qemu"
	mkdir -p "$BUILD/apt/qemu"
	(cd "$BUILD/apt/qemu" && step "Download the source of QEMU $version" download-qemu \
		archive apt-get source --download-only "qemu=$version")
	mv "$BUILD/apt/qemu" "$DOWNLOADS/"
	dsc=$(cached)
fi
say "QEMU: $(basename "$dsc" .dsc) (in $(dirname "$dsc"); remove it there to look for a newer one)"
echo "$dsc"
