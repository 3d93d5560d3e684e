"""The functions of both dialects: which there are, how many arguments they take, what they give.

An implementation gets present values only and gives a value or a Fault; it never raises anything but
`EvaluationFailure`, for what crashed the v0.5.0 server.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from inngest_testkit.expressions import conversions, dates
from inngest_testkit.expressions.patterns import PatternError, compile_pattern
from inngest_testkit.expressions.values import (
    Duration,
    EvaluationFailure,
    Fault,
    Timestamp,
    kind,
    no_overload,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

__all__ = ["FUNCTIONS", "Function"]


@dataclass(frozen=True, slots=True)
class Function:
    """One function.

    `run` gets the arguments (the target of a method first), `run_with_clock` the `now` callable before
    them; exactly one of the two is set. `arguments` and `method_arguments` are the numbers of arguments
    that `name(...)` and `x.name(...)` take.
    """

    arguments: tuple[int, ...] = ()
    method_arguments: tuple[int, ...] = ()
    run: Callable[..., object] | None = None
    run_with_clock: Callable[..., object] | None = None


def _size(value: object) -> object:
    if kind(value) in ("string", "bytes", "list", "map"):
        return len(value)  # type: ignore[arg-type]
    return no_overload("size", value)


def _text_test(name: str, test: Callable[[str, str], bool]) -> Function:
    def run(value: object, other: object) -> object:
        if type(value) is str and type(other) is str:
            return test(value, other)
        return no_overload(name, value, other)

    return Function(method_arguments=(1,), run=run)


def _matches(value: object, pattern: object) -> object:
    if type(value) is not str or type(pattern) is not str:
        return no_overload("matches", value, pattern)
    try:
        return compile_pattern(pattern).search(value) is not None
    except PatternError as error:
        return Fault(str(error))


def _lowercase(value: object) -> object:
    return _each_character(value, str.lower)


def _uppercase(value: object) -> object:
    return _each_character(value, str.upper)


def _each_character(value: object, change: Callable[[str], str]) -> str:
    """Go changes each character on its own, so that the text keeps its length: `ß` has no upper case."""
    if not isinstance(value, str):
        return ""
    changed = change(value)
    if len(changed) == len(value):
        return changed
    return "".join(new if len(new := change(old)) == 1 else old for old in value)


def _b64decode(value: object) -> object:
    if not isinstance(value, str):
        return ""
    try:
        return base64.b64decode(value.replace("\r", "").replace("\n", ""), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""


def _refuse_constant(name: str) -> object:
    raise ValueError(name)


def _json_parse(value: object) -> object:
    """An object's fields; an empty map for anything else, as the server gives."""
    try:
        parsed = json.loads(value, parse_constant=_refuse_constant) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _date(value: object) -> object:
    moment: Timestamp | None = None
    if isinstance(value, str):
        moment = dates.parse_date(value)
    elif type(value) is int:
        moment = dates.parse_date_number(value)
    if moment is None:
        hint = " (a number from data is a double: write date(int(...)))" if isinstance(value, float) else ""
        shown = repr(value) if isinstance(value, str | float | int | None) else kind(value)
        raise EvaluationFailure(f"date() cannot read {shown}{hint}")
    return moment


def _now(now: Callable[[], datetime]) -> object:
    return dates.from_datetime(now())


def _shifted(name: str, sign: int) -> Function:
    def run(now: Callable[[], datetime], value: object) -> object:
        span = dates.parse_duration(value, days=True) if isinstance(value, str) else None
        if span is None:
            raise EvaluationFailure(f"{name}() cannot read {value!r} as a duration, such as '1h30m' or '7d'")
        return Timestamp(dates.from_datetime(now()).nanos + sign * span.nanos)

    return Function(arguments=(1,), run_with_clock=run)


_NANOS = 1_000_000_000
_OF_DURATION: Final[dict[str, int]] = {
    "getHours": 3600 * _NANOS,
    "getMinutes": 60 * _NANOS,
    "getSeconds": _NANOS,
    "getMilliseconds": 1_000_000,
}
_OF_TIMESTAMP: Final[dict[str, Callable[[datetime], int]]] = {
    "getFullYear": lambda t: t.year,
    "getMonth": lambda t: t.month - 1,
    "getDate": lambda t: t.day,
    "getDayOfMonth": lambda t: t.day - 1,
    "getDayOfWeek": lambda t: t.isoweekday() % 7,
    "getDayOfYear": lambda t: t.timetuple().tm_yday - 1,
    "getHours": lambda t: t.hour,
    "getMinutes": lambda t: t.minute,
    "getSeconds": lambda t: t.second,
    "getMilliseconds": lambda t: t.microsecond // 1000,
}


def _part(name: str) -> Function:
    def run(value: object, zone: object = None) -> object:
        unit = _OF_DURATION.get(name)
        if isinstance(value, Duration) and unit is not None and zone is None:
            return value.nanos // unit if value.nanos >= 0 else -(-value.nanos // unit)
        if not isinstance(value, Timestamp) or not isinstance(zone, str | None):
            return no_overload(name, value)
        moment = dates.to_datetime(value, zone)
        return Fault(f"{name}: unknown time zone {zone!r}") if moment is None else _OF_TIMESTAMP[name](moment)

    return Function(method_arguments=(0, 1), run=run)


def _conversion(run: Callable[[object], object]) -> Function:
    return Function(arguments=(1,), run=run)


#: Every function of both dialects, by name; `Dialect.functions` says which of them a dialect has.
FUNCTIONS: Final[dict[str, Function]] = {
    "size": Function(arguments=(1,), method_arguments=(0,), run=_size),
    "contains": _text_test("contains", lambda value, other: other in value),
    "startsWith": _text_test("startsWith", str.startswith),
    "endsWith": _text_test("endsWith", str.endswith),
    "matches": Function(arguments=(2,), method_arguments=(1,), run=_matches),
    "int": _conversion(conversions.to_int),
    "uint": _conversion(conversions.to_uint),
    "double": _conversion(conversions.to_double),
    "bool": _conversion(conversions.to_bool),
    "string": _conversion(conversions.to_string),
    "bytes": _conversion(conversions.to_bytes),
    "timestamp": _conversion(conversions.to_timestamp),
    "duration": _conversion(conversions.to_duration),
    "type": _conversion(conversions.type_of),
    "dyn": _conversion(lambda value: value),
    "lowercase": _conversion(_lowercase),
    "uppercase": _conversion(_uppercase),
    "b64decode": _conversion(_b64decode),
    "json_parse": _conversion(_json_parse),
    "date": _conversion(_date),
    "now": Function(arguments=(0,), run_with_clock=_now),
    "now_plus": _shifted("now_plus", 1),
    "now_minus": _shifted("now_minus", -1),
    **{name: _part(name) for name in _OF_TIMESTAMP},
}
