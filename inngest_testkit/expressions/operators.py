"""What operators do with values, and what they do with holes.

The rules for holes are the servers' own (recorded in edge-if-missing-key, expressions-compare and
expressions_missing): where an operand is missing or an error, a comparison answers as if the hole were
less than everything and equal to null only, `size` gives 0, and everything else false. Inside the body
of a macro, where an operand depends on the macro's variable, plain CEL holds: a hole stays a hole.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from inngest_testkit.expressions.conversions import INT_MAX, INT_MIN, UINT_MAX, go_text
from inngest_testkit.expressions.dates import timestamp_in_range
from inngest_testkit.expressions.values import (
    HOLES,
    MISSING,
    Duration,
    Fault,
    Timestamp,
    Uint,
    compare,
    elements,
    equal,
    kind,
    map_find,
    no_overload,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "BINARY",
    "ORDERS",
    "all_true",
    "any_true",
    "decided",
    "equal",
    "falsy",
    "first_falsy",
    "first_truthy",
    "hole_result",
    "join",
    "join_texts",
    "negate",
    "not_",
    "strict_hole",
    "zero_for_null",
]


# Holes.


def strict_hole(_name: str, values: tuple[object, ...]) -> object:
    """The first hole: what plain CEL gives, whatever the operator."""
    return next(value for value in values if type(value) in HOLES)


def hole_result(name: str, values: tuple[object, ...]) -> object:
    """What the call or operator `name` gives when at least one of `values` is a hole."""
    for value in values:
        if type(value) is Fault and value.unbound:
            return value
    if name in ("==", "!="):
        return (name == "==") == any(value is None for value in values)
    if name in ORDERS:
        return (type(values[0]) in HOLES) == (name in ("<", "<="))
    return 0 if name == "size" else False


def join(left: object, right: object) -> object:
    """`+` where one operand is a hole, for a dialect that joins texts: a missing one is left out."""
    for value in (left, right):
        if type(value) is Fault:
            return value
    if left is MISSING:
        return False if right is MISSING else right
    return left


# Comparisons.

ORDERS: Final[dict[str, Callable[[int], bool]]] = {
    "<": lambda sign: sign < 0,
    "<=": lambda sign: sign <= 0,
    ">": lambda sign: sign > 0,
    ">=": lambda sign: sign >= 0,
}


def _order(name: str) -> Callable[[object, object], object]:
    test = ORDERS[name]

    def run(left: object, right: object) -> object:
        sign = compare(left, right, name)
        return sign if type(sign) is Fault else test(sign)  # type: ignore[arg-type]

    return run


def zero_for_null(left: object, right: object) -> tuple[object, object]:
    """Both values, with a single null replaced by the other's zero: 0 or empty text."""
    if left is None:
        return _zero(right), right
    return (left, _zero(left)) if right is None else (left, right)


def _zero(other: object) -> object:
    if type(other) in (float, int, Uint):
        return 0
    return "" if type(other) is str else None


def _in(left: object, right: object) -> object:
    name = kind(right)
    if name == "list":
        return any(equal(left, item) for item in elements(right) if type(item) not in HOLES)
    if name == "map":
        return map_find(right, left) is not MISSING
    return no_overload("@in", left, right)


# Arithmetic.


def _integer(value: int, *, unsigned: bool) -> object:
    if unsigned:
        return Uint(value) if 0 <= value <= UINT_MAX else Fault("unsigned integer overflow")
    return value if INT_MIN <= value <= INT_MAX else Fault("integer overflow")


def _span(value: int) -> object:
    return Duration(value) if INT_MIN <= value <= INT_MAX else Fault("duration overflow")


def _moment(value: int) -> object:
    return Timestamp(value) if timestamp_in_range(value) else Fault("timestamp overflow")


def _add(left: object, right: object) -> object:
    match left, right:
        case (bool(), _) | (_, bool()):
            return no_overload("_+_", left, right)
        case (float(), float()) | (str(), str()) | (bytes(), bytes()):
            return left + right  # type: ignore[operator]
        case (Timestamp(nanos=a), Duration(nanos=b)) | (Duration(nanos=a), Timestamp(nanos=b)):
            return _moment(a + b)
        case (Duration(nanos=a), Duration(nanos=b)):
            return _span(a + b)
    if type(left) is type(right) and isinstance(left, int):
        return _integer(int(left) + int(right), unsigned=isinstance(left, Uint))  # type: ignore[call-overload]
    if left is not None and right is not None and kind(left) == kind(right) == "list":
        return elements(left) + elements(right)
    return no_overload("_+_", left, right)


