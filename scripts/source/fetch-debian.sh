#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Get the Debian packages that the guest is made of, as the machine's own release has
# them: the cloud kernel, open-vm-tools and what it depends on. Print their directory.
#
# Usage: fetch-debian.sh
#
# Downloads are kept in the cache and taken from there the next time, without a network.
# Nothing is installed, and the machine's own package lists stay as they are.

. "$(dirname "$0")/../lib.sh"

packages="linux-image-cloud-amd64 open-vm-tools"
dir=$DOWNLOADS/guest-$(. /etc/os-release && echo "$VERSION_CODENAME")
apt=$BUILD/apt-guest

# An apt to which nothing is installed, so that it finds all that is depended on.
guest_apt()
{
	apt-get -o Dir::State::Lists="$apt/lists" -o Dir::State::status="$apt/status" \
		-o Dir::Cache::archives="$apt/archives" -o Dir::Cache::pkgcache= \
		-o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root -o Debug::NoLocking=1 "$@"
}

download()
{
	guest_apt update
	# shellcheck disable=SC2086
	guest_apt install --download-only --no-install-recommends -y $packages
}

if [ ! -d "$dir" ]; then
	need_space "$BUILD" 1
	rm -rf "$apt"
	mkdir -p "$apt"/{lists,archives}/partial "$DOWNLOADS"
	: >"$apt/status"
	step "Download the guest's packages" guest-download download
	rm -rf "$dir.tmp"
	mkdir "$dir.tmp"
	mv "$apt"/archives/*.deb "$dir.tmp"
	mv "$dir.tmp" "$dir"
fi
say "Guest: $(find "$dir" -name '*.deb' -printf '%f\n' | sed -n 's/_amd64\.deb$//; /^linux-image-[0-9]\|^open-vm-tools/p' |
	sort | xargs) (in $dir; remove it to look for newer ones)"
echo "$dir"
