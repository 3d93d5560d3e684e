"""What an engine can say of the crons of a function, without working anything."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from inngest_testkit.clock import as_utc, later
from inngest_testkit.cron import cron_calendar
from inngest_testkit.durations import parse_duration, to_timedelta
from inngest_testkit.errors import DurationError, SetupError
from inngest_testkit.functions.app import AppPlan

if TYPE_CHECKING:
    from inngest_testkit.cron import CronCalendar
    from inngest_testkit.engine.options import Duration
    from inngest_testkit.functions.app import Plan

__all__ = ["calendar_of"]


def calendar_of(
    plan: Plan, start: datetime | str | None, end: datetime | Duration, *, now: datetime, seed: int | str
) -> CronCalendar:
    """Return the calendar of a function's crons; `start` defaults to `now`, a span for `end` counts from the start.

    Raises `SetupError` for a function without a cron, for what is no moment or span, and as `cron_calendar`.
    """
    crons = [(each.schedule, each.jitter) for each in plan.triggers if each.schedule is not None]
    if not crons:
        triggers = ", ".join(each.text for each in plan.triggers) or "none"
        remedy = "inngest.TriggerCron(cron=...)" if isinstance(plan, AppPlan) else "on_cron(...)"
        raise SetupError(f"function {plan.function.id!r} has no cron, its triggers: {triggers}; add {remedy} to them")
    first = now if start is None else _start(start)
    last = _end(first, end)
    return cron_calendar(plan.function.id, crons, first, last, seed=seed, one_run=isinstance(plan, AppPlan))


def _start(start: datetime | str) -> datetime:
    if _span(start) is not None:
        raise SetupError(f"a calendar starts at a moment, found the span {start!r}; write end={start!r} to start now")
    return as_utc(start)


def _end(start: datetime, end: datetime | Duration) -> datetime:
    span = to_timedelta(end) if isinstance(end, (timedelta, int, float)) else _span(end)
    if span is None:
        return _moment(end)
    if span < timedelta():
        raise SetupError(f"the calendar's end is before its start: the span {end!r} is negative")
    return later(start, span)


def _moment(end: object) -> datetime:
    try:
        return as_utc(end)  # type: ignore[arg-type]  # it refuses what is no moment
    except SetupError as error:
        raise SetupError(f"the calendar's end is neither a span, such as '7d', nor a moment: {error}") from None


def _span(given: object) -> timedelta | None:
    """Read a span that is a text; None for what is none."""
    try:
        return parse_duration(given) if isinstance(given, str) else None
    except DurationError:
        return None
