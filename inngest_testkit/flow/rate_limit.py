"""Rate limit: of the events with one key, those that come too fast start nothing.

The cell rate algorithm (`gcra`) with `1 + limit // 10` at once and one each `period / limit`. An event that came too
fast is dropped for good; one whose key is `false` or missing is not limited, and one whose key cannot be evaluated
starts nothing. An event that is delivered again because its worker was lost is not counted twice.

Source: recordings/sdk README, "Rate limit" and "Corrections"; rate_limit, rate_limit_burst, rate_limit_twenty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from inngest_testkit.flow.gcra import Arrivals, Pace

if TYPE_CHECKING:
    from datetime import datetime

    from inngest_testkit.functions.flow_control import RateLimit

__all__ = ["Limited", "Taken", "pace_of", "take"]


@dataclass(frozen=True, slots=True)
class Taken:
    """What is known of one key: its arrivals, and the delivery that was let through last."""

    arrivals: Arrivals
    last: str


@dataclass(frozen=True, slots=True)
class Limited:
    """The event came too fast; `until` is when the next one may come."""

    until: datetime


def pace_of(rule: RateLimit) -> Pace:
    """Return how fast a rule lets events through."""
    return Pace(rule.limit, rule.period, 1 + rule.limit // 10)


def take(rule: RateLimit, before: Taken | None, delivery: str, now: datetime) -> Taken | Limited:
    """Return what is known when an event has come, or that it is too fast."""
    if before is not None and before.last == delivery:
        return before
    pace = pace_of(rule)
    arrivals = Arrivals.at(pace, now, None if before is None else before.arrivals)
    allowed = arrivals.allowed_at(pace)
    return Limited(allowed) if allowed > now else Taken(arrivals.after_one(pace), delivery)
