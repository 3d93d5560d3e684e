"""Laws that hold for any data."""

from __future__ import annotations

import contextlib
import json
import math
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import inngest_testkit.expressions as package
from inngest_testkit.errors import ExpressionError, ExpressionEvaluationError, ExpressionSyntaxError
from inngest_testkit.expressions import DAG, MISSING, SDK, Equality, Literal, compile_expression, equality_key, lookup
from inngest_testkit.expressions.lexer import tokenize

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
LIMITS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
DIALECTS = st.sampled_from([DAG, SDK])

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-2, 2),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["", "a", "5", "2022-07-01", "1h", "(", "[", "{}", "UTC", "x" * 200, "\ud800"]),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd") | st.text(max_size=2), inner, max_size=3)
    ),
    max_leaves=6,
)
paths = st.sampled_from(["event", "event.a", "event.b", "event.a.b", "event.c[0]", "event['d']", "event[event.a]"])


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(["+", "-", "*", "/", "%", "&&", "||", "==", "!=", "<", "<=", ">", ">=", "in"])
    unary = st.sampled_from(
        sorted({*DAG.functions, "!", "-"} - {"contains", "startsWith", "endsWith", "matches", "now"})
    )
    macros = st.sampled_from(["all", "exists", "exists_one", "map", "filter"])
    return st.one_of(
        st.tuples(inner, operators, inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} ? {t[1]} : {t[2]})"),
        st.tuples(unary.filter(lambda name: not name.startswith("get")), inner).map(lambda t: f"({t[0]}({t[1]}))"),
        st.tuples(inner, unary.filter(lambda name: name.startswith("get")), inner).map(
            lambda t: f"{t[0]}.{t[1]}({t[2]})"
        ),
        st.tuples(inner, st.sampled_from(["contains", "startsWith", "endsWith", "matches"]), inner).map(
            lambda t: f"{t[0]}.{t[1]}({t[2]})"
        ),
        st.tuples(inner, macros, inner).map(lambda t: f"{t[0]}.{t[1]}(i, {t[2]} == i || i)"),
        st.tuples(inner, inner).map(lambda t: f"{t[0]}[{t[1]}]"),
        inner.map(lambda t: f"{t}.a"),
        st.tuples(inner, inner).map(lambda t: f"[{t[0]}, {t[1]}]"),
        st.tuples(inner, inner).map(lambda t: f"{{{t[0]}: {t[1]}}}"),
        inner.map(lambda t: f"has({t}.a)"),
    )


atoms = paths | st.sampled_from(
    ["1", "0", "2u", "1.5", "'a'", "''", "true", "null", "b'a'", "now()", "duration('1h')", "int"]
)
expressions = st.recursive(atoms, grown, max_leaves=8)


@given(expressions, values, DIALECTS)
@LIMITS
def test_evaluation_raises_nothing_else(text, event, dialect):
    """Whatever the data: a value, MISSING or ExpressionEvaluationError, the same each time; `test` agrees."""
    expression = compile_expression(text, dialect)
    outcomes = []
    for variables in ({"event": event}, {"event": event}, {}):
        try:
            outcomes.append(repr(expression.evaluate(variables, lambda: NOW)))
        except ExpressionEvaluationError as error:
            outcomes.append(error.reason)
    assert outcomes[0] == outcomes[1]
    try:
        tested = repr(expression.test({"event": event}, lambda: NOW))
    except ExpressionEvaluationError as error:
        tested = error.reason
    assert tested == outcomes[0].replace("MISSING", "False") or tested.startswith("returned type")


@given(st.text(max_size=30) | st.text("event.data'\"\\=&|?:()[]{} 0123xu", max_size=30), DIALECTS)
@LIMITS
def test_compiling_raises_nothing_else(text, dialect):
    """Whatever the text: an expression, or an error whose place lies in the text and whose caret is shown."""
    refusal = None
    try:
        compile_expression(text, dialect)
    except ExpressionSyntaxError as error:
        refusal = error
    if refusal is not None:
        assert 0 <= refusal.offset <= len(text)
        assert refusal.reason
        assert str(refusal).endswith("^")


@given(expressions)
@LIMITS
def test_tokens_stand_where_they_say(text):
    for token in tokenize(text):
        assert text.startswith(token.text, token.offset)


@given(values, values, DIALECTS)
@LIMITS
def test_keys_are_equal_where_values_are(left, right, dialect):
    """Two values with keys are equal under `==` exactly where the keys are; one without a key is never indexed."""
    expression = compile_expression("event.a == event.b", dialect)
    for a, b in ((left, right), (left, left), (left, json.loads(json.dumps(left)))):
        keys = equality_key(a), equality_key(b)
        if None not in keys:
            assert expression.test({"event": {"a": a, "b": b}}, lambda: NOW) == (keys[0] == keys[1])


