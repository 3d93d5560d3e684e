"""What the tests of traffic share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from inngest_testkit import AsyncEngine, Engine, Function, Step, on_event
from inngest_testkit.testing.traffic.streams import merged

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
GO = "contact/uploaded"
IMPORT = Function("import", on_event(GO), steps=[Step("fetch", lambda: "row")])


def engine_of(*functions, **options):
    """An engine with these functions, or the import."""
    engine = Engine(**options)
    engine.register(*(functions or (IMPORT,)))
    return engine


async def async_engine_of(*functions, **options):
    """The same, async."""
    engine = AsyncEngine(**options)
    await engine.register(*(functions or (IMPORT,)))
    return engine


def offsets(*streams, until="1h", seed=0):
    """When the events of streams come, in seconds."""
    return [(moment - BEGIN).total_seconds() for moment, _ in arrivals(*streams, until=until, seed=seed)]


def arrivals(*streams, until="1h", seed=0):
    """The events of streams with their moments."""
    from inngest_testkit.durations import to_timedelta

    return list(merged(streams, BEGIN, BEGIN + to_timedelta(until), seed))


def span(**parts):
    return timedelta(**parts)
