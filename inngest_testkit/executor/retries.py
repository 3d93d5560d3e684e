"""How often a step is tried, and when.

Source: recordings/dag README, "Failure and retry": three attempts, 10 x 2^(n-1) seconds before retry number n,
plus up to 15 % at random, cut to whole seconds.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from inngest_testkit.clock import later

if TYPE_CHECKING:
    import random

__all__ = ["MAX_ATTEMPTS", "retry_at"]

#: Executions of a step, the first included.
MAX_ATTEMPTS = 3
_BASE_S = 10
_JITTER = 0.15


def retry_at(
    now: datetime, failed: int, retry_after: timedelta | datetime | None, jitter: random.Random | None
) -> datetime:
    """Return when the attempt after attempt number `failed` (from 0) comes; without `jitter`, the lower bound."""
    if isinstance(retry_after, datetime):
        return max(now, retry_after)
    if isinstance(retry_after, timedelta):
        return later(now, retry_after)
    delay = float(_BASE_S * 2**failed)
    if jitter is not None:
        delay += delay * _JITTER * jitter.random()
    return now + timedelta(seconds=int(delay))
