"""Singleton: for each key one run is alive at a time.

With `skip`, an event that comes while a run is going starts nothing. With `cancel`, it cancels that run and starts. The
key is free again when the run is over, however it ends. A key that is `false` or missing switches the rule off, and so
does one that cannot be evaluated.

Source: recordings/sdk README, "Singleton" and "Corrections"; singleton_skip, singleton_no_key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inngest_testkit.errors import ExpressionError
from inngest_testkit.flow.keys import optional_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from inngest_testkit.flow.base import FlowStore
    from inngest_testkit.functions.flow_control import Singleton

__all__ = ["Lock", "lock_of", "unlock"]


@dataclass(frozen=True, slots=True)
class Lock:
    """Which run has a key, from before it is created; `cause` is what asks for it, perhaps once more."""

    run_id: str
    cause: str


def lock_of(rule: Singleton, function_id: str, variables: Mapping[str, Any], now: Callable[[], datetime]) -> str | None:
    """Return the name of the lock that a run for an event needs; None when it needs none."""
    try:
        key = optional_key(rule.key, variables, now)
    except ExpressionError:
        return None
    return None if key is None else f"singleton/{function_id}/{key}"


async def unlock(flow: FlowStore, lock: str, run_id: str, now: datetime) -> None:
    """Free a lock, unless another run has it by now."""
    entry = await flow.load(lock, now)
    if isinstance(entry.value, Lock) and entry.value.run_id == run_id:
        await flow.save(lock, None, entry.version)
