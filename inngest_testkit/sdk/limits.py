"""The server's limits, as an engine enforces them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta

from inngest_testkit.errors import SetupError

__all__ = ["Limits"]

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What apps' functions may use; None lifts a limit.

    Sizes are in bytes of JSON. Attributes, with the dev server's values (source: recordings/sdk README, "Limits"):
        event: one event as it is sent, 3 MiB.
        step_output: what one step returns, 4 MiB.
        answer: one whole answer of the app, 8 MiB.
        state: the memos of all steps of a run, 32 MiB.
        request: a call request that carries events and memos, 4 MiB; beyond, the app is told to fetch them.
        steps: the steps of a run, 1,000; also of one plan.
        sleep: the longest sleep, wait or time-out, 366 days.
        name: characters of an event's name and a step's id; the server has no limit up to 513.
    """

    event: int | None = 3 * _MIB
    step_output: int | None = 4 * _MIB
    answer: int | None = 8 * _MIB
    state: int | None = 32 * _MIB
    request: int | None = 4 * _MIB
    steps: int | None = 1000
    sleep: timedelta | None = timedelta(days=366)
    name: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value: object = getattr(self, field.name)
            if field.name == "sleep":
                expected, fits = "a timedelta", isinstance(value, timedelta) and value > timedelta()
            else:
                expected = "a whole number"
                fits = isinstance(value, int) and not isinstance(value, bool) and value > 0
            if value is not None and not fits:
                raise SetupError(f"Limits({field.name}=...) takes {expected} above zero, or None, found {value!r}")


def exceeds(value: int, limit: int | None) -> bool:
    """Whether a value is above its limit, if there is one."""
    return limit is not None and value > limit
