#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build KVM's modules with the series for one of Debian's kernels as it is, and pack them.
#
# Usage: modules.sh ABI
#
# Leaves in build/modules/ABI (build/6.12/modules/ABI): root, the packages that it is built from,
# unpacked, and the .deb; and in $OUT/ABI the build directory. The kernel's own compiler runs
# in root, with its own libraries, so that it is the same on every release of Debian.
#
# A kernel without MODVERSIONS loads whatever has the right version, and crashes if a structure
# differs: so source, compiler and configuration have to be the very same, but for the series and
# KVM_VMWARE=y, or nothing is built. With MODVERSIONS the CRCs of all that takes a structure of KVM
# change. Only kvmgt.ko uses any, apart from the modules that are built here: those of
# mmu/page_track.c, to which it hands a struct kvm that it never looks into. These keep
# their CRCs, and kvmgt.ko stays as it is. There must not be another such module.

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"

debs=$("$SCRIPTS/source/fetch-stock.sh" "$1")
abi=${debs##*/}
version=$(dpkg-deb -f "$debs"/linux-headers-"$abi"_*.deb Version)
dir=$WORK/modules/$abi root=$dir/root tools=$dir/tools
tree=$WORK/modules/linux-$version out=$tree/.out-$abi m=$out/m/arch/x86/kvm
headers=$root/usr/src/linux-headers-$abi common=$root/usr/src/linux-headers-${abi%%-*}-common
stock=$root/lib/modules/$abi
package=vmware-kvm-try-modules-$abi
# So that apt installs what is built anew in place of what was built before.
package_version=$version+try$(date -u +%Y%m%d%H%M%S)

unpack_root()
{
	local deb
	rm -rf "$root"
	mkdir -p "$root"/usr/{bin,sbin,lib,lib64}
	ln -s usr/{bin,sbin,lib,lib64} "$root"
	for deb in "$debs"/*.deb; do
		case $deb in
		*/linux-source-*|*/libsystemd-shared_*|*/systemd_*|*/udev_*) ;;
		*)	dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$root" ;;
		esac
	done
	depmod -b "$root" "$abi"
	make_tools "$(compiler)"
}

compiler() { sed -n 's/.*LINUX_COMPILER[^"]*"\([^ ]*\).*/\1/p' "$headers/include/generated/compile.h"; }

# tool PATH ARGS: a command that runs a program of root.
tool()
{
	local lib=$root/usr/lib/x86_64-linux-gnu
	cat >"$tools/${1##*/}" <<-END
		#!/bin/sh
		exec '$lib/ld-linux-x86-64.so.2' --library-path '$lib' '$root/usr/$1' ${2-} "\$@"
	END
	chmod +x "$tools/${1##*/}"
}

make_tools()
{
	local name cc=$1
	[ -x "$root/usr/bin/$cc" ] || { echo "$abi was built with $cc, which linux-headers-$abi does not depend on"; return 1; }
	rm -rf "$tools"
	mkdir -p "$tools"
	tool "bin/$cc" "-B'$tools/'"
	for name in cc1 collect2; do tool "libexec/gcc/x86_64-linux-gnu/${cc##*-}/$name"; done
	for name in ar as ld nm objcopy objdump readelf strip; do
		tool "bin/x86_64-linux-gnu-$name"
		ln -s "x86_64-linux-gnu-$name" "$tools/$name"
	done
	tool bin/pahole
}

# The source (no driver is built), which must have the very headers of linux-headers; then the series.
unpack_source()
{
	local what
	rm -rf "$tree"
	mkdir -p "$tree"
	dpkg-deb --fsys-tarfile "$debs"/linux-source-*.deb | tar -xO --wildcards './usr/src/linux-source-*.tar.xz' |
		tar -xJ -C "$tree" --strip-components=1 --wildcards \
			--exclude="linux-source-$VERSION"/{drivers,sound}/'*.[ch]'
	for what in include arch/x86/include; do
		if diff -rq "$tree/$what" "$common/$what" | grep -v "^Only in $tree/"; then
			echo "linux-source and linux-headers differ"
			return 1
		fi
	done
	cd "$tree"
	# Where it is no tree of git, git applies nothing below another repository's.
	series | GIT_CEILING_DIRECTORIES=$WORK/modules xargs git apply ||
		{ echo "patches/linux-$VERSION was made for another version of Linux $VERSION: see its README.md"; return 1; }
}

