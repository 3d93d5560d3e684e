"""Values as JSON."""

from __future__ import annotations

import enum
import json
import math
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from inngest_testkit.errors import NotJsonError
from inngest_testkit.events import Event
from inngest_testkit.values import DEEPEST, NULL, Json, decode, encode
from tests.numbers_kept import kept

EXAMPLES = settings(deadline=None, max_examples=150, derandomize=True, database=None)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


def same(one, two):
    """Whether two values are equal, and of equal types throughout (1 is not 1.0, and 0.0 is not -0.0)."""
    return repr(one) == repr(two)


@EXAMPLES
@given(VALUES)
def test_json_values_survive(value):
    """What JSON can hold comes back as it was, with its types and the order of its keys; 1.0 is 1."""
    encoded = encode(value)
    assert same(encoded.value, kept(value))
    assert same(decode(encoded.raw), kept(value))
    assert same(json.loads(encoded.raw), kept(value))


@EXAMPLES
@given(VALUES)
def test_exact_numbers_survive(value):
    assert same(encode(value, exact=True).value, value)


@EXAMPLES
@given(VALUES)
def test_encoding_is_stable(value):
    """Encoding what was decoded gives the same bytes, so equal values compare equal."""
    encoded = encode(value)
    assert encode(encoded.value) == encoded
    assert hash(encode(encoded.value)) == hash(encoded)


@EXAMPLES
@given(
    st.integers(-(10**21) + 10**5, 10**21 - 10**5)
    | st.integers(2**53 - 2, 2**53 + 40)
    | st.integers(-(2**53) - 40, 2 - 2**53)
)
def test_integers_are_what_a_double_keeps(number):
    """Integers to 2**53 are exact; beyond, they are the shortest digits of the servers' 64-bit float."""
    found = encode({"n": [number]}).value
    expected = number if abs(number) <= 2**53 else int(Decimal(repr(float(number))))
    assert found == {"n": [expected]}
    assert float(found["n"][0]) == float(number)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0, b"1"),
        (-5.0, b"-5"),
        (0.0, b"0"),
        (2.5, b"2.5"),
        (1e16, b"10000000000000000"),
        (9007199254740993.0, b"9007199254740992"),
        (123456789012345680.0, b"123456789012345680"),
        (1e20, b"100000000000000000000"),
        (1e21, b"1e+21"),
        (10**21, b"1e+21"),
        (-(10**30), b"-1e+30"),
        (1e-7, b"1e-07"),
    ],
)
def test_numbers_are_as_the_servers_write_them(number, text):
    """Go writes 64-bit floats without a fraction as whole numbers, and from 10**21 on with an exponent."""
    assert encode(number).raw == text
    assert encode({"n": [number, "a"], "m": number}).raw == b'{"n":[%b,"a"],"m":%b}' % (text, text)
    assert encode(encode(number).value).raw == text


def test_numbers_may_stay_exact():
    assert encode({"n": [1.0, -0.0, 2**53 + 1]}, exact=True).raw == b'{"n":[1.0,-0.0,9007199254740993]}'


def test_texts_that_look_like_numbers_are_left_alone():
    value = {"1.0": "1.0", "v": "v1.0,", "e": '1e+5"2.0]', "w": "\\", "n": 3.0}
    assert same(encode(value).value, {**value, "n": 3})


@pytest.mark.parametrize("levels", [300, 5000])
def test_numbers_deep_inside_are_no_reason_to_refuse(levels):
    """What nobody can read again is left as it is, where the caller takes such values."""
    deep: list = [2.0]
    for _ in range(levels - 1):
        deep = [deep]
    try:
        text = json.dumps(deep)
    except RecursionError:
        return
    assert encode(deep, deepest=10_000).raw in {text.encode(), text.replace("2.0", "2").encode()}


def test_long_digits_in_text_are_left_alone():
    """Only numbers are rounded, not texts that look like one, nor keys."""
    value = {"9007199254740993": "9007199254740993", "n": 9007199254740993, "f": 0.1234567890123456}
    assert encode(value).value == {**value, "n": 9007199254740992}


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclass
class Point:
    x: int
    tags: tuple = ()


class Order(BaseModel):
    id: int
    at: datetime


MOMENT = datetime(2024, 1, 31, 9, 0, 0, 5000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, (2, 3)), [1, [2, 3]]),
        ([], []),
        ({}, {}),
        (MOMENT, "2024-01-31T09:00:00.005000Z"),
        (date(2024, 1, 31), "2024-01-31"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Decimal("1.50"), "1.50"),
        (Path("a"), "a"),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (Point(1, (MOMENT,)), {"x": 1, "tags": ["2024-01-31T09:00:00.005000Z"]}),
        (Order(id=1, at=MOMENT), {"id": 1, "at": "2024-01-31T09:00:00.005000Z"}),
        (MappingProxyType({"a": (1,)}), {"a": [1]}),
        (OrderedDict(z=1, a=2), {"z": 1, "a": 2}),
        ({1: "a", 2.5: "b", None: "d"}, {"1": "a", "2.5": "b", "null": "d"}),
        ({True: 1, False: 0}, {"true": 1, "false": 0}),
        ({"deep": [{"at": MOMENT}]}, {"deep": [{"at": "2024-01-31T09:00:00.005000Z"}]}),
        ("é\u2028\x00 \U0001f600", "é\u2028\x00 \U0001f600"),
        (-0.0, 0),
        (True, True),
    ],
)
def test_what_a_later_step_sees(value, expected):
    """Python's own kinds become JSON's: a tuple a list, a moment text, an object its fields."""
    found = encode(value).value
    assert same(found, expected)


