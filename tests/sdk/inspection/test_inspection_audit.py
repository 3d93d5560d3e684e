"""What the trip through JSON changes in a value."""

from __future__ import annotations

import enum
import json
import math
import sys
import timeit
from collections import Counter, OrderedDict, defaultdict
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inngest_testkit.runs.entries import TypeChange
from inngest_testkit.sdk.inspection import type_changes


class Point(NamedTuple):
    x: Any
    y: Any


class Colour(enum.StrEnum):
    RED = "red"


class Size(enum.IntEnum):
    BIG = 3


class Text(str):
    def __str__(self):
        return "something else"


class Number(float):
    pass


@pytest.mark.parametrize(
    ("value", "changes"),
    [
        ((1, 2), [("output", "tuple", "list")]),
        ({"when": (1, (2,))}, [("output['when']", "tuple", "list"), ("output['when'][1]", "tuple", "list")]),
        ({1: "a"}, [("output[1]", "int key", "str key")]),
        ({None: (1,)}, [("output[None]", "NoneType key", "str key"), ("output[None]", "tuple", "list")]),
        ({True: 1, 1.5: 2}, [("output[True]", "bool key", "str key"), ("output[1.5]", "float key", "str key")]),
        (
            {1: "a", "1": "b"},
            [("output[1]", "int key", "str key"), ("output['1']", "2 items", "1 item")],
        ),
        ({Colour.RED: 1}, [("output['red']", "Colour key", "str key")]),
        (Colour.RED, [("output", "Colour", "str")]),
        ([Size.BIG], [("output[0]", "Size", "int")]),
        (Text("a"), [("output", "Text", "str")]),
        (Number(1.5), [("output", "Number", "float")]),
        (OrderedDict(a=1), [("output", "OrderedDict", "dict")]),
        (defaultdict(list, a=[1]), [("output", "defaultdict", "dict")]),
        (Counter("a"), [("output", "Counter", "dict")]),
        (Point(1, 2), [("output", "Point", "list")]),
        (-0.0, [("output", "-0.0", "0")]),
        (2**53 + 1, [("output", "9007199254740993", "9007199254740992")]),
        (-(2**53) - 1, [("output", "-9007199254740993", "-9007199254740992")]),
        (10**21, [("output", "1000000000000000000000", "1e+21")]),
        (10**400, [("output", "int of 1329 bits", "a number too large for the server")]),
    ],
)
def test_changes(value, changes):
    """Each change has the path into what the step returned."""
    assert [(c.path, c.before, c.after) for c in type_changes(value)] == changes


@pytest.mark.parametrize("value", [None, True, 1, 2**53, 2**60, 0.0, 1.5, "a", math.inf, [], {}, {"a": [{"b": None}]}])
def test_plain_values_do_not_change(value):
    """What JSON has comes back as it is."""
    assert type_changes(value) == ()


def test_a_change_can_be_read():
    """As a sentence."""
    assert str(TypeChange("output[0]", "tuple", "list")) == "output[0]: tuple becomes list"
    assert type_changes((), root="result")[0].path == "result"


def test_depth_does_not_matter():
    """What json.dumps can follow can be followed here."""
    value = (1,)
    for _ in range(sys.getrecursionlimit() * 2):
        value = [value]
    assert [change.after for change in type_changes(value)] == ["list"]


def test_plain_values_cost_little():
    """A dict of ten plain items takes a few microseconds, less than its encoding."""
    value = {f"k{i}": item for i, item in enumerate(["a", 1, 2.5, True, None, "b", 3, "c", 4.5, "d"])}
    audit = min(timeit.repeat(lambda: type_changes(value), number=2000, repeat=5))
    encoding = min(timeit.repeat(lambda: json.dumps(value), number=2000, repeat=5))
    assert audit < encoding


_TEXT = st.text(max_size=3)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | _TEXT
    | st.sampled_from([Colour.RED, Size.BIG, 2**53 + 1, -0.0, Text("t"), Number(2.5)])
)
_KEYS = st.one_of(_TEXT, st.integers(), st.booleans(), st.none(), st.sampled_from([Colour.RED, Size.BIG]))


def _containers(inner):
    dicts = st.dictionaries(_KEYS, inner, max_size=4)
    lists = st.lists(inner, max_size=4)
    return st.one_of(lists, lists.map(tuple), dicts, dicts.map(OrderedDict), st.builds(Point, inner, inner))


@settings(deadline=None, max_examples=400)
@given(st.recursive(_SCALARS, _containers, max_leaves=12))
def test_changes_are_those_of_json(value):
    """A value without changes comes back the same in type and value; with changes, it does not."""
    back = json.loads(json.dumps(value), parse_int=_as_double)
    assert (type_changes(value) == ()) == _is_same(value, back)


def _as_double(text):
    number = float(text)
    return int(number) if abs(number) < 1e21 else number


def _is_same(value, back):
    if type(value) is not type(back):
        return False
    if isinstance(value, dict):
        return (
            list(value) == list(back)
            and all(type(key) is str for key in value)
            and all(_is_same(value[key], back[key]) for key in value)
        )
    if isinstance(value, list):
        return len(value) == len(back) and all(map(_is_same, value, back))
    if isinstance(value, float) and value == 0:
        return math.copysign(1, value) > 0  # a server writes -0.0 as 0
    return value == back
