"""Whether a tree names only what there is. Nothing is evaluated and no types are inferred."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inngest_testkit.errors import ExpressionSyntaxError, suggestion
from inngest_testkit.expressions import tree
from inngest_testkit.expressions.functions import FUNCTIONS

if TYPE_CHECKING:
    from inngest_testkit.expressions.dialects import Dialect

__all__ = ["MACRO_USES", "TYPE_NAMES", "check", "mixes_branches"]

#: Types as values. Those with dots are two names of which the first is not declared.
TYPE_NAMES = frozenset(
    {
        "bool",
        "bytes",
        "double",
        "google.protobuf.Duration",
        "google.protobuf.Timestamp",
        "int",
        "list",
        "map",
        "null_type",
        "string",
        "type",
        "uint",
    }
)
#: How each macro is written, for messages.
MACRO_USES = {
    "has": "has(event.data.plan)",
    "all": "x.all(i, i > 1)",
    "exists": "x.exists(i, i > 1)",
    "exists_one": "x.exists_one(i, i > 1)",
    "filter": "x.filter(i, i > 1)",
    "map": "x.map(i, i.id)",
}


def check(text: str, node: tree.Node, dialect: Dialect, variables: tuple[str, ...]) -> None:
    """Raise ExpressionSyntaxError for an undeclared name, an unknown function or a wrong number of arguments."""
    _Check(text, dialect, variables).node(node, frozenset())


class _Check:
    def __init__(self, text: str, dialect: Dialect, variables: tuple[str, ...]) -> None:
        self._text = text
        self._dialect = dialect
        self._variables = variables

    def node(self, node: tree.Node, bound: frozenset[str]) -> None:
        if isinstance(node, tree.Ident):
            self._ident(node, bound)
        elif isinstance(node, tree.Macro):
            self.node(node.operand, bound)
            for part in tree.children(node)[1:]:
                self.node(part, bound | {node.variable})
        else:
            if isinstance(node, tree.Call):
                self._call(node)
            if type_name(node, bound, self._variables) is None:
                for child in tree.children(node):
                    self.node(child, bound)

    def _ident(self, node: tree.Ident, bound: frozenset[str]) -> None:
        name = node.name
        if name in bound or name in self._variables or name in TYPE_NAMES:
            return
        remedy = f"quote it if it is text ('{name}')"
        if name in self._dialect.functions:
            remedy = f"call it if you mean the function ({name}())"
        near = suggestion(name, self._variables, label="declared names").removeprefix("; ")
        raise self._error(node, f"undeclared reference to '{name}': {remedy}" + (f"; {near}" if near else ""))

    def _call(self, node: tree.Call) -> None:
        name = node.name
        if name not in self._dialect.functions:
            if name in MACRO_USES:
                raise self._error(node, f"{name}() is not used like this: write {MACRO_USES[name]}")
            raise self._error(node, f"undeclared reference to '{name}': {self._known_functions(name)}")
        function = FUNCTIONS[name]
        allowed = function.arguments if node.target is None else function.method_arguments
        if len(node.args) not in allowed:
            raise self._error(node, f"found no matching overload for '{name}': write {_uses(name)}")

    def _known_functions(self, name: str) -> str:
        near = suggestion(name, self._dialect.functions).partition("; did you mean ")[2]
        known = ", ".join(self._dialect.functions)
        return "there is no such function" + (f"; did you mean {near}" if near else "") + f" (functions: {known})"

    def _error(self, node: tree.Node, reason: str) -> ExpressionSyntaxError:
        return ExpressionSyntaxError(self._text, node.offset, reason)


def mixes_branches(node: tree.Node) -> bool:
    """Whether the branches of some `?:` have types that are known and differ, as in `vip ? 10 : 0.5`."""
    if isinstance(node, tree.Conditional):
        kinds = {_kind(node.yes), _kind(node.no)} - {None}
        if len(kinds) > 1:
            return True
    return any(mixes_branches(child) for child in tree.children(node))


def _kind(node: tree.Node) -> str | None:
    """Return the type of what a node gives, None when that depends on the variables."""
    match node:
        case tree.Constant():
            return type(node.value).__name__
        case tree.Unary(operator="-"):
            return _kind(node.operand)
        case tree.Call(target=None, name="int" | "double" | "string"):
            return {"int": "int", "double": "float", "string": "str"}[node.name]
        case tree.Conditional():
            return _kind(node.yes) or _kind(node.no)
    return None


def type_name(node: tree.Node, bound: frozenset[str], variables: tuple[str, ...]) -> str | None:
    """The type that a node names, such as `google.protobuf.Timestamp`; None when it names none."""
    path = tree.constant_path(node)
    if path is None or path[0] in bound or path[0] in variables:
        return None
    name = ".".join(path)
    return name if name in TYPE_NAMES else None


def _uses(name: str) -> str:
    function = FUNCTIONS[name]
    plain = [f"{name}({', '.join('abc'[:count])})" for count in function.arguments]
    methods = [f"x.{name}({', '.join('abc'[:count])})" for count in function.method_arguments]
    return " or ".join(plain + methods)