@given(
    st.sampled_from([0, 0.0, -0.0, 1, 1.0, True, False, "1", "", "true", 2**53, 2**53 + 1, 1e308, 10**400, math.inf]),
    st.data(),
)
@LIMITS
def test_keys_of_lookalikes(left, data):
    right = data.draw(st.sampled_from([0, -0.0, 1, 1.0, True, False, "1", "", "true", 2.0**53, 2**53 + 1, math.inf]))
    equal = compile_expression("event.a == event.b").test({"event": {"a": left, "b": right}}, lambda: NOW)
    assert equal == (equality_key(left) == equality_key(right))


def test_what_has_no_key():
    for value in (None, MISSING, [], [1], {}, {"a": 1}, math.nan, object()):
        assert equality_key(value) is None


@given(values, st.lists(st.sampled_from("abcd"), min_size=1, max_size=3))
@LIMITS
def test_lookup_is_what_a_path_reads(event, keys):
    text = "event" + "".join(f".{key}" for key in keys)
    read = compile_expression(text).evaluate({"event": event}, lambda: NOW)
    found = lookup(("event", *keys), {"event": event})
    assert type(found) is type(read)
    assert repr(found) == repr(read)


@pytest.mark.parametrize(
    ("text", "references"),
    [
        ("event.data.x == steps['a'].body", {("event", "data", "x"), ("steps", "a", "body")}),
        ("has(event.data.x)", {("event", "data", "x")}),
        ("event.data.l[0].x", {("event", "data", "l")}),
        ("event.data[event.key]", {("event", "data"), ("event", "key")}),
        ("event.l.exists(i, i.x == user.id && event.l == [])", {("event", "l"), ("user", "id")}),
        ("event.l.exists(user, user.id == 1)", {("event", "l")}),
        ("1 == 1", set()),
        ("size(event) + response.body.size()", {("event",), ("response", "body")}),
    ],
)
def test_references(text, references):
    assert compile_expression(text).references == tuple(sorted(references))


def pair(key: str, value: str | float | bool | None) -> Equality:
    return Equality(("event", key), Literal(value))


@pytest.mark.parametrize(
    ("text", "equalities"),
    [
        ("async.data.id == event.data.id", [Equality(("async", "data", "id"), ("event", "data", "id"))]),
        ("'x' == event.a && event['b'] == 2", [pair("a", "x"), pair("b", 2.0)]),
        ("(event.a == true && event.b == null) && event.c==-1", [pair("a", True), pair("b", None), pair("c", -1.0)]),
        ("event.a == 1 || event.b == 2", []),
        ("!(event.a == 1)", []),
        ("event.a != 1 && event.b > 1 && 1 == 1", []),
        ("event.a == size(event.b) && event == steps && event.l[0] == 1 && event.a == b'x'", []),
        ("event.a == 9007199254740993", [pair("a", 9007199254740992.0)]),
    ],
)  # fmt: skip
def test_equalities(text, equalities):
    assert list(compile_expression(text).equalities) == equalities


@given(
    st.lists(st.tuples(st.sampled_from("abc"), scalars.filter(lambda s: s != "\ud800")), max_size=3), values, DIALECTS
)
@LIMITS
def test_an_expression_is_true_only_where_its_equalities_hold(pairs, event, dialect):
    """The index may rely on it: where one of the equalities fails, the whole is not true."""
    literals = [(key, value) for key, value in pairs if isinstance(value, bool | str) and "\\" not in repr(value)]
    text = " && ".join(
        [f"event.{key} == {json.dumps(value, ensure_ascii=False)}" for key, value in literals]
        + ["(event.d == event.a || true)"]
    )
    expression = compile_expression(text, dialect)
    assert len(expression.equalities) == len(literals)
    held = all(
        equality_key(lookup(equality.left, {"event": event})) == equality_key(equality.right.value)
        for equality in expression.equalities
        if isinstance(equality.right, Literal)
    )
    assert expression.test({"event": event}, lambda: NOW) == held


@pytest.mark.parametrize("dialect", [DAG, SDK])
def test_deep_data_is_an_error_at_worst(dialect):
    deep: object = 1
    for _ in range(50_000):
        deep = [deep]
    for text in ("event.a == event.b", "event.a in [event.b]", "'x' + event.a == 'y'", "event.a"):
        expression = compile_expression(text, dialect)
        for call in (expression.evaluate, expression.test):
            with contextlib.suppress(ExpressionEvaluationError):
                call({"event": {"a": deep, "b": [deep[0]]}}, lambda: NOW)  # type: ignore[index]


def test_the_exported_names():
    assert len(package.__all__) == len(set(package.__all__))
    assert all(hasattr(package, name) for name in package.__all__)
    assert issubclass(ExpressionSyntaxError, ExpressionError)
