#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Get the source of the base kernel as Debian ships it; print the .deb's path.
#
# Usage: fetch-base.sh
#
# The newest point release of the line; where the archive has the main version's line no
# more, the newest line on which the series applies. A download is kept in the
# cache and taken from there the next time, without a network. For other suites than
# the machine's own see archive.sh.

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"
. "$SCRIPTS/source/archive.sh"

line=$VERSION
mkdir -p "$DOWNLOADS"

cached()
{
	find "$DOWNLOADS" -name "linux-source-$1_*.deb" | sort -V | tail -1
}

# download LINE: the newest package of that line; fails when there is none.
download()
{
	local version dir=$BUILD/apt/partial
	version=$(archive apt-cache madison "linux-source-$1" | awk '{ print $3 }' | sort -V | tail -1)
	[ -n "$version" ] || return 1
	need_space "$DOWNLOADS" 1
	rm -rf "$dir" && mkdir -p "$dir"
	(cd "$dir" && step "Download linux-source-$1 $version" download \
		archive apt-get download "linux-source-$1=$version") || exit 1
	mv "$dir"/linux-source-*.deb "$DOWNLOADS/"
}

# applies DEB: does the series apply to this source? Unpack only what it touches.
applies()
{
	local dir=$BUILD/apt/try files
	[ -n "$(series)" ] || return 0
	rm -rf "$dir" && mkdir -p "$dir"
	files=$(series | xargs sed -n 's,^--- a/,,p' | sort -u | sed 's,^,*/,')
	# shellcheck disable=SC2086
	dpkg-deb --fsys-tarfile "$1" | tar -xO --wildcards './usr/src/linux-source-*.tar.xz' |
		(set -f; tar -xJ -C "$dir" --strip-components=1 --wildcards --no-anchored $files) 2>/dev/null || :
	(cd "$dir" && git init -q . && git add -f -A && series | xargs git apply --index) 2>/dev/null
}

deb=$(cached "$line")
if [ -z "$deb" ]; then
	if is_main; then
		archive_suites deb "$(codename)" trixie trixie-backports sid
	else
		archive_suites deb bookworm{,-security,-updates} trixie{,-security,-updates}
	fi
	if download "$line"; then
		deb=$(cached "$line")
	elif is_main; then
		say "The archive has no linux-source-$line (any more)."
		for try in $(archive apt-cache pkgnames linux-source- | sed -n 's/^linux-source-\([0-9.]*\)$/\1/p' | sort -Vr); do
			download "$try" || continue
			applies "$(cached "$try")" || { say "The series does not apply to $try."; continue; }
			say "The series applies to $try: it is the base INSTEAD OF $line."
			deb=$(cached "$try")
			break
		done
	fi
fi
[ -n "$deb" ] ||
	die "the archive has no kernel source on which the series applies" \
	    "With a network problem, see build/log/apt-lists.log and try again. Else pass a" \
	    "kernel tree of your own: KERNEL=/path/to/linux (Linux $line, from kernel.org)."
say "Base: $(basename "$deb" .deb) (in $(dirname "$deb"); remove it there to look for a newer one)"
echo "$deb"
