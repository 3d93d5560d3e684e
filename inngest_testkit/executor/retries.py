"""How often something is tried, and when the next attempt comes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from inngest_testkit.clock import later

if TYPE_CHECKING:
    import random

__all__ = ["MAX_ATTEMPTS", "Retries"]

#: Executions of a DAG function's step, the first included.
MAX_ATTEMPTS = 3
_BASE_S = 10
_JITTER = 0.15

_CALL_DELAYS_S = (15, 30, 60, 120, 300, 600, 1200, 2400, 3600, 7200)
_CALL_JITTER_S = 30
_SOONEST, _LATEST = timedelta(seconds=1), timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Retries:
    """When the next attempt comes: at the lower bound of the server's delay, unless there is `jitter`.

    `interval` is a fixed delay in the place of the servers' tables, as `--retry-interval` of the dev server.
    """

    jitter: random.Random | None = None
    interval: timedelta | None = None

    def of_step(self, now: datetime, failed: int, retry_after: timedelta | datetime | None) -> datetime:
        """Return when a DAG step is tried after attempt number `failed` (from 0).

        10 x 2^(n-1) seconds before retry number n, plus up to 15 % at random, cut to whole seconds.
        Source: recordings/dag README, "Failure and retry".
        """
        if retry_after is not None:
            return max(now, _moment(now, retry_after))
        if self.interval is not None:
            return later(now, self.interval)
        delay = float(_BASE_S * 2**failed)
        if self.jitter is not None:
            delay += delay * _JITTER * self.jitter.random()
        return later(now, timedelta(seconds=int(delay)))

    def of_call(self, now: datetime, failed: int, retry_after: timedelta | datetime | None) -> datetime:
        """Return when an app's function is called after attempt number `failed` (from 0).

        15 s, 30 s, 1 min, 2, 5, 10, 20, 40 min, 1 h, then 2 h, plus 0 to 30 s at random; what the app asks for counts
        between 1 s and 24 h. Source: recordings/sdk README, "Errors and retries".
        """
        if retry_after is not None:
            return min(max(_moment(now, retry_after), later(now, _SOONEST)), later(now, _LATEST))
        if self.interval is not None:
            return later(now, self.interval)
        delay = float(_CALL_DELAYS_S[min(failed, len(_CALL_DELAYS_S) - 1)])
        if self.jitter is not None:
            delay += self.jitter.uniform(0, _CALL_JITTER_S)
        return later(now, timedelta(seconds=delay))


def _moment(now: datetime, retry_after: timedelta | datetime) -> datetime:
    return retry_after if isinstance(retry_after, datetime) else later(now, retry_after)
