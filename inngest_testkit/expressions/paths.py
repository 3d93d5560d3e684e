"""Closures that read: variables, fields, elements, `has()`.

A path into the variables that leads nowhere is missing; into anything else (a macro's variable, a
literal, a function's result) it is an error, as in plain CEL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from inngest_testkit.expressions.values import (
    HOLES,
    MISSING,
    Fault,
    Uint,
    adapt,
    kind,
    map_find,
    no_overload,
)

if TYPE_CHECKING:
    from inngest_testkit.expressions.activation import Activation, Run

__all__ = ["has_run", "index_run", "loop_run", "path_run", "root_run", "select_run"]

_AS_IS: Final = frozenset({str, float, bool, dict, list, type(None)})


def path_run(path: tuple[str, ...]) -> Run:
    """`event.data.total`: the path of a declared variable, with one key at least."""
    if len(path) == 3:
        return _three_run(*path)
    root, *keys = path

    def run(activation: Activation) -> object:
        try:
            value: object = activation.variables[root]
            for key in keys:
                value = value[key]  # type: ignore[index]
        except (LookupError, TypeError):
            return MISSING
        return value if type(value) in _AS_IS else adapt(value)

    return run


def _three_run(root: str, first: str, second: str) -> Run:
    def run(activation: Activation) -> object:
        try:
            value = activation.variables[root][first][second]  # type: ignore[index]
        except (LookupError, TypeError):
            return MISSING
        return value if type(value) in _AS_IS else adapt(value)

    return run


def root_run(name: str) -> Run:
    """A declared variable named alone. Without a value it is an error, not missing (recorded for `user == null`)."""
    unbound = Fault(f"no such attribute: {name}", unbound=True)

    def run(activation: Activation) -> object:
        try:
            return adapt(activation.variables[name])
        except LookupError:
            return unbound

    return run


def loop_run(slot: int) -> Run:
    """A macro's variable."""
    return lambda activation: activation.loops[slot]


def _through(hole: object, *, missing: bool) -> object:
    """A hole on the way of a path: a variable without a value only makes the path missing."""
    return MISSING if missing and type(hole) is Fault and hole.unbound else hole


def select_run(operand: Run, field: str, *, missing: bool) -> Run:
    """`operand.field`; with `missing`, what is not there is missing instead of an error."""

    def run(activation: Activation) -> object:
        value = operand(activation)
        if type(value) in HOLES:
            return _through(value, missing=missing)
        found = map_find(value, field) if kind(value) == "map" else MISSING
        if found is not MISSING or missing:
            return found
        return Fault(f"no such key: {field}") if kind(value) == "map" else no_overload(f"field {field!r}", value)

    return run


def has_run(operand: Run, field: str, *, missing: bool) -> Run:
    """`has(operand.field)`: true, or missing (recorded: `!has(missing)` is false); plain CEL without `missing`."""

    def run(activation: Activation) -> object:
        value = operand(activation)
        if type(value) in HOLES:
            return _through(value, missing=missing)
        if kind(value) == "map":
            return map_find(value, field) is not MISSING or (MISSING if missing else False)
        return MISSING if missing else no_overload(f"has({field})", value)

    return run


def index_run(operand: Run, key: Run, *, missing: bool) -> Run:
    """`operand[key]`; with `missing`, what is not there is missing instead of an error."""

    def run(activation: Activation) -> object:
        value = operand(activation)
        if type(value) in HOLES:
            return _through(value, missing=missing)
        at = key(activation)
        if type(at) in HOLES:
            return at
        found = _element(value, at)
        return MISSING if missing and type(found) is Fault else found

    return run


def _element(value: object, at: object) -> object:
    name = kind(value)
    if name == "list":
        return _list_element(value, at)
    if name != "map":
        return no_overload("_[_]", value, at)
    found = map_find(value, at)
    return Fault(f"no such key: {at}") if found is MISSING else found


def _list_element(value: object, at: object) -> object:
    if type(at) not in (int, Uint, float):
        return no_overload("_[_]", value, at)
    if not 0 <= at < len(value) or at != int(at):  # type: ignore[operator, arg-type, call-overload]
        return Fault(f"index out of bounds: {at}")
    found = value[int(at)]  # type: ignore[index, call-overload]
    return found if type(value) is tuple else adapt(found)
