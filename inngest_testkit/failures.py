"""What a step's code raises to steer its retries."""

from __future__ import annotations

from datetime import datetime, timedelta

from inngest_testkit.clock import as_utc
from inngest_testkit.durations import to_timedelta
from inngest_testkit.errors import TestkitError

__all__ = ["NonRetriableError", "RetryAfterError", "StepFailedError"]


class StepFailedError(TestkitError):
    """The step's attempt has failed with this message."""


class NonRetriableError(StepFailedError):
    """The step has failed for good: no further attempts."""


class RetryAfterError(StepFailedError):
    """The attempt has failed; the next one, if any is left, comes at `retry_after`.

    That is a span (a timedelta, a text such as `5m`, or seconds) or an aware datetime; kept as a timedelta or a
    datetime in UTC. Raises `DurationError` or `SetupError` for anything else.
    """

    retry_after: timedelta | datetime

    def __init__(self, message: str, retry_after: timedelta | datetime | str | float) -> None:
        if isinstance(retry_after, datetime):
            self.retry_after = as_utc(retry_after)
        else:
            self.retry_after = to_timedelta(retry_after)
        super().__init__(message)
