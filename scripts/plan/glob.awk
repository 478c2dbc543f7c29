# SPDX-License-Identifier: GPL-2.0
# A glob as a regular expression: for the lists in plan/, and where they are matched.

function glob(text)
{
	gsub(/[.+^$(){}|]/, "[&]", text)
	gsub(/\*/, ".*", text)
	gsub(/\?/, ".", text)
	return "^" text "$"
}
