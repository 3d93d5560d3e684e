"""Against Google's engine: the same texts parse, and values agree wherever the servers follow the specification."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

import pytest
from cel_expr_python import cel
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from inngest_testkit.errors import ExpressionEvaluationError, ExpressionSyntaxError
from inngest_testkit.expressions import DAG, compile_expression
from inngest_testkit.expressions.parser import parse
from inngest_testkit.expressions.patterns import PatternError, compile_pattern

ENVIRONMENT = cel.NewEnv(variables={"x": cel.Type.DYN})
LIMITS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def oracle_parses(text: str) -> bool:
    try:
        ENVIRONMENT.compile(text, disable_check=True)
    except RuntimeError:
        return False
    return True


def oracle_value(text: str) -> object:
    """The value, or None inside a tuple for an error."""
    try:
        value = ENVIRONMENT.compile(text, disable_check=True).eval(data={"x": None})
    except RuntimeError:
        return (None,)
    return (None,) if value.type() == cel.Type.ERROR else plain(value.value())


def plain(value: object) -> object:
    if isinstance(value, cel.Value):
        value = value.value()
    if isinstance(value, bytearray):
        return bytes(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    return {plain(k): plain(v) for k, v in value.items()} if isinstance(value, dict) else value


def same(left: object, right: object) -> bool:
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return left == right or (isinstance(left, float) and math.isnan(left) and math.isnan(right))


# Which texts are expressions.

_PLAIN_TOKENS = """
x y . , : ? ( ) [ ] { } + - * / % ! && || == != < <= > >= in true false null 0 1 2u 0x1F 1.5 .5 1e3
'a' b'x' '''t''' has all exists exists_one map filter size for as type .x x.y x[0] size(x) x.size()
has(x.y) x.map(i,i) x.exists(i,i) [1] {1:2} (x) // = & 1a $ x.for x.in
"""
TOKENS = [*_PLAIN_TOKENS.split(), '"b"', "r'\\d'", "'\\n'", "'\\q'"]

atoms = st.sampled_from(["x", "1", "2u", "1.5", "'a'", "true", "null", "b'b'", "[1, 'a']", "{'k': 1}", "x.y.z", "x[1]"])


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(["+", "-", "*", "/", "%", "&&", "||", "==", "!=", "<", "<=", ">", ">=", "in"])
    return st.one_of(
        st.tuples(inner, operators, inner).map(" ".join),
        st.tuples(inner, inner, inner).map(lambda t: f"{t[0]} ? {t[1]} : {t[2]}"),
        inner.map(lambda t: f"({t})"),
        inner.map(lambda t: f"!{t}"),
        inner.map(lambda t: f"-{t}"),
        inner.map(lambda t: f"[{t}, {t},]"),
        inner.map(lambda t: f"{{{t}: {t}}}"),
        st.tuples(inner, st.sampled_from(["size()", "y", "exists(i, i == x)", "map(i, true, i)", "f(1, x)"])).map(
            ".".join
        ),
        inner.map(lambda t: f"has(x.{t})"),
        inner.map(lambda t: f"f({t}, {t})"),
        inner.map(lambda t: f"x[{t}]"),
    )


grammar = st.recursive(atoms, grown, max_leaves=8)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A text of the grammar with one place deleted, replaced or filled with a token."""
    text = draw(grammar)
    start = draw(st.integers(0, len(text)))
    end = min(len(text), start + draw(st.integers(0, 2)))
    return text[:start] + draw(st.sampled_from(["", *TOKENS])) + text[end:]


@given(st.one_of(grammar, mutated(), st.lists(st.sampled_from(TOKENS), max_size=6).map(" ".join)))
@LIMITS
@example("!-x")
@example("!-1")
@example("x.all(x.y, true)")
@example("has(x['y'])")
@example("[,] + {,}")
@example("a in b in c")
@example("x ? x ? 1 : 2 : 3")
@example("x ? 1 : 2 ? 3 : 4")
@example("1.e3")
@example("0X1")
@example("-9223372036854775808")
@example("9223372036854775808")
@example("rb'x'")
def test_the_same_texts_parse(text):
    try:
        parse(text)
        refusal = ""
    except ExpressionSyntaxError as error:
        refusal = error.reason
    assume("messages cannot be made" not in refusal)  # refused on purpose
    assert bool(refusal) != oracle_parses(text), refusal


