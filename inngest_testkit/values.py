"""Values as they cross the boundary of the state store: as JSON, encoded and decoded.

A later step so sees what a real server would give it: a tuple comes back as a list, a datetime as text.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import TypeAlias

from pydantic_core import PydanticSerializationError, from_json, to_jsonable_python

from inngest_testkit.errors import NotJsonError

__all__ = ["DEEPEST", "NULL", "WRAPPED", "Json", "JsonValue", "decode", "encode"]

#: What JSON can hold, as Python reads it.
JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

#: Levels of lists and objects that a value may have; below what the decoder can follow, on every Python.
DEEPEST = 150
#: Levels that what the engine itself wraps around values may add.
WRAPPED = DEEPEST + 10

_EXACT = 2**53
#: From here on, the servers write whole numbers with an exponent, which Python reads as a float.
_EXPONENT = 10**21
_TOO_DEEP = "it is nested too deeply"
_REFUSALS = (TypeError, ValueError, RecursionError, PydanticSerializationError)
_LONG_NUMBER = b"0" * 16
_DIGITS = bytes.maketrans(b"123456789", b"000000000")


class Json:
    """One value in its encoded form: `raw` (UTF-8 bytes). Equal when the bytes are; never changes.

    `value` decodes anew at each access, so that what one reader does to it no other reader sees.
    """

    __slots__ = ("raw",)

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    @property
    def value(self) -> JsonValue:
        """Return the decoded value, a fresh copy."""
        return decode(self.raw)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Json) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        text = self.raw.decode()
        return f"Json({text if len(text) <= 60 else text[:59] + '…'})"


def encode(value: object, *, root: str = "value", deepest: int = DEEPEST, exact: bool = False) -> Json:
    """Encode a value as JSON; numbers are what the servers keep, 64-bit floats, unless they are to stay `exact`.

    Dataclasses, pydantic models, datetimes, UUIDs, enums, paths and decimals become what pydantic makes of
    them. As the servers write such numbers, one without a fraction is whole (1.0 is 1, -0.0 is 0, from 10**21 on it is
    a float), and integers beyond 2**53 lose precision. Source: dag README, "Events in"; sdk README, "The call request";
    rate_limit_burst, key_expressions.
    Raises `NotJsonError` with the path of the culprit, which starts at `root`: an unknown type, NaN or
    infinity, a set (it has no order), a key that is not text or a number, a loop, more than `deepest` levels of
    lists and objects, a number that 64 bits cannot hold.
    """
    if type(value) is int and -_EXACT <= value <= _EXACT:
        return Json(b"%d" % value)
    try:
        raw = _write(value).encode()
    except _REFUSALS:
        path, reason = _culprit(value, root)
        raise NotJsonError(path, reason) from None
    # Each level has a bracket, so few brackets need no second look.
    if len(raw) > deepest and raw.count(b"[") + raw.count(b"{") > deepest and _depth(value) > deepest:
        raise NotJsonError(root, _TOO_DEEP)
    if not exact and _has_other_numbers(raw):
        try:
            raw = _write(_read_doubles(raw.decode())).encode()
        except OverflowError:
            raise NotJsonError(root, "it holds a number that is too large for 64 bits") from None
        except RecursionError:
            return Json(raw)  # no reader follows it
    return Json(raw)


def _has_other_numbers(raw: bytes) -> bool:
    """Whether some number may be one that the servers write differently."""
    # Runs for every value, and finds texts quicker than a pattern would.
    if b".0" in raw and (b".0," in raw or b".0}" in raw or b".0]" in raw or raw.endswith(b".0")):
        return True
    return b"e+" in raw or _LONG_NUMBER in raw.translate(_DIGITS)


def decode(raw: bytes) -> JsonValue:
    """Decode JSON text; what `encode` wrote can always be decoded."""
    return from_json(raw)  # type: ignore[no-any-return]


def _jsonable(value: object) -> object:
    """Turn one object that JSON does not know into one that it does; the encoder looks into the result."""
    if isinstance(value, (set, frozenset)):
        raise TypeError("a set has no order: return a sorted list")
    if isinstance(value, Mapping):
        return dict(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    dump = getattr(value, "model_dump", None)
    if callable(dump) and not isinstance(value, type):
        return dump()
    return to_jsonable_python(value)


def _writer() -> Callable[[object], str]:
    """Return a function that writes JSON; the encoder that the standard library makes for each value, made once."""
    encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_jsonable)
    make: Callable[..., Callable[[object, int], Iterable[str]]] | None = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # not every Python has it
        return encoder.encode
    # Without markers, a value that contains itself is one that is nested too deeply.
    parts = make(None, _jsonable, json.encoder.encode_basestring, None, ":", ",", False, False, False)  # noqa: FBT003
    return lambda value: "".join(parts(value, 0))


_write = _writer()


def _depth(value: object) -> int:
    """Count the levels of a value that the encoder took."""
    deepest, waiting = 0, [(value, 1)]
    while waiting and deepest <= WRAPPED:
        part, level = waiting.pop()
        if not isinstance(part, (Mapping, list, tuple)):
            if isinstance(part, (str, int, float, bool, type(None))):
                continue
            waiting.append((_jsonable(part), level))
            continue
        deepest = max(deepest, level)
        inner = part.values() if isinstance(part, Mapping) else part
        waiting.extend((each, level + 1) for each in inner)
    return deepest


def _double(text: str) -> JsonValue:
    """Read a number as the servers do, and write it as they do: a 64-bit float; one without a fraction is whole."""
    number = float(text)
    if not number.is_integer() or abs(number) >= _EXPONENT:
        return number
    # The shortest digits, then zeros.
    return int(number) if abs(number) <= _EXACT else int(Decimal(repr(number)))


def _whole(text: str) -> JsonValue:
    if len(text) < len(str(_EXACT)):
        return int(text)
    number = _double(text)
    if number in _INFINITIES:
        raise OverflowError
    return number


_INFINITIES = (math.inf, -math.inf)
#: The decoder calls these for each number, so that the value is not walked again.
_read_doubles = json.JSONDecoder(parse_float=_double, parse_int=_whole).decode


def _culprit(value: object, root: str) -> tuple[str, str]:
    """Find the part of `value` that JSON refuses: its path and the reason."""
    path, parents = root, {id(value)}
    while True:
        reason = _refusal(value)
        if reason:
            return path, reason
        if not isinstance(value, (Mapping, list, tuple)):
            plain = _plain(value)
            if isinstance(plain, str):
                return path, plain
            value = plain[0]
            continue
        found = next(((place, part) for place, part in _parts(value) if not _encodes(part)), None)
        if found is None or len(parents) > DEEPEST:
            return root, _TOO_DEEP
        path, value = path + found[0], found[1]
        if id(value) in parents and isinstance(value, (Mapping, list)):
            return path, "it contains itself"
        parents.add(id(value))


def _refusal(value: object) -> str:
    """Say what is wrong with a value itself, not with its parts; empty when it is one of JSON's and whole."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"JSON has no {value!r}; return None or text instead"
    if isinstance(value, int):
        return "the number has too many digits"
    if isinstance(value, str):
        return "it has half a surrogate pair, which UTF-8 cannot hold"
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, (str, int, float, bool, type(None))):
                return f"its key {key!r} must be text, found {type(key).__name__}"
            if isinstance(key, str) and not _encodes(key):
                return f"its key {key!r} has half a surrogate pair, which UTF-8 cannot hold"
    return ""


def _parts(value: Mapping[object, object] | list[object] | tuple[object, ...]) -> Iterator[tuple[str, object]]:
    items = value.items() if isinstance(value, Mapping) else enumerate(value)
    return ((f"[{key!r}]", part) for key, part in items)


def _plain(value: object) -> tuple[object] | str:
    """What the encoder would make of an object, or why it makes nothing of it."""
    try:
        return (_jsonable(value),)
    except TypeError as error:
        return str(error)
    except (PydanticSerializationError, ValueError):
        return f"{type(value).__module__}.{type(value).__qualname__} is not a JSON value; return plain data"


def _encodes(value: object) -> bool:
    try:
        _write(value).encode()
    except _REFUSALS:
        return False
    return True


#: JSON's null.
NULL = Json(b"null")
