"""The conversions between kinds: `int()`, `string()` and the like, and Go's way of writing values.

A conversion that fails gives a Fault and never raises.
"""

from __future__ import annotations

import math
import re

from inngest_testkit.expressions import dates
from inngest_testkit.expressions.values import (
    Duration,
    Fault,
    Timestamp,
    TypeValue,
    Uint,
    elements,
    kind,
    map_find,
    map_keys,
    no_overload,
)

__all__ = [
    "INT_MAX",
    "INT_MIN",
    "UINT_MAX",
    "go_double",
    "go_text",
    "go_type",
    "to_bool",
    "to_bytes",
    "to_double",
    "to_duration",
    "to_int",
    "to_string",
    "to_timestamp",
    "to_uint",
    "type_of",
    "wrong_result",
]

INT_MIN, INT_MAX, UINT_MAX = -(2**63), 2**63 - 1, 2**64 - 1

_INTEGER = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|(?i:inf|infinity))|(?i:nan)")
_BOOLS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}
_SHOWN = 100


def _bad_text(value: str, name: str) -> Fault:
    shown = value if len(value) <= _SHOWN else value[:_SHOWN] + "…"
    return Fault(f"type conversion error from {shown!r} to {name}")


def _integer(value: str) -> int | None:
    digits = value.lstrip("+-").lstrip("0")
    return int(value) if _INTEGER.fullmatch(value) and len(digits) <= len(str(UINT_MAX)) else None


def to_int(value: object) -> object:
    """`int(x)`: of text, a number (cut towards zero), or a timestamp (Unix seconds)."""
    match value:
        case bool():
            return no_overload("int", value)
        case Uint():
            return int(value) if value <= INT_MAX else Fault("integer overflow")
        case int():
            return value
        case float():
            return _truncated(value, INT_MIN, INT_MAX)
        case str():
            number = _integer(value)
            return number if number is not None and INT_MIN <= number <= INT_MAX else _bad_text(value, "int")
        case Timestamp():
            return value.nanos // 1_000_000_000
    return no_overload("int", value)


def to_uint(value: object) -> object:
    """`uint(x)`: of text or a number that is not negative."""
    number: object = None
    match value:
        case bool():
            return no_overload("uint", value)
        case float():
            number = _truncated(value, 0, UINT_MAX)
        case int():
            number = int(value) if value >= 0 else Fault("unsigned integer overflow")
        case str():
            number = _integer(value) if value[:1].isdigit() else None
            number = number if number is not None and number <= UINT_MAX else _bad_text(value, "uint")
        case _:
            return no_overload("uint", value)
    return number if isinstance(number, Fault) else Uint(number)  # type: ignore[call-overload]


def _truncated(value: float, low: int, high: int) -> object:
    # The bounds themselves are no doubles, so the comparison is strict where rounding would pass the limit.
    if not math.isfinite(value) or not low - 1 < value < high or (low < 0 and value <= low):
        return Fault("integer overflow" if low else "unsigned integer overflow")
    return int(value)


def to_double(value: object) -> object:
    """`double(x)`: of text or a number."""
    if isinstance(value, str):
        return float(value) if _FLOAT.fullmatch(value) else _bad_text(value, "double")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return no_overload("double", value)
    return float(value)


def to_bool(value: object) -> object:
    """`bool(x)`: of text such as `true`, `1`, `f`."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _BOOLS[value] if value in _BOOLS else _bad_text(value, "bool")
    return no_overload("bool", value)


def to_string(value: object) -> object:
    """`string(x)`: of anything but null, lists, maps and types."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(int(value))
        case float():
            return go_double(value)
        case bytes():
            return _decoded(value)
        case Timestamp():
            return dates.format_timestamp(value) or Fault("timestamp outside the years 1 to 9999")
        case Duration():
            return str(value)
    return no_overload("string", value)


def _decoded(value: bytes) -> object:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return Fault("invalid UTF-8 in bytes, cannot convert to string")


