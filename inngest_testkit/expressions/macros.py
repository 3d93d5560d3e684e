"""The macros over lists and maps: `all`, `exists`, `exists_one`, `filter` and `map`.

A missing list makes the macro missing; anything but a list or a map is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from inngest_testkit.expressions import operators
from inngest_testkit.expressions.conversions import go_type
from inngest_testkit.expressions.values import HOLES, Fault, elements, kind, map_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from inngest_testkit.expressions.activation import Activation, Run

__all__ = ["collecting_run", "counting_run", "folding_run"]

_Fold: TypeAlias = "Callable[[Iterable[object]], object]"


def _range(value: object) -> tuple[object, ...] | Fault:
    name = kind(value)
    if name == "list":
        return elements(value)
    if name == "map":
        return map_keys(value)
    return Fault(f"got '{go_type(value)}', expected iterable type")


def _each(activation: Activation, slot: int, items: tuple[object, ...], body: Run) -> Iterator[object]:
    for item in items:
        activation.loops[slot] = item
        yield body(activation)


def _over(slot: int, operand: Run, body: Run, finish: _Fold) -> Run:
    def run(activation: Activation) -> object:
        value = operand(activation)
        if type(value) in HOLES:
            return value
        items = _range(value)
        return items if type(items) is Fault else finish(_each(activation, slot, items, body))  # type: ignore[arg-type]

    return run


def folding_run(slot: int, operand: Run, body: Run, fold: _Fold) -> Run:
    """`all` and `exists`: the dialect's `&&` or `||` over the body's values."""
    return _over(slot, operand, body, fold)


def counting_run(slot: int, operand: Run, body: Run, *, truthy: bool) -> Run:
    """`exists_one`: whether the body is true once. A hole in any of its values is the result."""

    def finish(values: Iterable[object]) -> object:
        count = 0
        for value in values:
            decision = operators.decided(value, truthy=truthy)
            if type(decision) in HOLES:
                return decision
            count += decision is True
        return count == 1

    return _over(slot, operand, body, finish)


def collecting_run(slot: int, operand: Run, condition: Run | None, body: Run | None, *, truthy: bool) -> Run:
    """`filter` (no body) and `map`: a list of the elements, or of the body's values, where the condition holds."""

    def one(activation: Activation) -> object:
        """A tuple of what this element adds, or a hole."""
        if condition is not None:
            decision = operators.decided(condition(activation), truthy=truthy)
            if decision is not True:
                return decision if type(decision) in HOLES else ()
        value = activation.loops[slot] if body is None else body(activation)
        return value if type(value) in HOLES else (value,)

    def finish(values: Iterable[object]) -> object:
        collected: list[object] = []
        for value in values:
            if type(value) in HOLES:
                return value
            collected.extend(value)  # type: ignore[arg-type]
        return tuple(collected)

    return _over(slot, operand, one, finish)
