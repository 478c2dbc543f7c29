# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# For who configures a kernel. Source it after lib.sh.

# configured CONFIG FRAGMENT...: stop unless CONFIG has what the fragments ask for,
# where a later one overrides an earlier one. Other versions than the main one, in $tree, may not
# have an option at all.
configured()
{
	local config=$1 line
	shift
	cat "$@" | sed -n 's/^CONFIG_//p' | awk -F= '{ value[$1] = $2 } END { for (s in value) print s "=" value[s] }' |
		while read -r line; do
			case $line in
			*=n)	! grep -q "^CONFIG_${line%n}" "$config" ;;
			*)	grep -qxF "CONFIG_$line" "$config" ||
				{ ! is_main && ! grep -rqxE --include='Kconfig*' "(menu)?config ${line%=*}" "$tree"; } ;;
			esac || die "$(short "$config") does not come out with CONFIG_$line" "Asked for by: $*"
		done
}
