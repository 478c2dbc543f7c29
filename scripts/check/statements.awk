# SPDX-License-Identifier: GPL-2.0
# Print the sentences of a document in reStructuredText, one a line: of all of it, or, if it
# is api.rst, of what it says of VMware. A row of a table is a sentence, and so is a literal
# block; titles are none. One that ends with "i.e." or "e.g." does not end there.

function flush(	n, i, part) {
	gsub(/[ \t]+/, " ", unit)
	gsub(/i\.e\. /, "i.e.~", unit)
	gsub(/e\.g\. /, "e.g.~", unit)
	n = 1
	part[1] = unit
	if (!literal)
		n = split(unit, part, /\. /)
	for (i = 1; i <= n; i++) {
		gsub(/~/, " ", part[i])
		gsub(/^ +| +$/, "", part[i])
		if (part[i] ~ /[a-zA-Z]/)
			print part[i]
	}
	unit = ""
}

FILENAME ~ /api\.rst$/ {
	if (/\/\* KVM_EXIT_VMWARE \*\// || /^[0-9.]+ KVM_CAP_X86_VMWARE$/)
		ours = 1
	else if (/^\.\. _cap_enable:/ || /^[0-9]+\. Other capabilities/)
		ours = 0
	if (/\/\* KVM_EXIT_VMWARE \*\//)
		literal = 1
	if (!ours)
		next
}

# Underlines; what stands above one is a title.
/^[=-]+$/ { unit = ""; next }

# The border of a table, which has no empty lines.
/^ *=+( +=+)+$/ { flush(); match($0, /^ */); table = RLENGTH; in_table = 1; next }

# A directive, with its options.
/^\.\. / { flush(); directive = 1 }
/^$/ { if (!literal) flush(); in_table = directive = 0; next }
directive { next }

# A literal block goes to the next line that is not indented.
literal && /^[^ \t]/ { flush(); literal = 0 }
!literal && /^ *([-*]|[0-9]+\.) / { flush(); sub(/^ *([-*]|[0-9]+\.) +/, "") }
!literal && /^:/ { flush() }
!literal && in_table && match($0, /^ */) && RLENGTH == table { flush() }
/^::$/ { flush(); literal = 1; next }

{ unit = unit " " $0 }
END { flush() }