def _subtract(left: object, right: object) -> object:
    match left, right:
        case (bool(), _) | (_, bool()):
            return no_overload("_-_", left, right)
        case (float(), float()):
            return left - right
        case (Timestamp(nanos=a), Timestamp(nanos=b)) | (Duration(nanos=a), Duration(nanos=b)):
            return _span(a - b)
        case (Timestamp(nanos=a), Duration(nanos=b)):
            return _moment(a - b)
    if type(left) is type(right) and isinstance(left, int):
        return _integer(int(left) - int(right), unsigned=isinstance(left, Uint))  # type: ignore[call-overload]
    return no_overload("_-_", left, right)


def _multiply(left: object, right: object) -> object:
    if type(left) is float and type(right) is float:
        return left * right
    if type(left) is type(right) and isinstance(left, int) and not isinstance(left, bool):
        return _integer(int(left) * int(right), unsigned=isinstance(left, Uint))  # type: ignore[call-overload]
    return no_overload("_*_", left, right)


def _divide(left: object, right: object) -> object:
    if type(left) is float and type(right) is float:
        return _divide_doubles(left, right)
    if type(left) is not type(right) or not isinstance(left, int) or isinstance(left, bool):
        return no_overload("_/_", left, right)
    if right == 0:
        return Fault("division by zero")
    quotient = abs(left) // abs(right)  # type: ignore[arg-type]
    same_sign = (left < 0) == (right < 0)  # type: ignore[operator]
    return _integer(quotient if same_sign else -quotient, unsigned=isinstance(left, Uint))


def _divide_doubles(left: float, right: float) -> float:
    if right:
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1, right)


def _modulo(left: object, right: object) -> object:
    if type(left) is not type(right) or not isinstance(left, int) or isinstance(left, bool):
        return no_overload("_%_", left, right)
    if right == 0:
        return Fault("modulus by zero")
    if left == INT_MIN and right == -1 and type(left) is int:
        return Fault("integer overflow")
    rest = abs(left) % abs(right)  # type: ignore[arg-type]
    return _integer(-rest if left < 0 else rest, unsigned=isinstance(left, Uint))


#: The operators of two operands, for present values.
BINARY: Final[dict[str, Callable[[object, object], object]]] = {
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    **{name: _order(name) for name in ORDERS},
    "in": _in,
    "+": _add,
    "-": _subtract,
    "*": _multiply,
    "/": _divide,
    "%": _modulo,
}


def join_texts(left: object, right: object) -> object:
    """`+` of present values for a dialect that joins texts."""
    result = _add(left, right)
    if type(result) is Fault and kind(left) != kind(right):
        return go_text(left) + go_text(right)
    return result


def negate(value: object) -> object:
    """`-x`."""
    if type(value) is float:
        return -value
    return _integer(-value, unsigned=False) if type(value) is int else no_overload("-_", value)


def not_(value: object) -> object:
    """`!x`."""
    return not value if type(value) is bool else no_overload("!_", value)


# Logic.


def falsy(value: object) -> bool:
    """Whether a value or hole counts as false where any kind is taken (recorded: expressions_missing)."""
    cls = type(value)
    if cls in HOLES:
        return True
    if cls in (bool, float, int, Uint, str):
        return not value
    return value is None


def decided(value: object, *, truthy: bool) -> object:
    """A condition's value as true or false, or the hole that it is. With `truthy`, any kind of value decides."""
    if value is True or value is False:
        return value
    if truthy and type(value) is not Fault:
        return not falsy(value)
    return value if type(value) in HOLES else no_overload("_?_:_", value)


def _worse(first: object, second: object, operator: str) -> object:
    """Of what kept a chain from being decided: missing before errors, and the earlier one."""
    if type(second) not in HOLES:
        second = no_overload(f"_{operator}_", second)
    return second if first is None or (first is not MISSING and second is MISSING) else first


def _decided(values: Iterable[object], wins: object, loses: object, operator: str) -> object:
    undecided: object = None
    for value in values:
        if value is wins:
            return wins
        if value is not loses:
            undecided = _worse(undecided, value, operator)
    return loses if undecided is None else undecided


def all_true(values: Iterable[object]) -> object:
    """`&&`, three-valued: false wins, then missing, then an error; the values are computed as far as needed."""
    return _decided(values, False, True, "&&")  # noqa: FBT003 - the two values of the operator


def any_true(values: Iterable[object]) -> object:
    """`||`, three-valued: true wins, then missing, then an error; the values are computed as far as needed."""
    return _decided(values, True, False, "||")  # noqa: FBT003 - the two values of the operator


def first_falsy(values: Iterable[object]) -> object:
    """`&&` over any kinds: the first operand that counts as false, else the last."""
    value: object = True
    for value in values:
        if falsy(value):
            return value
    return value


def first_truthy(values: Iterable[object]) -> object:
    """`||` over any kinds: the first operand that does not count as false, else the last."""
    value: object = False
    for value in values:
        if not falsy(value):
            return value
    return value
