#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Get the source of QEMU 10.0 and the meson that configures it, as Debian 13 ships them;
# print the paths of the .dsc and of the .deb.
#
# Usage: fetch-qemu.sh
#
# The newest version of that line. A download is kept in the cache and taken
# from there the next time, without a network. Debian 12's own meson is too old.

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/archive.sh"

dir=$DOWNLOADS/qemu-10.0 new=$BUILD/apt/qemu

download()
{
	rm -rf "$dir" "$new"
	mkdir -p "$DOWNLOADS" "$new"
	need_space "$DOWNLOADS" 1
	version=$(archive_version qemu '10\.0' trixie)
	(cd "$new" && step "Download the source of QEMU $version" download-qemu \
		archive apt-get source --download-only "qemu=$version")
	archive_suites deb trixie
	(cd "$new" && step "Download meson" download-meson archive apt-get download meson)
	mv "$new" "$dir"
}

[ -d "$dir" ] || download
dsc=$(echo "$dir"/qemu_*.dsc)
say "QEMU: $(basename "$dsc" .dsc) (in $dir; remove it to look for a newer one)"
echo "$dsc" "$dir"/meson_*.deb
