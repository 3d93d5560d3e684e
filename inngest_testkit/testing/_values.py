"""Values that JSON can hold."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from inngest_testkit.testing._extra import st

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from inngest_testkit.values import JsonValue

__all__ = ["json_objects", "json_values", "known_objects"]

#: The largest whole number that a 64-bit float holds exactly.
_EXACT = 2**53

#: What generated conditions compare with, by the field that they read.
KNOWN: dict[str, tuple[JsonValue, ...]] = {"n": (0, 1, 2), "flag": (False, True), "kind": ("a", "b")}


def json_values(*, max_leaves: int = 10) -> SearchStrategy[JsonValue]:
    """Generate any JSON value: whole numbers within ±2**53, finite floats, text, lists and objects.

    `max_leaves` bounds how many scalars a list or an object holds in all.
    """
    return st.recursive(_scalars(), _nested, max_leaves=max_leaves)


def json_objects(*, max_leaves: int = 10) -> SearchStrategy[dict[str, JsonValue]]:
    """Generate JSON objects, such as the data of an event."""
    return st.dictionaries(st.text(max_size=8), json_values(max_leaves=max_leaves), max_size=4)


@cache
def known_objects() -> SearchStrategy[dict[str, JsonValue]]:
    """Generate small objects with the fields that generated conditions read: `n`, `flag` and `kind`."""
    return st.fixed_dictionaries({name: st.sampled_from(values) for name, values in KNOWN.items()})


def _scalars() -> SearchStrategy[JsonValue]:
    return st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-_EXACT, _EXACT),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=20),
    )


def _nested(inner: SearchStrategy[JsonValue]) -> SearchStrategy[JsonValue]:
    return st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4))
