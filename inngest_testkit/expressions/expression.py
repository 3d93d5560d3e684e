"""Compiled expressions: what the rest of the package uses."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from inngest_testkit.errors import ExpressionEvaluationError, ExpressionSyntaxError
from inngest_testkit.expressions import dates
from inngest_testkit.expressions.activation import Activation
from inngest_testkit.expressions.check import check, mixes_branches
from inngest_testkit.expressions.compiler import compile_tree
from inngest_testkit.expressions.conversions import wrong_result
from inngest_testkit.expressions.dialects import DAG, Dialect
from inngest_testkit.expressions.index import Equality, equalities, references
from inngest_testkit.expressions.parser import parse
from inngest_testkit.expressions.values import (
    MISSING,
    Duration,
    EvaluationFailure,
    Fault,
    MapValue,
    Timestamp,
    TypeValue,
    Uint,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from inngest_testkit.expressions.activation import Run

__all__ = ["Expression", "compile_expression"]

_SHOWN = 80
_TOO_DEEP = "the expression or its data is nested too deeply"


class Expression:
    """A compiled expression. Make one with `compile_expression`.

    Attributes:
        text: as it was given.
        dialect: whose rules it follows.
        references: the constant paths that it reads, sorted: `("event", "data", "total")` for
            `event.data.total` and `event['data']['total']`.
        equalities: the equalities that must hold for it to be true, in the order of the text.
        mixes_branches: whether the branches of some `?:` have types that are known and differ.

    It holds no state of an evaluation, so one can be used anywhere at the same time.

    """

    __slots__ = ("_run", "_slots", "dialect", "equalities", "mixes_branches", "references", "text")

    text: str
    dialect: Dialect
    references: tuple[tuple[str, ...], ...]
    equalities: tuple[Equality, ...]
    mixes_branches: bool

    def __init__(self, text: str, dialect: Dialect, variables: tuple[str, ...]) -> None:
        node = parse(text, literal_backslashes=dialect.literal_backslashes)
        check(text, node, dialect, variables)
        self.text = text
        self.dialect = dialect
        self.references = references(node, variables)
        self.equalities = equalities(node, variables)
        self.mixes_branches = mixes_branches(node)
        run, slots = compile_tree(node, dialect, variables)
        self._run: Run = run
        self._slots = slots

    def __repr__(self) -> str:
        shown = self.text if len(self.text) <= _SHOWN else self.text[:_SHOWN] + "…"
        return f"<Expression {shown!r} ({self.dialect.name})>"

    def evaluate(self, variables: Mapping[str, object], now: Callable[[], datetime]) -> object:
        """The value for these variables, or `MISSING`.

        Numbers from data are floats, lists and maps that the expression made are lists and dicts, a
        moment is an aware datetime (cut to microseconds) and a span a timedelta. `variables` holds
        JSON-shaped values by name; a declared name may be absent. `now` is the only clock.
        Raises ExpressionEvaluationError.
        """
        value = self._value(variables, now)
        if type(value) in _PLAIN:
            return value
        try:
            return self._export(value)
        except RecursionError:
            raise ExpressionEvaluationError(self.text, _TOO_DEEP) from None

    def test(self, variables: Mapping[str, object], now: Callable[[], datetime]) -> bool:
        """Whether the expression is true for these variables; missing is false.

        Raises ExpressionEvaluationError, also for a value that is neither true nor false, with the
        server's own words (recorded in trigger-expression-error).
        """
        value = self._value(variables, now)
        if value is True or value is False:
            return value is True
        if value is MISSING:
            return False
        try:
            reason = wrong_result(value, native=self.dialect.go_result_types)
        except RecursionError:
            reason = _TOO_DEEP
        raise ExpressionEvaluationError(self.text, reason)

    def _value(self, variables: Mapping[str, object], now: Callable[[], datetime]) -> object:
        try:
            value = self._run(Activation(variables, now, self._slots))
        except EvaluationFailure as failure:
            raise ExpressionEvaluationError(self.text, failure.reason) from None
        except RecursionError:
            raise ExpressionEvaluationError(self.text, _TOO_DEEP) from None
        if type(value) is Fault:
            raise ExpressionEvaluationError(self.text, value.reason)
        return value

    def _export(self, value: object) -> object:
        match value:
            case tuple():
                return [self._export(item) for item in value]
            case MapValue():
                return {key: self._export(item) for key, item in value.items()}
            case Uint():
                return int(value)
            case Duration():
                return timedelta(microseconds=value.nanos // 1000)
            case Timestamp():
                moment = dates.to_datetime(value)
                if moment is None:
                    raise ExpressionEvaluationError(self.text, "timestamp outside the years 1 to 9999")
                return moment
            case TypeValue():
                return value.name
        return value


_PLAIN = frozenset({bool, str, float, int, type(None), type(MISSING)})


def compile_expression(text: str, dialect: Dialect = DAG, *, variables: tuple[str, ...] | None = None) -> Expression:
    """The compiled expression; the same object for the same arguments.

    `variables` narrows the declared names, such as `("event",)` for a trigger. Raises
    ExpressionSyntaxError, with the place and a remedy, for what is no expression, for names that are
    not declared and for functions that the dialect does not have.
    """
    return _compiled(text, dialect, dialect.variables if variables is None else tuple(variables))


@lru_cache(maxsize=4096)
def _compiled(text: str, dialect: Dialect, variables: tuple[str, ...]) -> Expression:
    try:
        return Expression(text, dialect, variables)
    except RecursionError:
        raise ExpressionSyntaxError(text, 0, "the expression is nested too deeply") from None
