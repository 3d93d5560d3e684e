"""The grammar, its refusals with their carets, and the limits."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from inngest_testkit.errors import ExpressionSyntaxError
from inngest_testkit.expressions import DAG, SDK, compile_expression

REFUSED = [
    ("a = b", 2, "write == to compare"),
    ("event.a === true", 8, "=== is not an operator: write == to compare"),
    ("event.a !== true", 8, "!== is not an operator: write != to compare"),
    ("event.a & true", 8, "write && for 'and'"),
    ("event.a | true", 8, "write || for 'or'"),
    (
        "event.id == abc",
        12,
        "undeclared reference to 'abc': quote it if it is text ('abc'); declared names: 'async', 'event'",
    ),
    ("evnt.id == 1", 0, "did you mean 'event'?"),
    ("now > 1", 0, "call it if you mean the function (now())"),
    ("event.id ==", 11, "a value is missing, found the end"),
    ("event.data.(", 11, "a field's name is missing after '.'"),
    ("", 0, "a value is missing"),
    ("event.x.lowerAscii()", 8, "undeclared reference to 'lowerAscii': there is no such function"),
    ("event.x.startWith('a')", 8, "did you mean 'startsWith'?"),
    ("event.x.uppercase()", 8, "found no matching overload for 'uppercase': write uppercase(a)"),
    ("size(1, 2)", 0, "write size(a) or x.size()"),
    ("Foo{a: 1}", 3, "messages cannot be made: write a map"),
    ("event.x{a: 1}", 7, "messages cannot be made: write a map"),
    ("event.x == 'abc", 11, "this text is not closed"),
    ("'a\nb'", 0, "this text is not closed"),
    (r"'a\q'", 2, "is not an escape sequence"),
    (r"b'\u0041'", 2, "is for text, not for bytes"),
    (r"'\ud800'", 1, "is not a character's code"),
    ("for", 0, "reserved identifier: for"),
    ("1 2", 2, "unexpected '2': an operator is missing"),
    ("9223372036854775808", 0, "does not fit into 64 bits"),
    ("18446744073709551616u", 0, "does not fit into 64 bits"),
    ("1" * 5000, 0, "does not fit into 64 bits"),
    ("event.xs.exists(1, true)", 16, "is the name of its variable"),
    ("event.xs.exists(x)", 9, "write x.exists(i, i > 1)"),
    ("has(event)", 4, "has() takes a field with a dot"),
    ("event.?x", 6, "optional values ('?') are not supported"),
    ("event[?'x']", 6, "optional values ('?') are not supported"),
    ("true ? 1", 8, "':' is missing in 'condition ? yes : no'"),
    ("size(1,)", 7, "an argument is missing"),
    ("$x", 0, "means nothing here"),
    ("!-event.x", 1, "a value is missing, found '-'"),
    ("event.xs.all(i, j > 1)", 16, "undeclared reference to 'j'"),
    ("event.xs.all(i, true) && i", 25, "undeclared reference to 'i'"),
]


@pytest.mark.parametrize(("text", "offset", "reason"), REFUSED, ids=[row[0][:40] for row in REFUSED])
def test_refusals_name_place_and_remedy(text, offset, reason):
    with pytest.raises(ExpressionSyntaxError) as caught:
        compile_expression(text, SDK)
    assert (caught.value.offset, caught.value.text) == (offset, text)
    assert reason in caught.value.reason


def test_the_caret_stands_under_the_place():
    with pytest.raises(ExpressionSyntaxError) as caught:
        compile_expression("event.a == 1 &&\n  event.b = 2")
    assert str(caught.value).splitlines()[1:] == [" |   event.b = 2", " |           ^"]


VALUES = [
    ("1 + 2 * 3 - 4 / 2", 5),
    ("7 % 4 * 2", 6),
    ("-7 / 2", -3),
    ("-7 % 4", -3),
    ("- -1", 1),
    ("---1", -1),
    ("!!true", True),
    ("-9223372036854775808", -(2**63)),
    ("0x1F", 31),
    ("0xffu", 255),
    (".5 + 1e1 + 1.5e-1", 10.65),
    ("1 < 2 == true", True),
    ("true || false && false", True),
    ("false ? 1 : true ? 2 : 3", 2),
    ("[1, 2,]", [1, 2]),
    ("[,]", []),
    ("{'a': 1, 2: 'b',}", {"a": 1, 2: "b"}),
    ("{,}", {}),
    ("'a' + \"b\"", "ab"),
    ("'''a\n'b'\n'''", "a\n'b'\n"),
    ('"""a\r\nb"""', "a\nb"),
    (r"r'\d' + R'\'", r"\d" + "\\"),
    (r"'\x41\u00e9\U0001F600\101\n\\\'\"\`\?'", "Aé\U0001f600A\n\\'\"`?"),
    (r"b'\xff\101\n' + br'\d'", b"\xffA\n\\d"),
    ("b'é'", "é".encode()),
    ("1 // one\n + // two\n 2", 3),
    ("{'for': {'package': 1}}.for.package", 1),
    ("[[1, 2], [3]][0][1]", 2),
    ("{'a': [1]}.a[0]", 1),
    ("type(google.protobuf.Timestamp) == type", True),
    ("[1, 2, 3].map(x, x > 1, x * 2)", [4, 6]),
    ("[1, 2].map(x, [3, 4].map(y, x * y))", [[3, 4], [6, 8]]),
    ("[1].map(x, [2].map(x, x) + [x])", [[2, 1]]),
]


@pytest.mark.parametrize(("text", "value"), VALUES, ids=[row[0][:40] for row in VALUES])
def test_values_of_literals(text, value):
    got = compile_expression(text).evaluate({}, lambda: datetime(2026, 1, 1, tzinfo=UTC))
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize("text", ["(" * 10_000 + "1" + ")" * 10_000, "[" * 10_000, "{1:" * 10_000, "size(" * 10_000])
def test_deep_nesting_is_refused(text):
    with pytest.raises(ExpressionSyntaxError, match="nested too deeply"):
        compile_expression(text)


@pytest.mark.parametrize("text", ["+".join(["1"] * 10_000), "event" + ".a" * 10_000, "event" + "[0]" * 10_000])
def test_long_chains_are_refused(text):
    with pytest.raises(ExpressionSyntaxError, match="in a row"):
        compile_expression(text)


def test_the_limits_still_run():
    now = lambda: datetime(2026, 1, 1, tzinfo=UTC)  # noqa: E731
    assert compile_expression("(" * 40 + "1" + ")" * 40).evaluate({}, now) == 1
    assert compile_expression("+".join(["1"] * 150)).evaluate({}, now) == 150
    assert compile_expression("!" * 10_000 + "true").evaluate({}, now) is True


@pytest.mark.parametrize("dialect", [DAG, SDK])
def test_ten_thousand_terms(dialect):
    expression = compile_expression(" && ".join(["event.a == 1"] * 10_000), dialect)
    assert expression.test({"event": {"a": 1}}, lambda: datetime(2026, 1, 1, tzinfo=UTC)) is True
    assert len(expression.equalities) == 10_000
    assert len(repr(expression)) < 200


def test_variables_narrow_the_declared_names():
    with pytest.raises(ExpressionSyntaxError, match=r"undeclared reference to 'async'.*declared names: 'event'"):
        compile_expression("async.data.x == 1", SDK, variables=("event",))


def test_dialects_have_their_own_names():
    for text in ("json_parse('{}') == null", "b64decode('') == ''"):
        compile_expression(text, SDK)
        with pytest.raises(ExpressionSyntaxError, match="there is no such function"):
            compile_expression(text, DAG)
    compile_expression("steps.a.status == response.status || user.x == actions.y || action.z == async.w", DAG)
    with pytest.raises(ExpressionSyntaxError, match="undeclared reference to 'steps'"):
        compile_expression("steps.a.status == 200", SDK)


def test_compiled_once():
    first = compile_expression("event.data.x == 1", SDK)
    assert compile_expression("event.data.x == 1", SDK) is first
    assert compile_expression("event.data.x == 1", DAG) is not first
    assert compile_expression("event.data.x == 1", SDK, variables=("event",)) is not first
    assert first.text == "event.data.x == 1"
    assert first.dialect is SDK
