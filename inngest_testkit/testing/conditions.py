"""Conditions whose truth is known without evaluating their text."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

__all__ = ["Both", "Comparison", "Condition", "Either", "Not", "Reference", "Tree"]


@dataclass(frozen=True, slots=True)
class Reference:
    """A path into what an expression reads, such as `event.data.n` or `steps.a.n`."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(self.names)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left` compared (`==`, `!=`, `<`, `>=`) with a number, a boolean, a text, null or another path."""

    left: Reference
    operator: str
    right: Reference | bool | int | str | None

    def __str__(self) -> str:
        return f"{self.left} {self.operator} {_literal(self.right)}"


@dataclass(frozen=True, slots=True)
class Not:
    """`!(inner)`."""

    inner: Tree

    def __str__(self) -> str:
        return f"!({self.inner})"


@dataclass(frozen=True, slots=True)
class Both:
    """`(left) && (right)`."""

    left: Tree
    right: Tree

    def __str__(self) -> str:
        return f"({self.left}) && ({self.right})"


@dataclass(frozen=True, slots=True)
class Either:
    """`(left) || (right)`."""

    left: Tree
    right: Tree

    def __str__(self) -> str:
        return f"({self.left}) || ({self.right})"


Tree: TypeAlias = "Comparison | Not | Both | Either"


class Condition(str):
    """The text of an expression that also knows its `tree`, and so whether it `holds`."""

    __slots__ = ("tree",)

    tree: Tree

    def __new__(cls, tree: Tree) -> Self:
        """Write the tree as an expression."""
        self = super().__new__(cls, str(tree))
        self.tree = tree
        return self

    def __getnewargs__(self) -> tuple[Tree]:  # type: ignore[override]
        return (self.tree,)

    def holds(self, **variables: object) -> bool:
        """Say whether it is true for `event`, `steps`, `response` and `async`, as the servers see missing values."""
        return _holds(self.tree, variables)


class _MissingType:
    def __repr__(self) -> str:
        return "MISSING"


_MISSING: Final[Any] = _MissingType()

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">=": operator.ge,
}
#: Source: recordings/dag README, "Expressions": what a comparison with a missing left side is.
_LEFT_MISSING = {"==": False, "!=": True, "<": True, ">=": False}
_RIGHT_MISSING = {"==": False, "!=": True, "<": False, ">=": True}


def _holds(tree: Tree, variables: Mapping[str, object]) -> bool:
    if isinstance(tree, Not):
        return not _holds(tree.inner, variables)
    if isinstance(tree, Both):
        return _holds(tree.left, variables) and _holds(tree.right, variables)
    if isinstance(tree, Either):
        return _holds(tree.left, variables) or _holds(tree.right, variables)
    return _compare(tree, variables)


def _compare(tree: Comparison, variables: Mapping[str, object]) -> bool:
    left, right = _value(tree.left, variables), _value(tree.right, variables)
    if left is _MISSING:
        absent = right is None and tree.operator in ("==", "!=")
        return (tree.operator == "==") if absent else _LEFT_MISSING[tree.operator]
    if right is _MISSING:
        return _RIGHT_MISSING[tree.operator]
    return _OPERATORS[tree.operator](left, right)


def _value(operand: object, variables: Mapping[str, object]) -> object:
    if not isinstance(operand, Reference):
        return operand
    value: object = variables
    for name in operand.names:
        if not isinstance(value, Mapping) or name not in value:
            return _MISSING
        value = value[name]
    return value


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    return f"'{value}'" if isinstance(value, str) else str(value)
