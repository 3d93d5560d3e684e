"""The syntax tree of an expression: plain immutable nodes, each with its place in the text.

Nothing here evaluates or checks anything. Operators that may chain without end (`&&` and `||`)
are flat, so that a long chain is not a deep tree. Nodes are compared by identity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

__all__ = [
    "Binary",
    "Call",
    "Conditional",
    "Constant",
    "Has",
    "Ident",
    "Index",
    "ListNode",
    "Logic",
    "Macro",
    "MapNode",
    "Node",
    "Select",
    "Unary",
    "children",
    "constant_path",
]


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A literal; `value` is the evaluator's own value (`Uint` for `2u`)."""

    offset: int
    value: object


@dataclass(frozen=True, slots=True, eq=False)
class Ident:
    """A name: a declared variable, a macro's variable or a type."""

    offset: int
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Select:
    """`operand.field`."""

    offset: int
    operand: Node
    field: str


@dataclass(frozen=True, slots=True, eq=False)
class Has:
    """`has(operand.field)`."""

    offset: int
    operand: Node
    field: str


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """`operand[key]`."""

    offset: int
    operand: Node
    key: Node


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """`name(args)`, or `target.name(args)` when `target` is not None."""

    offset: int
    name: str
    target: Node | None
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Unary:
    """`!operand` or `-operand`."""

    offset: int
    operator: str
    operand: Node


@dataclass(frozen=True, slots=True, eq=False)
class Binary:
    """Two operands of a comparison, of `in` or of arithmetic."""

    offset: int
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True, eq=False)
class Logic:
    """A chain of `&&` or of `||` with two terms or more."""

    offset: int
    operator: str
    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Conditional:
    """`condition ? yes : no`."""

    offset: int
    condition: Node
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True, eq=False)
class ListNode:
    """`[a, b]`."""

    offset: int
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class MapNode:
    """`{k: v}`."""

    offset: int
    entries: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Macro:
    """`operand.kind(variable, body)`; `map` with three arguments has its condition in `condition`."""

    offset: int
    kind: str
    operand: Node
    variable: str
    condition: Node | None
    body: Node


Node: TypeAlias = (
    Constant | Ident | Select | Has | Index | Call | Unary | Binary | Logic | Conditional | ListNode | MapNode | Macro
)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below, in the order of the text. A macro's parts are included."""
    match node:
        case Constant() | Ident():
            return ()
        case Select() | Has() | Unary():
            return (node.operand,)
        case Index():
            return (node.operand, node.key)
        case Call():
            return node.args if node.target is None else (node.target, *node.args)
        case Binary():
            return (node.left, node.right)
        case Logic():
            return node.terms
        case Conditional():
            return (node.condition, node.yes, node.no)
        case ListNode():
            return node.items
        case MapNode():
            return tuple(part for entry in node.entries for part in entry)
        case Macro():
            return (node.operand, *(() if node.condition is None else (node.condition,)), node.body)


def constant_path(node: Node) -> tuple[str, ...] | None:
    """`("event", "data", "x")` for `event.data.x` and `event['data']['x']`; None for anything else."""
    keys: list[str] = []
    while not isinstance(node, Ident):
        if isinstance(node, Select):
            keys.append(node.field)
        elif isinstance(node, Index) and isinstance(node.key, Constant) and isinstance(node.key.value, str):
            keys.append(node.key.value)
        else:
            return None
        node = node.operand
    keys.append(node.name)
    return tuple(reversed(keys))
