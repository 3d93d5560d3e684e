"""From the tree to Python closures, made once per expression.

What differs between the dialects is chosen here, while compiling, and costs nothing when evaluating.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from inngest_testkit.expressions import closures, macros, operators, paths, tree
from inngest_testkit.expressions.check import type_name
from inngest_testkit.expressions.closures import Code, loops_of
from inngest_testkit.expressions.functions import FUNCTIONS
from inngest_testkit.expressions.values import TypeValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inngest_testkit.expressions.activation import Run
    from inngest_testkit.expressions.dialects import Dialect

__all__ = ["compile_tree"]

# The slots of the macros' variables that are in sight, by name.
_Scope: TypeAlias = "Mapping[str, int]"
_PathNode: TypeAlias = tree.Ident | tree.Select | tree.Index


def compile_tree(node: tree.Node, dialect: Dialect, variables: tuple[str, ...]) -> tuple[Run, int]:
    """The closure of a checked tree, and the number of slots that an Activation needs."""
    compiler = _Compiler(dialect, variables)
    return compiler.node(node, {}).run, compiler.slots


class _Compiler:
    def __init__(self, dialect: Dialect, variables: tuple[str, ...]) -> None:
        self._variables = variables
        self._truthy = dialect.truthy_logic
        self._joins = dialect.joins_texts
        self._and = operators.first_falsy if dialect.truthy_logic else operators.all_true
        self._or = operators.first_truthy if dialect.truthy_logic else operators.any_true
        self.slots = 0

    def node(self, node: tree.Node, scope: _Scope) -> Code:
        match node:
            case tree.Constant(value=value):
                return Code(lambda _: value)
            case tree.Ident() | tree.Select() | tree.Index():
                return self._path(node, scope)
            case tree.Has():
                return self._has(node, scope)
            case tree.Call():
                return self._call(node, scope)
            case tree.Macro():
                return self._macro(node, scope)
            case tree.Binary():
                return self._binary(node, scope)
        codes = self._all(tree.children(node), scope)
        match node:
            case tree.Unary():
                function = operators.not_ if node.operator == "!" else operators.negate
                return closures.unary(node.operator, function, codes[0])
            case tree.Logic():
                return closures.logic(self._and if node.operator == "&&" else self._or, codes)
            case tree.Conditional():
                return closures.conditional(codes, truthy=self._truthy)
            case tree.ListNode():
                return closures.listing(codes)
        return closures.mapping(codes)

    def _all(self, nodes: Iterable[tree.Node], scope: _Scope) -> list[Code]:
        return [self.node(node, scope) for node in nodes]

    def _path(self, node: _PathNode, scope: _Scope) -> Code:
        named = type_name(node, frozenset(scope), self._variables)
        if named is not None:
            value = TypeValue(named)
            return Code(lambda _: value)
        path = tree.constant_path(node)
        if path is not None and path[0] not in scope:
            return Code(paths.root_run(path[0]) if len(path) == 1 else paths.path_run(path))
        return self._step(node, scope)

    def _step(self, node: _PathNode, scope: _Scope) -> Code:
        if isinstance(node, tree.Ident):
            slot = scope[node.name]
            return Code(paths.loop_run(slot), frozenset({slot}))
        codes = self._all(tree.children(node), scope)
        loops = loops_of(codes)
        missing = not loops and self._rooted(node, scope)
        if isinstance(node, tree.Select):
            return Code(paths.select_run(codes[0].run, node.field, missing=missing), loops)
        return Code(paths.index_run(codes[0].run, codes[1].run, missing=missing), loops)

    def _rooted(self, node: tree.Node, scope: _Scope) -> bool:
        """Whether this is a path into the variables, where what is not there is missing."""
        while isinstance(node, tree.Select | tree.Index):
            node = node.operand
        return isinstance(node, tree.Ident) and node.name in self._variables and node.name not in scope

    def _has(self, node: tree.Has, scope: _Scope) -> Code:
        operand = self.node(node.operand, scope)
        missing = not operand.loops and self._rooted(node.operand, scope)
        return Code(paths.has_run(operand.run, node.field, missing=missing), operand.loops)

    def _call(self, node: tree.Call, scope: _Scope) -> Code:
        codes = self._all(tree.children(node), scope)
        function = FUNCTIONS[node.name]
        if function.run_with_clock is not None:
            return closures.clocked(node.name, function.run_with_clock, codes)
        run = function.run
        assert run is not None  # noqa: S101 - a function has one of the two
        return closures.unary(node.name, run, codes[0]) if len(codes) == 1 else closures.two(node.name, run, codes)

    def _binary(self, node: tree.Binary, scope: _Scope) -> Code:
        codes, name = self._all((node.left, node.right), scope), node.operator
        if loops_of(codes):
            return closures.two(name, operators.BINARY[name], codes)
        left, right = codes[0].run, codes[1].run
        if name in ("==", "!="):
            return Code(closures.equality(left, right, negated=name == "!="))
        if name in operators.ORDERS:
            return Code(closures.order(name, left, right))
        if name == "+" and self._joins:
            return Code(closures.joining(left, right))
        return closures.two(name, operators.BINARY[name], codes)

    def _macro(self, node: tree.Macro, scope: _Scope) -> Code:
        operand = self.node(node.operand, scope)
        slot = self.slots
        self.slots += 1
        parts = self._all(tree.children(node)[1:], {**scope, node.variable: slot})
        run = self._macro_run(node, slot, operand.run, [part.run for part in parts])
        return Code(run, loops_of([operand, *parts]) - {slot})

    def _macro_run(self, node: tree.Macro, slot: int, operand: Run, parts: list[Run]) -> Run:
        if node.kind in ("all", "exists"):
            return macros.folding_run(slot, operand, parts[0], self._and if node.kind == "all" else self._or)
        if node.kind == "exists_one":
            return macros.counting_run(slot, operand, parts[0], truthy=self._truthy)
        condition = parts[0] if node.kind == "filter" or node.condition is not None else None
        body = None if node.kind == "filter" else parts[-1]
        return macros.collecting_run(slot, operand, condition, body, truthy=self._truthy)