kmake()
{
	make -C "$tree" O=".out-$abi" ARCH=x86 KERNELRELEASE="$abi" CROSS_COMPILE="$tools/x86_64-linux-gnu-" \
		CC="ccache $tools/$cc" HOSTCC="ccache gcc" PAHOLE="$tools/pahole" "$@"
}

# Newer images have these beside their modules.
of_image() { cat "$root/boot/$1-$abi" 2>/dev/null || cat "$stock/$1"; }

values() { sed -n '/^CONFIG_/{s/"//g;p}' "$1" | LC_ALL=C sort; }

# Kconfig would look for the tools of this machine, and set what depends on them: the configuration
# is taken as it was made for the kernel, with one symbol more. Rust has no part in KVM.
prepare()
{
	mkdir -p "$out"/include/{config,generated}
	cp "$headers/Module.symvers" "$out"
	of_image config >"$out/config"
	! grep '^CONFIG_' "$out/config" | grep -vxFf "$headers/.config" ||
		{ echo "linux-headers is of another configuration than the image"; return 1; }
	{ cat "$headers/.config"; echo CONFIG_KVM_VMWARE=y; } | tee "$out/wanted" >"$out/.config"
	{ cat "$headers/include/config/auto.conf"; echo CONFIG_KVM_VMWARE=y; } >"$out/include/config/auto.conf"
	{ cat "$headers/include/generated/autoconf.h"; echo "#define CONFIG_KVM_VMWARE 1"; } >"$out/include/generated/autoconf.h"
	cp "$headers/include/generated/rustc_cfg" "$out/include/generated"
	: >"$out/include/config/auto.conf.cmd"
	diff <(values "$out/.config") <(values "$out/include/config/auto.conf") || { echo "linux-headers has two configurations"; return 1; }
	kmake -j"$JOBS" CONFIG_RUST= modules_prepare
	cmp "$out/wanted" "$out/.config"
}

# What kvmgt.ko uses of kvm.ko, with the CRCs. Nothing else may use it.
kept_crcs()
{
	local users
	users=$(sed -n 's/^\([^:]*\):.*\/kvm\.ko.*/\1/p' "$stock/modules.dep" | grep -v '/kvm-\(amd\|intel\)\.ko' || :)
	[ -n "$users" ] || return 0
	[[ $users = */kvmgt.ko* && $users != *$'\n'* ]] || { echo "modules of the image use kvm.ko: $users" >&2; return 1; }
	grep -qx CONFIG_MODVERSIONS=y "$headers/.config" || return 0
	modprobe --dump-modversions "$stock/$users" |
		awk 'NR == FNR { if ($3 == "arch/x86/kvm/kvm") kvm[$2]; next } $2 in kvm { print $1, $2 }' "$headers/Module.symvers" -
}

build()
{
	local crc symbol kept
	kept=$(kept_crcs)
	# A copy: kbuild puts the objects of M= beside their sources.
	rm -rf "$out/m"
	mkdir -p "$m" "$out/m/virt"
	cp -r "$tree/arch/x86/kvm/." "$m"
	cp -r "$tree/virt/kvm" "$out/m/virt"
	kmake M="$m" mmu/page_track.o
	while read -r crc symbol; do
		[ -n "$symbol" ] || continue
		grep "^#SYMVER $symbol " "$m/mmu/.page_track.o.cmd" || { echo "kvmgt.ko uses $symbol"; return 1; }
		sed -i "s/^#SYMVER $symbol .*/#SYMVER $symbol $crc/" "$m/mmu/.page_track.o.cmd"
		echo "$symbol keeps its CRC, $crc"
	done <<<"$kept"
	kmake -j"$JOBS" M="$m" modules
	mkdir -p "$out"/{usr,arch/x86/boot}
	gcc -o "$out/usr/gen_init_cpio" "$tree/usr/gen_init_cpio.c"
	of_image vmlinuz >"$out/arch/x86/boot/bzImage"
}

