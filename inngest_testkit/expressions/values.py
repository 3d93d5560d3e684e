"""The evaluator's values: kinds, equality, order, and how the data at hand is read.

A value is None, bool, float (double), int (a 64-bit integer, from literals and conversions only),
`Uint`, str, bytes, a list (`list` from data, `tuple` made by an expression), a map (any `Mapping`
from data, `MapValue` made by an expression), `Timestamp`, `Duration` or `TypeValue`. In the place of
a value there may be a hole: `MISSING` or a `Fault`. Holes travel as values, because what a hole
does is decided by the operator that meets it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "HOLES",
    "MISSING",
    "Duration",
    "EvaluationFailure",
    "Fault",
    "MapValue",
    "Missing",
    "Timestamp",
    "TypeValue",
    "Uint",
    "adapt",
    "compare",
    "elements",
    "equal",
    "kind",
    "map_find",
    "map_keys",
    "no_overload",
]

_NANOS = 1_000_000_000


class EvaluationFailure(Exception):  # noqa: N818 - never leaves this package
    """Ends the evaluation whatever surrounds it: what crashed the v0.5.0 server. Attribute: `reason`."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@final
class Missing:
    """The type of `MISSING`, the value of a path that is not in the data. False when tested."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = Missing()


@dataclass(frozen=True, slots=True)
class Fault:
    """An error in the place of a value.

    `unbound`: the fault of a declared variable without a value, named alone. No operator covers that one up.
    """

    reason: str
    unbound: bool = False


HOLES: Final = frozenset({Missing, Fault})


class Uint(int):
    """An unsigned 64-bit integer, such as `2u`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, order=True)
class Timestamp:
    """A moment, in nanoseconds since 1970 (UTC)."""

    nanos: int


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A span, in nanoseconds."""

    nanos: int

    def __str__(self) -> str:
        sign, whole, rest = "-" if self.nanos < 0 else "", *divmod(abs(self.nanos), _NANOS)
        return f"{sign}{whole}" + (f".{rest:09d}".rstrip("0") if rest else "") + "s"


@dataclass(frozen=True, slots=True)
class TypeValue:
    """A type as a value: `int`, `type(x)`."""

    name: str


@final
class MapValue:
    """A map that an expression made. Keys are bool, int, uint or text; equal numbers are one key."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: dict[tuple[str, object], tuple[object, object]] = {}

    def add(self, key: object, value: object) -> Fault | None:
        """Add an entry; a Fault for a key that cannot be one, or is there already."""
        slot = _slot(key)
        if slot is None or isinstance(key, float):
            return Fault(f"unsupported key type: {kind(key)}")
        if slot in self._entries:
            return Fault(f"Failed with repeated key: {key}")
        self._entries[slot] = (key, value)
        return None

    def find(self, key: object) -> object:
        """The value of a key, or MISSING."""
        slot = _slot(key)
        entry = None if slot is None else self._entries.get(slot)
        return MISSING if entry is None else entry[1]

    def items(self) -> Iterator[tuple[object, object]]:
        """Keys and values in the order of the text."""
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)


def _slot(key: object) -> tuple[str, object] | None:
    name = kind(key)
    if name in ("int", "uint", "double"):
        return ("number", key)
    return (name, key) if name in ("bool", "string") else None


_KINDS: Final[dict[type, str]] = {
    type(None): "null_type",
    bool: "bool",
    int: "int",
    Uint: "uint",
    float: "double",
    str: "string",
    bytes: "bytes",
    list: "list",
    tuple: "list",
    dict: "map",
    MapValue: "map",
    Timestamp: "google.protobuf.Timestamp",
    Duration: "google.protobuf.Duration",
    TypeValue: "type",
}


def kind(value: object) -> str:
    """The name of a value's type, as `type()` shows it. The value is adapted and no hole."""
    name = _KINDS.get(type(value))
    if name is not None:
        return name
    return "map" if isinstance(value, Mapping) else "list"