def to_bytes(value: object) -> object:
    """`bytes(x)`: of text, in UTF-8."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    return value if isinstance(value, bytes) else no_overload("bytes", value)


def to_timestamp(value: object) -> object:
    """`timestamp(x)`: of RFC 3339 text or Unix seconds (an integer, so not a number from data)."""
    if isinstance(value, Timestamp):
        return value
    if isinstance(value, str):
        return dates.parse_timestamp(value) or _bad_text(value, "google.protobuf.Timestamp")
    if isinstance(value, int) and not isinstance(value, bool | Uint):
        nanos = value * 1_000_000_000
        return Timestamp(nanos) if dates.timestamp_in_range(nanos) else Fault("timestamp overflow")
    return no_overload("timestamp", value)


def to_duration(value: object) -> object:
    """`duration(x)`: of text such as `1h30m`."""
    if isinstance(value, Duration):
        return value
    if isinstance(value, str):
        return dates.parse_duration(value) or _bad_text(value, "google.protobuf.Duration")
    return no_overload("duration", value)


def type_of(value: object) -> object:
    """`type(x)`."""
    return TypeValue(kind(value))


def go_double(value: float) -> str:
    """A double as Go's `%g` writes it: `150`, `3.5`, `1e+06`."""
    if not math.isfinite(value):
        return "NaN" if value != value else ("+Inf" if value > 0 else "-Inf")
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    mantissa, exponent = _digits(value)
    sign = "-" if value < 0 else ""
    power = exponent + len(mantissa) - 1
    if not -4 <= power < 6:
        fraction = f".{mantissa[1:]}" if len(mantissa) > 1 else ""
        return f"{sign}{mantissa[0]}{fraction}e{'-' if power < 0 else '+'}{abs(power):02d}"
    if exponent >= 0:
        return sign + mantissa + "0" * exponent
    if power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{mantissa}"
    return f"{sign}{mantissa[: power + 1]}.{mantissa[power + 1 :]}"


def _digits(value: float) -> tuple[str, int]:
    """The shortest digits that mean `value`, without zeros at the end, and the power of ten of the last."""
    number, _, power = repr(abs(value)).partition("e")
    whole, _, fraction = number.partition(".")
    digits = (whole + fraction).lstrip("0")
    exponent = int(power or 0) - len(fraction)
    shortest = digits.rstrip("0")
    return shortest, exponent + len(digits) - len(shortest)


#: Types as the servers' messages name them: (a value of the evaluator, a value of Go).
_GO_TYPES = {
    "null_type": ("types.Null", "structpb.NullValue"),
    "bool": ("types.Bool", "bool"),
    "int": ("types.Int", "int64"),
    "uint": ("types.Uint", "uint64"),
    "double": ("types.Double", "float64"),
    "string": ("types.String", "string"),
    "bytes": ("types.Bytes", "[]uint8"),
    "list": ("types.List", "[]interface {}"),
    "map": ("types.Map", "map[string]interface {}"),
    "type": ("types.Type", "types.Type"),
    "google.protobuf.Timestamp": ("types.Timestamp", "time.Time"),
    "google.protobuf.Duration": ("types.Duration", "time.Duration"),
}


def go_type(value: object, *, native: bool = False) -> str:
    """The type of a value as the servers' messages name it: `types.String`, or `string` when `native`."""
    return _GO_TYPES[kind(value)][native]


def wrong_result(value: object, *, native: bool) -> str:
    """The reason why a value is no result: recorded in trigger-expression-error and edge-if-not-boolean-number."""
    name = go_type(value, native=native)
    shown = value if isinstance(value, str) else f"%!s({name}={go_text(value)})"
    return f"returned type {name} ({shown}): expression errored"


def go_text(value: object) -> str:
    """A value as Go's `%v` writes it, which is what joining texts uses (dialect SDK)."""
    if value is None:
        return "NULL_VALUE"
    name = kind(value)
    if name == "list":
        return "[" + " ".join(_inner_text(item) for item in elements(value)) + "]"
    if name == "map":
        pairs = sorted((_inner_text(key), _inner_text(map_find(value, key))) for key in map_keys(value))
        return "map[" + " ".join(f"{key}:{item}" for key, item in pairs) + "]"
    if isinstance(value, TypeValue):
        return value.name
    return str(to_string(value))


def _inner_text(value: object) -> str:
    return "<nil>" if value is None else "" if isinstance(value, Fault) else go_text(value)