# What the package says when it is installed, and in its documentation.
text()
{
	cat <<END
$package: KVM with VMware's backdoor and hypercalls per VM, FOR TRYING.
The numbers of KVM_CAP_X86_VMWARE and KVM_EXIT_VMWARE are provisional until Linux assigns them: a VMM
that is built for them may stop working with a later kernel. Do not ship these modules.

Use them, on $abi (kvm-intel on Intel), when no VM runs:
    modprobe -r kvm-amd kvm; modprobe kvm-amd; modinfo -n kvm kvm-amd
which says /lib/modules/$abi/updates/vmware-kvm/. All three are replaced together: of
a mix with the stock ones the kernel refuses the second, "Unknown symbol".

They are not signed: the kernel is tainted, and with Secure Boot (mokutil --sb-state) refuses them, "Key was
rejected by service". Sign them with a key of yours, which the firmware has to know (apt-get install
mokutil openssl linux-kbuild-${abi%%-*}):
    openssl req -new -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=my modules/" \\
        -keyout mok.key -outform DER -out mok.der
    mokutil --import mok.der      (asks for a password; boot, and enroll the key with it)
    for module in /lib/modules/$abi/updates/vmware-kvm/*.ko; do
        /usr/lib/linux-kbuild-${abi%%-*}/scripts/sign-file sha256 mok.key mok.der \$module
    done

Get the stock modules back: apt-get remove $package; then modprobe as above.
Source: Debian's linux-source-$VERSION $version, and patches/linux-$VERSION of the series.
END
}

pack()
{
	local module package_root=$dir/package to=$dir/package/usr/lib/modules/$abi/updates/vmware-kvm doc
	doc=$package_root/usr/share/doc/$package
	rm -rf "$package_root" "$dir"/*.deb
	mkdir -p "$package_root/DEBIAN" "$to" "$doc"
	for module in kvm kvm-amd kvm-intel; do
		"$tools/strip" --strip-debug -o "$to/$module.ko" "$m/$module.ko"
		[ "$(modinfo -F vermagic "$to/$module.ko")" = "$(modinfo -F vermagic "$stock/kernel/arch/x86/kvm/$module.ko"*)" ] ||
			{ echo "$module.ko: another vermagic than the stock one"; return 1; }
	done
	text >"$doc/README"
	cat >"$package_root/DEBIAN/control" <<-END
		Package: $package
		Version: $package_version
		Architecture: amd64
		Maintainer: whoever built it <root@localhost>
		Section: kernel
		Priority: optional
		Depends: kmod, linux-image-$abi (= $version) | linux-image-$abi-unsigned (= $version)
		Description: KVM with VMware's backdoor and hypercalls per VM, for trying
		 kvm, kvm-amd and kvm-intel for the kernel $abi as Debian has it. What they
		 have on top of Debian's is not in Linux yet, and its ABI is provisional:
		 not to be shipped. Remove the package, and Debian's are used again.
	END
	# shellcheck disable=SC2016
	printf '#!/bin/sh\nset -e\n[ "$1" != configure ] || { depmod %s; cat /usr/share/doc/%s/README || :; }\n' \
		"$abi" "$package" >"$package_root/DEBIAN/postinst"
	# shellcheck disable=SC2016
	printf '#!/bin/sh\nset -e\n[ "$1" != remove ] || depmod %s\n' "$abi" >"$package_root/DEBIAN/postrm"
	chmod 755 "$package_root"/DEBIAN/post*
	dpkg-deb --root-owner-group -b "$package_root" "$dir/${package}_${package_version}_amd64.deb"
}

# Done once for each state of what it comes from.
once()
{
	local stamp=$1 key
	key=$(sha256sum <<<"$2")
	shift 2
	[ "$key" != "$(cat "$stamp" 2>/dev/null)" ] || return 0
	rm -f "$stamp"
	step "$@"
	echo "$key" >"$stamp"
}

mkdir -p "$dir" "$OUT"
need_space "$dir" 2
state=$(ls "$debs"; series_state)
once "$dir/root.key" "$(ls "$debs")" "Unpack the packages of the stock kernel" "unpack-stock-$abi" unpack_root
cc=$(compiler)
built=$(sed -n 's/^CONFIG_CC_VERSION_TEXT="\(.*\)"/\1/p' "$headers/.config") have=$("$tools/$cc" --version | head -n 1)
[ "$built" = "$have" ] || die "$abi was built with $built, but the archive has $have" \
	"Debian's snapshot archive keeps the older one: put its packages into $debs, in place of those."
once "$WORK/modules/linux-$version.key" "$version$(series_state)" "Unpack linux-source $version and apply the series" unpack-modules unpack_source
ln -sfn "$(realpath --relative-to="$OUT" "$out")" "$OUT/$abi"
once "$dir/prepared" "$state" "Configure $abi" "config-modules-$abi" prepare
once "$dir/built" "$state" "Build KVM's modules for $abi" "build-modules-$abi" build
step "Pack them" "pack-modules-$abi" pack
echo "$dir"/*.deb
