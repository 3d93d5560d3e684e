"""What changes in a value on its way through JSON and the server, which a first run does not show.

The SDK encodes with `json.dumps`; the server reads numbers as 64-bit floats (recordings/sdk README, "The call
request"). What `json.dumps` refuses is no change but an error, and never gets here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from math import copysign

from inngest_testkit.runs.entries import TypeChange

__all__ = ["type_changes"]

_EXACT = 2**53
#: From here on, a server writes whole numbers with an exponent, which Python reads as a float.
_EXPONENT = 10**21
_PLAIN = (str, int, float, bool, type(None))


def type_changes(value: object, *, root: str = "output") -> tuple[TypeChange, ...]:
    """Return what the trip through JSON changes in a value that `json.dumps` accepts, in the value's order."""
    return () if _is_plain(value) else tuple(_changes(value, root))


def _is_plain(value: object) -> bool:
    # Runs for every step, so one loop without calls for each item; the list grows while it is walked.
    todo: list[object] = [value]
    for item in todo:
        kind = type(item)
        if kind is str or item is None or kind is bool:
            continue
        if kind is dict:
            for key in item:  # type: ignore[attr-defined]
                if type(key) is not str:
                    return False
            todo += item.values()  # type: ignore[attr-defined]
        elif kind is list:
            todo += item  # type: ignore[arg-type]
        elif kind is int:
            if not -_EXACT <= item <= _EXACT:  # type: ignore[operator]
                return False
        elif kind is not float or (not item and copysign(1.0, item) < 0):  # type: ignore[arg-type]
            return False
    return True


def _changes(value: object, root: str) -> Iterator[TypeChange]:
    todo: list[tuple[str, object]] = [(root, value)]
    while todo:
        path, item = todo.pop()
        inside: list[tuple[str, object]] = []
        if isinstance(item, dict):
            if type(item) is not dict:
                yield TypeChange(path, type(item).__name__, "dict")
            yield from _key_changes(path, item)
            inside = [(_key_path(path, key), part) for key, part in item.items()]
        elif isinstance(item, (list, tuple)):
            if type(item) is not list:
                yield TypeChange(path, type(item).__name__, "list")
            inside = [(f"{path}[{index}]", part) for index, part in enumerate(item)]
        else:
            yield from _scalar_changes(path, item)
        todo += reversed(inside)


def _key_changes(path: str, item: Mapping[object, object]) -> Iterator[TypeChange]:
    texts: dict[str, int] = {}
    for key in item:
        if type(key) is not str:
            yield TypeChange(_key_path(path, key), f"{type(key).__name__} key", "str key")
        text = _key_text(key)
        texts[text] = texts.get(text, 0) + 1
    for text, count in texts.items():
        if count > 1:
            yield TypeChange(f"{path}[{text!r}]", f"{count} items", "1 item")


def _key_path(path: str, key: object) -> str:
    return f"{path}[{_plain(key)!r}]"


def _key_text(key: object) -> str:
    plain = _plain(key)
    return plain if isinstance(plain, str) else json.dumps(plain)


def _scalar_changes(path: str, item: object) -> Iterable[TypeChange]:
    plain = _plain(item)
    own = () if type(item) in _PLAIN else (TypeChange(path, type(item).__name__, type(plain).__name__),)
    if type(plain) is int:
        return chain(own, _int_changes(path, plain))
    if type(plain) is float and not plain and copysign(1.0, plain) < 0:
        return chain(own, (TypeChange(path, "-0.0", "0"),))
    return own


def _int_changes(path: str, number: int) -> Iterable[TypeChange]:
    if -_EXACT <= number <= _EXACT:
        return ()
    try:
        double = float(number)
    except OverflowError:
        return (TypeChange(path, f"int of {number.bit_length()} bits", "a number too large for the server"),)
    if abs(double) >= _EXPONENT:
        return (TypeChange(path, str(number), repr(double)),)
    return () if double == number else (TypeChange(path, str(number), str(int(double))),)


def _plain(item: object) -> object:
    """Return a scalar without its subclass, as `json.dumps` takes it."""
    if isinstance(item, str):
        return str.__str__(item)
    if isinstance(item, int) and not isinstance(item, bool):
        return int(item)
    return float.__float__(item) if isinstance(item, float) else item