def adapt(value: object) -> object:
    """A value from the data, as the evaluator reads it: every number is a double (recorded: `type(event.data.n)`)."""
    cls = type(value)
    if cls is int:
        return _double(value)  # type: ignore[arg-type]
    if cls in _KINDS and cls not in _FOREIGN:
        return value
    return _adapt_rare(value)


# Types of the evaluator's own that mean something else when they come from data.
_FOREIGN: Final = frozenset({tuple, Uint, bytes, MapValue, Timestamp, Duration, TypeValue})


def _adapt_rare(value: object) -> object:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int | float):
        return _double(value)
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Mapping) or (isinstance(value, Sequence) and not isinstance(value, bytes | bytearray)):
        return value
    return Fault(f"a value of type {type(value).__name__} is not JSON")


def _double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def elements(value: object) -> tuple[object, ...]:
    """The elements of a list, as the evaluator reads them."""
    if type(value) is tuple:
        return value
    return tuple(adapt(item) for item in value)  # type: ignore[attr-defined]


def map_keys(value: object) -> tuple[object, ...]:
    """The keys of a map, in order."""
    if type(value) is MapValue:
        return tuple(key for key, _ in value.items())
    return tuple(adapt(key) for key in value)  # type: ignore[attr-defined]


def map_find(value: object, key: object) -> object:
    """The value of a key, or MISSING."""
    if type(value) is MapValue:
        return value.find(key)
    if type(key) is not str:
        return MISSING
    try:
        return adapt(value[key])  # type: ignore[index]
    except (LookupError, TypeError):
        return MISSING


def no_overload(what: str, *values: object) -> Fault:
    """The Fault of an operation that these kinds of values do not have."""
    names = ", ".join(kind(value) for value in values)
    hint = ""
    if {kind(value) for value in values} == {"int", "double"}:
        hint = " (numbers from data are doubles: write 1.0 instead of 1, or int(...) around the number)"
    return Fault(f"no such overload: {what} applied to ({names}){hint}")


_PLAIN: Final = frozenset({str, float, bool, int, type(None)})
_NUMBERS: Final = frozenset({float, int, Uint})


def equal(left: object, right: object) -> bool:
    """`==` of two present values. Numbers compare by value across kinds, other kinds never equal each other."""
    left_type, right_type = type(left), type(right)
    if left_type is right_type and left_type in _PLAIN:
        return left == right
    if left_type in _NUMBERS and right_type in _NUMBERS:
        if left_type is float or right_type is float:
            return float(left) == float(right)  # type: ignore[arg-type]
        return left == right
    name = kind(left)
    if name != kind(right):
        return False
    if name == "list":
        return _equal_lists(left, right)
    return _equal_maps(left, right) if name == "map" else left == right


def _equal_lists(left: object, right: object) -> bool:
    if len(left) != len(right):  # type: ignore[arg-type]
        return False
    return all(equal(a, b) for a, b in zip(elements(left), elements(right), strict=False))


def _equal_maps(left: object, right: object) -> bool:
    if len(left) != len(right):  # type: ignore[arg-type]
        return False
    for key in map_keys(left):
        other = map_find(right, key)
        if type(other) in HOLES or not equal(map_find(left, key), other):
            return False
    return True


_ORDERED: Final = frozenset({"bool", "string", "bytes", "google.protobuf.Timestamp", "google.protobuf.Duration"})


def compare(left: object, right: object, operator: str = "<") -> int | Fault:
    """-1, 0 or 1; a Fault that names `operator` for values that have no order."""
    left_type, right_type = type(left), type(right)
    if left_type in _NUMBERS and right_type in _NUMBERS:
        return _compare_numbers(left, right)
    if left_type is not right_type or kind(left) not in _ORDERED:
        return no_overload(f"_{operator}_", left, right)
    return int(left > right) - int(left < right)  # type: ignore[operator]


def _compare_numbers(left: object, right: object) -> int | Fault:
    if type(left) is float or type(right) is float:
        left, right = float(left), float(right)  # type: ignore[arg-type]
        if left != left or right != right:
            return Fault("NaN values cannot be ordered")
    return int(left > right) - int(left < right)  # type: ignore[operator]