# What they give.

numbers = st.integers(-(2**63), 2**63 - 1) | st.integers(-9, 9)
texts = st.text("ab'\\\né日😀", max_size=4)


def quoted(value: str) -> str:
    escapes = {"\\": "\\\\", "'": "\\'", "\n": "\\n"}
    return "'" + "".join(escapes.get(character, character) for character in value) + "'"


ints = st.deferred(
    lambda: st.one_of(
        numbers.map(str),
        st.tuples(ints, st.sampled_from("+-*/%"), ints).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        strings.map(lambda t: f"size({t})"),
        lists.map(lambda t: f"{t}.size()"),
        st.tuples(lists, ints).map(lambda t: f"{t[0]}[{t[1]} % 3]"),
        doubles.map(lambda t: f"int({t})"),
        ints.map(lambda t: f"int(string({t}))"),
        st.tuples(bools, ints, ints).map(lambda t: f"({t[0]} ? {t[1]} : {t[2]})"),
    )
)
doubles = st.deferred(
    lambda: st.one_of(
        st.floats(-1e6, 1e6).map(repr),
        st.tuples(doubles, st.sampled_from("+-*"), doubles).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        numbers.map(lambda n: f"double({n})"),
    )
)
strings = st.deferred(
    lambda: st.one_of(
        texts.map(quoted),
        st.tuples(strings, strings).map(lambda t: f"({t[0]} + {t[1]})"),
        ints.map(lambda t: f"string({t})"),
        bools.map(lambda t: f"string({t})"),
    )
)
bools = st.deferred(
    lambda: st.one_of(
        st.sampled_from(["true", "false"]),
        st.tuples(st.sampled_from([ints, doubles, strings]).flatmap(lambda s: st.tuples(s, s)), comparisons).map(
            lambda t: f"({t[0][0]} {t[1]} {t[0][1]})"
        ),
        st.tuples(lists, lists).map(lambda t: f"({t[0]} == {t[1]})"),
        st.tuples(ints, lists).map(lambda t: f"({t[0]} in {t[1]})"),
        st.tuples(bools, st.sampled_from(["&&", "||"]), bools).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        bools.map(lambda t: f"!{t}"),
        st.tuples(strings, st.sampled_from(["startsWith", "endsWith", "contains"]), strings).map(
            lambda t: f"{t[0]}.{t[1]}({t[2]})"
        ),
        st.tuples(lists, st.sampled_from(["all", "exists", "exists_one"]), ints).map(
            lambda t: f"{t[0]}.{t[1]}(i, i > {t[2]})"
        ),
        st.tuples(maps, strings).map(lambda t: f"({t[1]} in {t[0]})"),
        maps.map(lambda t: f"has({t}.a)"),
    )
)
comparisons = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
lists = st.deferred(
    lambda: st.one_of(
        st.lists(ints, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.tuples(lists, lists).map(lambda t: f"({t[0]} + {t[1]})"),
        st.tuples(lists, ints).map(lambda t: f"{t[0]}.map(i, i - {t[1]})"),
        st.tuples(lists, ints).map(lambda t: f"{t[0]}.filter(i, i < {t[1]})"),
        st.tuples(lists, ints).map(lambda t: f"{t[0]}.map(i, i != {t[1]}, i * 2)"),
    )
)
maps = st.lists(texts, unique=True, max_size=3).map(
    lambda keys: "{" + ", ".join(f"{quoted(key)}: {number}" for number, key in enumerate(keys)) + "}"
)


@given(st.one_of(ints, doubles, strings, bools, lists, maps))
@LIMITS
@example("7 / -2")
@example("1.0 / 3.0 + 1.0 / 0.0")
@example("-7 % 3")
@example("string(1234567.0) + string(1e-5) + string(0.0001) + string(-0.0)")
@example("[1, 2u, 3.0].exists_one(i, i == 2)")
@example("{'a': 1, 'b': [2]} == {'b': [2.0], 'a': 1u}")
@example("[1, 2][1.0] + [1, 2][1u]")
@example("timestamp('2024-02-29T12:00:00.5-08:00').getDayOfYear('Europe/Paris')")
@example("duration('-90m').getHours() + duration('1h').getMinutes()")
@example("timestamp('2024-01-01T00:00:00Z') - timestamp('2023-01-01T00:00:00Z')")
@example("'😀é'.size() + bytes('😀é').size()")
@example("1 / 0 == 1 || true")
@example("[1, 0].exists(i, 1 / i == 1)")
@example("[0, 1].all(i, 1 / i == 2)")
@example("2.0 in [1, 2] && 1 in {1: 2} && !('1' in {1: 2})")
@example("type(1u) == uint && type([]) == list && type(null) == null_type")
def test_the_same_values(text):
    expected = oracle_value(text)
    assume(expected != (None,))  # the servers have rules of their own for errors
    got = compile_expression(text, DAG).evaluate({}, lambda: datetime(2026, 1, 1, tzinfo=UTC))
    assert same(got, expected), (got, expected)


@pytest.mark.parametrize(
    "text",
    [
        "9223372036854775807 + 1", "-9223372036854775808 - 1", "-9223372036854775808 / -1", "1 / 0", "1 % 0", "1u - 2u",
        "'a' < 1", "[1] < [2]", "null < null", "1 + 1.0", "'a' + 1", "!1", "-'a'", "[1][1]", "[1][-1]", "[1][0.5]",
        "{'a': 1}.b", "{'a': 1}['b']", "{'a': 1, 'a': 2}", "{1.5: 1}", "int('x')", "int('')", "int(1e19)", "uint(-1)",
        "double('1_0')", "bool('yes')", "string(b'\\xff')", "timestamp('2020-02-30T00:00:00Z')", "duration('1d')",
        "duration('5')", "'a'.matches('[')", "1.exists(i, true)", "1 ? 2 : 3", "1 in 'a'", "'a'.b", "has(1.b)",
        "[1, 2].map(i, i / 0)", "[1].filter(i, 'a')", "string(null)", "size(1)", "[1 / 0]", "{'a': 1 / 0}",
        "9223372036854775807 * 2", "int(18446744073709551615u)",
    ],
)  # fmt: skip
def test_the_same_errors(text):
    assert oracle_value(text) == (None,)
    with pytest.raises(ExpressionEvaluationError):
        compile_expression(text, DAG).evaluate({}, lambda: datetime(2026, 1, 1, tzinfo=UTC))


# Regular expressions: the engine runs RE2 itself.

_PIECES = r"""
a b 1 . ^ $ \d \w \s \D \b \B \A \z \n \. \\ \x41 \x{e9} \Qa.b\E \101 [a-c] [^a] []a] [a\d_-] [[:alpha:]] [a-] [\]]
(?i) (?m) (?s) (?-i) (?i:A) (?:a|b) (a) (?P<n>a) | * + ? *? {2} {1,} {,2} {0,2}? é { }
"""
pieces = st.sampled_from(_PIECES.split())
subjects = st.text("aAbB1 \né_.-]{},", max_size=6)


@given(st.lists(pieces, max_size=6).map("".join), st.lists(subjects, min_size=1, max_size=4))
@LIMITS
@example(r"a$", ["a\n"])
@example(r"a(?i)b|c", ["aB", "C", "Ab"])
@example(r"(?m)^b$", ["a\nb\nc"])
@example(r"[[:alpha:][:digit:]]+$", ["é", "a1"])
@example(r"[[a&&b||c--d~~]", ["[", "&", "~", "-", "z"])
@example(r"\s", ["\v", "\u00a0", " "])
@example(r"(a", ["a"])
@example(r"a**", ["a"])
@example(r"a++", ["a"])
@example(r"a{1001}", ["a"])
def test_the_same_matches(pattern, values):
    assume(not re.search(r"\(\?-?[ims]\)[*+?{]", pattern))  # repeats what is before the flags, which nobody means
    assume(pattern.count("(?P<n>") < 2)  # Go refuses a name used twice, the C++ engine does not
    for value in values:
        text = f"{quoted(value)}.matches({quoted(pattern)})"
        expected = oracle_value(text)
        try:
            got: object = compile_pattern(pattern).search(value) is not None
        except PatternError:
            got = (None,)
        assert got == expected