class Opaque:
    pass


LOOP: list = [1]
LOOP.append({"again": LOOP})


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        ({1, 2}, "value", "a set has no order: return a sorted list"),
        ({"a": [0, frozenset()]}, "value['a'][1]", "a set has no order: return a sorted list"),
        (math.nan, "value", "JSON has no nan; return None or text instead"),
        ({"a": {"b": (1, math.inf)}}, "value['a']['b'][1]", "JSON has no inf; return None or text instead"),
        ([-math.inf], "value[0]", "JSON has no -inf; return None or text instead"),
        ({"o": Opaque()}, "value['o']", f"{__name__}.Opaque is not a JSON value; return plain data"),
        ({("a", 1): 1}, "value", "its key ('a', 1) must be text, found tuple"),
        ([{"in": {b"k": 1}}], "value[0]['in']", "its key b'k' must be text, found bytes"),
        (LOOP, "value[1]['again']", "it contains itself"),
        (Point(1, ({1},)), "value['tags'][0]", "a set has no order: return a sorted list"),
    ],
)
def test_the_culprit_is_named(value, path, reason):
    """What JSON cannot hold is refused with its path in the value and the reason."""
    with pytest.raises(NotJsonError) as caught:
        encode(value)
    assert (caught.value.path, caught.value.reason) == (path, reason)
    assert str(caught.value) == f"{path} cannot be stored as JSON: {reason}"
    assert isinstance(caught.value, TypeError)


def test_the_root_has_a_name():
    """The path starts at the name that the caller gives."""
    with pytest.raises(NotJsonError, match=r"^step 'a': output\['x'\] cannot be stored"):
        encode({"x": {1}}, root="step 'a': output")


@pytest.mark.parametrize("levels", [DEEPEST + 1, 1000, 5000])
def test_deep_nesting_is_refused(levels):
    """A value nested deeper than every reader can follow is refused, and does not end the process."""
    deep: list = []
    for _ in range(levels - 1):
        deep = [deep]
    with pytest.raises(NotJsonError, match="it is nested too deeply"):
        encode(deep)


def test_the_deepest_value_can_be_read_again():
    """What is taken at all comes back."""
    deep: list = []
    for _ in range(DEEPEST - 1):
        deep = [deep]
    assert encode(deep).value == deep
    assert Event(name="e", data={"deep": deep[0]}).received(id="i", ts=0).to_json().value["data"]["deep"] == deep[0]


def test_many_brackets_are_not_many_levels():
    """A long list of small objects is not deep."""
    assert len(encode([{"a": []}] * 1000).value) == 1000


@EXAMPLES
@given(VALUES, st.lists(st.sampled_from(["list", "tuple", "dict"]), max_size=5))
def test_a_set_is_found_wherever_it_is(value, wrapping):
    """However deep the culprit lies, its path leads to it."""
    broken, path = {1}, ""
    for kind in wrapping:
        broken = {"k": broken, "v": value} if kind == "dict" else [value, broken] if kind == "list" else (value, broken)
        path = ("['k']" if kind == "dict" else "[1]") + path
    with pytest.raises(NotJsonError) as caught:
        encode(broken)
    assert caught.value.path == f"value{path}"


@pytest.mark.parametrize("value", ["\ud800", {"k": ["a\udfff"]}, {"\ud800": 1}])
def test_lone_surrogates_are_refused(value):
    """Half a character is no text that UTF-8 can hold."""
    with pytest.raises(NotJsonError):
        encode(value)


def test_values_decode_anew():
    """What one reader does to a value no other reader sees."""
    encoded = encode({"a": [1]})
    encoded.value["a"].append(2)
    assert encoded.value == {"a": [1]}


def test_json_compares_by_its_bytes():
    """Equal when the bytes are, whatever else it is compared with."""
    assert encode({"a": 1}) == Json(b'{"a":1}')
    assert encode({"a": 1}) != encode({"a": 1.5})
    assert encode(None) == NULL
    assert NULL != b"null"
    assert len({encode([1]), encode([1]), NULL}) == 2


def test_json_is_shown_shortened():
    """The representation shows the text, cut to one line."""
    assert repr(encode({"é": 1})) == 'Json({"é":1})'
    shown = repr(encode("x" * 100))
    assert len(shown) == 66
    assert shown.endswith("…)")


@pytest.mark.parametrize(
    ("value", "path"),
    [("\ud800", "value"), ({"k": ["a\udfff"]}, "value['k'][0]"), ({"a": [10**5000]}, "value['a'][0]")],
)
def test_culprits_among_texts_and_numbers(value, path):
    """Texts and numbers that JSON cannot hold are named like other culprits, with a reason of their own."""
    with pytest.raises(NotJsonError) as caught:
        encode(value)
    assert caught.value.path == path
    assert caught.value.reason not in {"it contains itself", "it is nested too deeply"}
