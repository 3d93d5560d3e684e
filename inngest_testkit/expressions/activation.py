"""The state of one evaluation, and the shape of compiled code."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

__all__ = ["Activation", "Run"]


class Activation:
    """The variables, the clock, and the macros' variables by slot."""

    __slots__ = ("loops", "now", "variables")

    def __init__(self, variables: Mapping[str, object], now: Callable[[], datetime], slots: int) -> None:
        self.variables = variables
        self.now = now
        self.loops: list[object] = [None] * slots


#: Gives a value or a hole; raises nothing but EvaluationFailure.
Run: TypeAlias = "Callable[[Activation], object]"
