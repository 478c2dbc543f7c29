#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Install the Debian packages of scripts/source/packages that are missing.
#
# Usage: install-packages.sh
#
# Needs root or sudo, and a network, only when something is missing.

. "$(dirname "$0")/../lib.sh"

command -v dpkg-query >/dev/null ||
	die "this machine is no Debian: no dpkg-query" \
	    "Use a Debian 12 or 13 machine, container or chroot."

wanted=$(sed 's/#.*//' "$SCRIPTS/source/packages" | xargs)
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p')
missing=
for package in $wanted; do
	grep -qxF "$package" <<<"$installed" || missing+=" $package"
done
[ -n "$missing" ] || exit 0

root=()
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null ||
		die "packages are missing, and this is neither root nor has sudo" \
		    "As root, run: apt-get install$missing"
	root=(sudo)
fi
say "Missing packages:$missing"
install_missing()
{
	"${root[@]}" apt-get update
	# shellcheck disable=SC2086
	"${root[@]}" env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y --no-install-recommends $missing
}
step "Install packages" packages install_missing
