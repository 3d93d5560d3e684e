"""What an engine needs to know of an expression without running it: what it reads, what it compares.

An index of waits groups the waiting runs by the values of an `Equality`, so that an event is not
matched against every one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from inngest_testkit.expressions import tree
from inngest_testkit.expressions.values import MISSING, adapt

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Equality", "Literal", "equalities", "equality_key", "lookup", "references"]


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant in an expression, as JSON has it: text, a double, a boolean or None."""

    value: str | float | bool | None


@dataclass(frozen=True, slots=True)
class Equality:
    """`left == right`, which must hold for the whole expression to be true.

    `left` is a path; `right` a path or a `Literal`. With a literal, the path is on the left however the
    expression is written. Two paths stand as written.
    """

    left: tuple[str, ...]
    right: tuple[str, ...] | Literal


def equality_key(value: object) -> str | None:
    """A key such that two values are equal under `==` if and only if their keys are.

    None for what must not be indexed: null, missing, lists, objects, and NaN, which equals nothing.
    """
    if isinstance(value, bool):
        return "b:true" if value else "b:false"
    if isinstance(value, str):
        return "s:" + value
    if isinstance(value, int | float):
        number = adapt(value)
        if number != number:
            return None
        return f"n:{0.0 if number == 0 else number!r}"  # 0.0 and -0.0 are equal
    return None


def lookup(path: tuple[str, ...], variables: Mapping[str, object]) -> object:
    """The value at a path as an expression reads it (numbers are doubles), or MISSING."""
    value: object = variables
    try:
        for key in path:
            value = value[key]  # type: ignore[index]
    except (LookupError, TypeError):
        return MISSING
    return adapt(value)


def references(node: tree.Node, variables: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The paths of `variables` that an expression reads, sorted, each once and as long as it is constant."""
    found: set[tuple[str, ...]] = set()
    _collect(node, frozenset(variables), found)
    return tuple(sorted(found))


def _collect(node: tree.Node, names: frozenset[str], found: set[tuple[str, ...]]) -> None:
    operand = tree.Select(node.offset, node.operand, node.field) if isinstance(node, tree.Has) else node
    path = tree.constant_path(operand)
    if path is not None:
        if path[0] in names:
            found.add(path)
        return
    if isinstance(node, tree.Macro):
        _collect(node.operand, names, found)
        for part in tree.children(node)[1:]:
            _collect(part, names - {node.variable}, found)
        return
    for child in tree.children(node):
        _collect(child, names, found)


def equalities(node: tree.Node, variables: tuple[str, ...]) -> tuple[Equality, ...]:
    """The equalities among the conjuncts at the top of an expression, in the order of the text."""
    found: list[Equality] = []
    pending = [node]
    while pending:
        conjunct = pending.pop()
        if isinstance(conjunct, tree.Logic) and conjunct.operator == "&&":
            pending.extend(reversed(conjunct.terms))
        elif isinstance(conjunct, tree.Binary) and conjunct.operator == "==":
            equality = _equality(_side(conjunct.left, variables), _side(conjunct.right, variables))
            if equality is not None:
                found.append(equality)
    return tuple(found)


def _equality(left: tuple[str, ...] | Literal | None, right: tuple[str, ...] | Literal | None) -> Equality | None:
    if isinstance(left, tuple) and right is not None:
        return Equality(left, right)
    return Equality(right, left) if isinstance(left, Literal) and isinstance(right, tuple) else None


def _side(node: tree.Node, variables: tuple[str, ...]) -> tuple[str, ...] | Literal | None:
    if isinstance(node, tree.Constant):
        value = node.value
        if value is None or isinstance(value, bool | str):
            return Literal(value)
        return Literal(float(value)) if isinstance(value, int | float) else None
    path = tree.constant_path(node)
    return path if path is not None and len(path) > 1 and path[0] in variables else None
