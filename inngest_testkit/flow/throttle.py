"""Throttle: runs of one key start at a pace; those that come faster wait, and none is dropped.

The cell rate algorithm (`gcra`) with `limit + burst` at once and one each `period / limit`, asked when the first work
of a run is due. Who waits stands in line by priority, then by arrival.

Source: recordings/sdk README, "Throttle"; throttle, throttle_limit_three. Its whole seconds are an artefact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inngest_testkit.flow.base import PacedKey
from inngest_testkit.flow.gcra import Pace

if TYPE_CHECKING:
    from inngest_testkit.functions.flow_control import Throttle

__all__ = ["pace_of", "paced_key"]


def pace_of(rule: Throttle) -> Pace:
    """Return how fast a rule lets runs start."""
    return Pace(rule.limit, rule.period, max(1, rule.limit + rule.burst))


def paced_key(rule: Throttle, function_id: str, key: str) -> PacedKey:
    """Return what the runs of a function that have this key start at; the key is of that function alone."""
    return PacedKey(f"throttle/{function_id}/{key}", pace_of(rule), key)
