// SPDX-License-Identifier: GPL-2.0
// Where a mutant can be made: a line "LINE COLUMN LINE COLUMN RULE TEXT" for each, separated
// by tabs: what stands from the one place to the other becomes TEXT. made.awk makes patches
// of them, and adds what coccinelle has no pattern for.
//
// Each condition, and each operand of && and ||, becomes true and false: what notices both,
// notices the negation, and an operand that is dropped is one that is true or false. What gcc makes
// the same code of as without the mutant, or does not compile, is left out by build/mutants.sh.

@initialize:python@
@@
import re

def show(rule, text, begin, end=None):
    begin = begin[0]
    end = end[0] if end else begin
    print("\t".join((begin.line, begin.column, end.line_end, end.column_end, rule, text)))

def truth(*positions):
    for p in positions:
        show("true", "true", p)
        show("false", "false", p)

def neighbour(name):
    return re.sub("r?([abcd])x", lambda m: m[0].replace(m[1], "bcda"["abcd".index(m[1])]), name, 1)

@condition1@ expression E; position p; statement S; @@
if (E@p) S
@script:python@ p << condition1.p; @@
truth(p)

@condition2@ expression E; position p; statement S, T; @@
if (E@p) S else T
@script:python@ p << condition2.p; @@
truth(p)

@condition3@ expression E, F, G; position p; @@
E@p ? F : G
@script:python@ p << condition3.p; @@
truth(p)

@operand1@ expression E, F; position p, q; @@
E@p && F@q
@script:python@ p << operand1.p; q << operand1.q; @@
truth(p, q)

@operand2@ expression E, F; position p, q; @@
E@p || F@q
@script:python@ p << operand2.p; q << operand2.q; @@
truth(p, q)

@value@ expression E; position p; @@
return E@p;
@script:python@ p << value.p; @@
show("zero", "0", p)
show("one", "1", p)

@jump1@ expression E; position p; @@
return@p E;
@script:python@ p << jump1.p; @@
show("drop", "if (0) return", p)

@jump2@ position p; identifier label; @@
goto@p label;
@script:python@ p << jump2.p; @@
show("drop", "if (0) goto", p)

@jump3@ position p; @@
break@p;
@script:python@ p << jump3.p; @@
show("drop", "", p)

@jump4@ position p; @@
return@p;
@script:python@ p << jump4.p; @@
show("drop", "", p)

@initial@ type T; identifier x; expression E; position p; @@
T x = E@p;
@script:python@ p << initial.p; E << initial.E; @@
if not E.startswith("&"):
    show("zero", "0", p)
    show("one", "1", p)

@call@ expression E; position p; @@
E@p;
@script:python@ p << call.p; @@
show("drop", "", p)

@mask@ expression E, F; position p, q; @@
E@p & F@q
@script:python@ p << mask.p; q << mask.q; E << mask.E; F << mask.F; @@
show("left", E, p, q)
show("right", F, p, q)

@flags@ expression E, F; position p, q; @@
E@p | F@q
@script:python@ p << flags.p; q << flags.q; E << flags.E; F << flags.F; @@
show("left", E, p, q)
show("right", F, p, q)

@clear@ expression E, F; position p, q; @@
E@p &= F@q
@script:python@ p << clear.p; q << clear.q; E << clear.E; F << clear.F; @@
show("assign", E + " = " + F, p, q)

@set@ expression E, F; position p, q; @@
E@p |= F@q
@script:python@ p << set.p; q << set.q; E << set.E; F << set.F; @@
show("assign", E + " = " + F, p, q)

@complement@ expression E; position p; @@
~E@p
@script:python@ p << complement.p; E << complement.E; @@
show("complement", "~" + E, p)

@bound1@ expression E, F; position p, q; @@
E@p > F@q
@script:python@ p << bound1.p; q << bound1.q; E << bound1.E; F << bound1.F; @@
show("bound", E + " >= " + F, p, q)

@bound2@ expression E, F; position p, q; @@
E@p >= F@q
@script:python@ p << bound2.p; q << bound2.q; E << bound2.E; F << bound2.F; @@
show("bound", E + " > " + F, p, q)

@bound3@ expression E, F; position p, q; @@
E@p < F@q
@script:python@ p << bound3.p; q << bound3.q; E << bound3.E; F << bound3.F; @@
show("bound", E + " <= " + F, p, q)

// Of a flag the next one. What looks like a constant to coccinelle may be a macro with arguments.
@number@ constant C !~ "^(-|sizeof|READ_ONCE|BUILD_BUG_ON|WARN_ON)"; position p; @@
C@p
@script:python@ p << number.p; C << number.C; @@
if C.isdigit():
    show("next", str(int(C) + 1), p)
elif re.match("KVM_.*VMWARE_|EMULTYPE_|.*_(MASK|VALID|SVME|SINGLESTEP)$", C):
    show("next", "(%s << 1)" % C, p)
else:
    show("next", "(%s + 1)" % C, p)

@register1@ identifier f =~ "^kvm_[er][abcd]x_"; position p; @@
f@p(...)
@script:python@ p << register1.p; f << register1.f; @@
show("next", neighbour(f), p)

@register2@ expression E; identifier f =~ "^r[abcd]x$"; position p; @@
E.f@p
@script:python@ p << register2.p; f << register2.f; @@
show("next", neighbour(f), p)
