"""Cron: when a schedule is due, by how much its run is late, and the calendar of both."""

from __future__ import annotations

from inngest_testkit.cron.calendar import CronCalendar, CronFire, Mark, cron_calendar
from inngest_testkit.cron.jitter import jitter_problem, lateness, parse_jitter
from inngest_testkit.cron.schedule import Schedule

__all__ = [
    "CronCalendar",
    "CronFire",
    "Mark",
    "Schedule",
    "cron_calendar",
    "jitter_problem",
    "lateness",
    "parse_jitter",
]
