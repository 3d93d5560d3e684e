"""What flow control attaches to a new run: its place in lines, the keys it is counted by, what may cancel it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inngest_testkit.clock import later
from inngest_testkit.expressions import compile_expression
from inngest_testkit.expressions.dialects import SDK
from inngest_testkit.flow.keys import key_text
from inngest_testkit.lifecycle.edges import wait_key
from inngest_testkit.state.base import Pause, PauseKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from inngest_testkit.functions.flow_control import FlowControl

__all__ = ["cancel_pauses", "keys_of"]


def keys_of(flow: FlowControl, variables: Mapping[str, Any], now: Callable[[], datetime]) -> tuple[str, ...]:
    """Return the values of a run's keys: of its limits of concurrency, in their order, then of its throttle."""
    keys = [key_text(limit.key, variables, now) for limit in flow.concurrency]
    if flow.throttle is not None:
        keys.append(key_text(flow.throttle.key, variables, now))
    return tuple(keys)


def cancel_pauses(
    flow: FlowControl, run_id: str, function_id: str, variables: Mapping[str, Any], now: datetime
) -> Iterator[Pause]:
    """Yield what a run waits for besides its steps: the events that cancel it.

    An event of that name, within the time, for which the condition (which reads the run's event as `event`, the new one
    as `async`) is true cancels the run, wherever it is. One whose condition cannot be evaluated does not. Source:
    recordings/sdk README, "Cancelling"; cancel_on_event, cancel_timeout.
    """
    for index, cancel in enumerate(flow.cancel):
        text = None if cancel.condition is None else cancel.condition.text
        yield Pause(
            id=f"{run_id}/cancel/{index}",
            run_id=run_id,
            edge=f"cancel/{index}",
            parent="",
            child="",
            event=cancel.event,
            match=text,
            expires=later(now, cancel.timeout),
            on_timeout=False,
            index=None if text is None else wait_key(compile_expression(text, SDK), variables),
            function_id=function_id,
            kind=PauseKind.CANCEL,
        )
