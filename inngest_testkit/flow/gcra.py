"""The generic cell rate algorithm: at most so many at once, then one every so often.

Each key has a theoretical arrival time: when it would be idle again if nothing more came. An arrival moves it on by one
emission interval, `period / limit`, and is allowed while it lies at most `at_once - 1` intervals ahead. So `at_once`
pass together, then one each interval; any window of a length w sees at most `at_once + w / interval`.

Source: recordings/sdk README, "Rate limit" and "Throttle"; the server's own arithmetic, in whole numbers here, so that
a limit of 3 in 10 s stays exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

__all__ = ["Arrivals", "Pace"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast: `limit` in each `period`, `at_once` of them together (from 1)."""

    limit: int
    period: timedelta
    at_once: int


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What is known of one key: the theoretical arrival time, in microseconds since 1970 times the limit."""

    theoretical: int
    limit: int

    @classmethod
    def at(cls, pace: Pace, now: datetime, before: Arrivals | None) -> Arrivals:
        """Return what is known at a moment: the key is idle, or still busy with what came before."""
        idle = (now - _EPOCH) // _MICROSECOND * pace.limit
        if before is None:
            return cls(idle, pace.limit)
        # Another version of the function may have had another limit.
        theoretical = before.theoretical * pace.limit // before.limit
        # Who comes in the first whole microsecond that is allowed is not late, or what is rounded up would add up.
        return cls(idle if idle - theoretical >= pace.limit else theoretical, pace.limit)

    def after_one(self, pace: Pace) -> Arrivals:
        """Return what is known when one more has come."""
        return Arrivals(self.theoretical + pace.period // _MICROSECOND, self.limit)

    def allowed_at(self, pace: Pace, ahead: int = 0) -> datetime:
        """Return when the next one is allowed, or the one with so many `ahead` of it."""
        spare = (pace.at_once - 1 - ahead) * (pace.period // _MICROSECOND)
        return _EPOCH + -(-(self.theoretical - spare) // self.limit) * _MICROSECOND

    @property
    def idle_at(self) -> datetime:
        """When nothing is known any more that counts."""
        return _EPOCH + -(-self.theoretical // self.limit) * _MICROSECOND
