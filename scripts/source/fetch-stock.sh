#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Get what modules for one of Debian's kernels are built from and tested with: its
# linux-image and linux-headers, which depends on the compiler and on pahole; linux-source of the
# very same version; dpkg and a shell for its scripts. Print the directory of the packages.
#
# Usage: fetch-stock.sh ABI
#
# A version alone, 6.12, is the newest kernel of that line and of flavour amd64, of Debian 13; one that is in the
# cache counts as that.
#
# They come from the release that the ABI names, whatever this machine's own is, and are
# only unpacked, so that nothing is installed. A download is kept in the cache and taken
# from there the next time, without a network.

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/archive.sh"

abi=$1
case $abi in
*-rt-amd64)	die "ABI=$abi: kernels for real time have other headers, which is not done here" "Flavours: amd64, cloud-amd64" ;;
*+deb12*)	release=bookworm ;;
*+deb13*|"$VERSION") release=trixie ;;
*)		die "ABI=$abi names no release of Debian that is known here: +deb12 or +deb13" ;;
esac

version() { archive apt-cache show "$1" 2>/dev/null | sed -n 's/^Version: //p' | sort -V | tail -n 1 || :; }
# With their version: not every one's source is still there.
available()
{
	archive apt-cache madison "linux-source-$VERSION" | awk '{ print $3 }' >"$BUILD/apt/sources"
	archive apt-cache dumpavail | awk -v only="$BUILD/apt/sources" '
		BEGIN { while ((getline line <only) > 0) source[line] }
		/^Package: linux-headers-.*[0-9]-(cloud-)?amd64$/ { abi = substr($2, 15) }
		/^Version: / { if (abi && $2 in source) print abi; abi = "" }' | sort -uV
}

download()
{
	local kernel backports=
	# A backport may need another.
	[[ $1 != *~bpo* ]] || backports=$release-backports
	# What is here already apt takes as it is, if it has the right hash.
	find "$DOWNLOADS" "$CACHE/stock" -name "linux-source-${VERSION}_$1_all.deb" -exec cp -lf {} "$dir.tmp" \;
	archive apt-get -o Dir::State::status="$dir.tmp/status" -o Dir::Cache::archives="$dir.tmp" \
		install --download-only --no-install-recommends -y ${backports:+-t "$backports"} \
		"linux-image-$abi=$1" "$headers=$1" "linux-source-$VERSION=$1" dpkg tar dash
	for kernel in "image-$abi" "headers-${abi%%-*}-common" "source-$VERSION"; do
		compgen -G "$dir.tmp/linux-${kernel}_$1_*.deb" >/dev/null || { echo "no linux-$kernel of version $1"; return 1; }
	done
}

if [ "$abi" = "$VERSION" ]; then
	abi=$(find "$CACHE/stock" -name "$VERSION.*+deb13-amd64" -printf '%f\n' 2>/dev/null | sort -V | tail -n 1 || :)
fi
if [ -z "$abi" ] || [ ! -d "$CACHE/stock/$abi" ]; then
	archive_suites deb "$release"{,-security,-updates,-backports}
	abi=${abi:-$(available | grep -v cloud | tail -n 1 || :)}
	[ -n "$abi" ] || die "the archive of $release has no kernel with linux-source-$VERSION of the same version" \
		"With a network problem, see build/log/apt-lists.log and try again."
fi
dir=$CACHE/stock/$abi headers=linux-headers-$abi
if [ ! -d "$dir" ]; then
	version=$(version "$headers")
	# shellcheck disable=SC2046 # words
	[ -n "$version" ] || die "the archive of $release has no $headers (any more)" \
		"ABI= is what uname -r says. Of those with linux-source-$VERSION it has:" $(available)
	archive apt-cache madison "linux-source-$VERSION" | grep -F "| $version |" >/dev/null ||
		die "the archive has no linux-source-$VERSION of version $version (any more), of which $headers is" \
		    "Upgrade that kernel; there are: $(available | xargs)"
	rm -rf "$dir.tmp"
	mkdir -p "$dir.tmp/partial" "$DOWNLOADS"
	need_space "$dir.tmp" 1
	: >"$dir.tmp/status"
	step "Download linux-{headers,image}-$abi, their source and compiler" download-stock download "$version"
	mv "$dir.tmp" "$dir"
fi
say "Stock kernel: $(cd "$dir" && echo linux-image-"$abi"_*.deb) (in $dir; remove it to get it anew)"
echo "$dir"
