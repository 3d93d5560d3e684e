"""Closures for calls, operators, logic and literals, over compiled operands.

Each exists in two forms: strict, for operands that depend on a macro's variable, where plain CEL holds;
and lenient, where a hole among the operands is answered by `operators.hole_result`.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from inngest_testkit.expressions import operators
from inngest_testkit.expressions.values import HOLES, EvaluationFailure, MapValue, Uint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from inngest_testkit.expressions.activation import Activation, Run

__all__ = [
    "Code",
    "clocked",
    "conditional",
    "equality",
    "joining",
    "listing",
    "logic",
    "loops_of",
    "mapping",
    "order",
    "two",
    "unary",
]

_Fold: TypeAlias = "Callable[[Iterable[object]], object]"


@dataclass(frozen=True, slots=True)
class Code:
    """A compiled node. `loops`: the slots of the macro variables that its value depends on."""

    run: Run
    loops: frozenset[int] = frozenset()


def loops_of(codes: Iterable[Code]) -> frozenset[int]:
    """The slots that any of `codes` depends on."""
    return frozenset().union(*(code.loops for code in codes))


def unary(name: str, function: Callable[[Any], object], code: Code) -> Code:
    """A call with one argument."""
    argument, strict = code.run, bool(code.loops)

    def run(activation: Activation) -> object:
        value = argument(activation)
        if type(value) in HOLES:
            return value if strict else operators.hole_result(name, (value,))
        return function(value)

    return Code(run, code.loops)


def two(name: str, function: Callable[[Any, Any], object], codes: Sequence[Code]) -> Code:
    """A call with two arguments."""
    (first, second), loops = (code.run for code in codes), loops_of(codes)

    def run(activation: Activation) -> object:
        left, right = first(activation), second(activation)
        if type(left) in HOLES or type(right) in HOLES:
            return (operators.strict_hole if loops else _lenient)(name, (left, right))
        return function(left, right)

    return Code(run, loops)


_lenient = operators.hole_result


def clocked(name: str, function: Callable[..., object], codes: Sequence[Code]) -> Code:
    """A call that needs the clock. A hole as its argument crashed the v0.5.0 server, so it ends the evaluation."""
    arguments = tuple(code.run for code in codes)

    def run(activation: Activation) -> object:
        values = [argument(activation) for argument in arguments]
        if any(type(value) in HOLES for value in values):
            raise EvaluationFailure(f"{name}() has no argument: it is missing or an error")
        return function(activation.now, *values)

    return Code(run, loops_of(codes))


def equality(left: Run, right: Run, *, negated: bool) -> Run:
    """`==` and `!=`, lenient."""
    name = "!=" if negated else "=="

    def run(activation: Activation) -> object:
        a, b = left(activation), right(activation)
        if type(a) is type(b) and type(a) in _DIRECT:
            return (a == b) is not negated
        if type(a) in HOLES or type(b) in HOLES:
            return operators.hole_result(name, (a, b))
        return operators.equal(a, b) is not negated

    return run


_DIRECT: Final = frozenset({str, float, bool})
_TESTS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def order(name: str, left: Run, right: Run) -> Run:
    """`<` and the like, lenient: null counts as the other's zero."""
    function, test = operators.BINARY[name], _TESTS[name]

    def run(activation: Activation) -> object:
        a, b = left(activation), right(activation)
        if type(a) is float and type(b) in (int, float, Uint):
            b = float(b)  # type: ignore[arg-type]
            if a == a and b == b:
                return test(a, b)
        if type(a) in HOLES or type(b) in HOLES:
            return operators.hole_result(name, (a, b))
        return function(*operators.zero_for_null(a, b))

    return run


def joining(left: Run, right: Run) -> Run:
    """`+`, lenient, for a dialect that joins texts."""

    def run(activation: Activation) -> object:
        a, b = left(activation), right(activation)
        if type(a) in HOLES or type(b) in HOLES:
            return operators.join(a, b)
        return operators.join_texts(a, b)

    return run


def logic(fold: _Fold, codes: Sequence[Code]) -> Code:
    """`&&` and `||`; the terms are evaluated as far as needed."""
    terms = tuple(code.run for code in codes)
    return Code(lambda activation: fold(term(activation) for term in terms), loops_of(codes))


def conditional(codes: Sequence[Code], *, truthy: bool) -> Code:
    """`?:`; the branch not taken is not evaluated."""
    condition, yes, no = (code.run for code in codes)

    def run(activation: Activation) -> object:
        decision = operators.decided(condition(activation), truthy=truthy)
        if decision is True:
            return yes(activation)
        return no(activation) if decision is False else decision

    return Code(run, loops_of(codes))


def listing(codes: Sequence[Code]) -> Code:
    """A list literal; a hole in it is the result."""
    items = tuple(code.run for code in codes)

    def run(activation: Activation) -> object:
        values = tuple(item(activation) for item in items)
        if any(type(value) in HOLES for value in values):
            return operators.strict_hole("[_]", values)
        return values

    return Code(run, loops_of(codes))


def mapping(codes: Sequence[Code]) -> Code:
    """A map literal, from keys and values in turn; a hole in it is the result."""
    items = tuple(code.run for code in codes)

    def run(activation: Activation) -> object:
        values = tuple(item(activation) for item in items)
        if any(type(value) in HOLES for value in values):
            return operators.strict_hole("{_}", values)
        made = MapValue()
        for key, value in zip(values[::2], values[1::2], strict=True):
            fault = made.add(key, value)
            if fault is not None:
                return fault
        return made

    return Code(run, loops_of(codes))
