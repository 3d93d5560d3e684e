"""Priority: a run's place among those that wait is moved by so many seconds.

The expression's whole number, cut to 12 hours either way, counts as if the run had been created that much earlier. Any
other result counts as 0: numbers of an event are not whole ones unless `int(...)` makes them so. A negative one delays
the start by as much. As the place depends on the run's age, a run is overtaken only by those created less than the
difference of their priorities after it: nobody waits for ever.

Source: recordings/sdk README, "Priority"; priority.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inngest_testkit.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from inngest_testkit.functions.flow_control import Key

__all__ = ["MOST", "factor_of"]

#: Seconds by which a run can be moved, either way.
MOST = 43_200


def factor_of(expression: Key | None, variables: Mapping[str, Any], now: Callable[[], datetime]) -> int:
    """Return by how many seconds a run's place is moved to the front."""
    if expression is None:
        return 0
    try:
        value = expression.evaluate(variables, now)
    except ExpressionError:
        return 0
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return max(-MOST, min(MOST, value))
