"""Crons of SDK functions that are late by their jitter, which the oldest SDK does not register."""

from __future__ import annotations

from datetime import timedelta

from inngest_testkit import RunStatus
from inngest_testkit.clock import epoch_ms

from .apps import client_of, function, serving
from .test_crons import NINE, TIMER, on, ticking, told


def test_a_run_with_jitter_is_told_both_moments():
    """In whole seconds as the server writes them; the event's `ts` has the milliseconds."""
    engine = ticking(("0 9 * * *", "5m"))
    (fire,) = engine.cron_calendar("f", end="1d")
    engine.advance("9h")
    (run,) = engine.runs()
    assert run.status is RunStatus.QUEUED
    assert [event.id for event in engine.events(TIMER)] == ["2024-01-01T09:00:00Z"]
    engine.advance("5m")
    late = fire.fires_at - NINE
    assert timedelta(seconds=1) <= late < timedelta(minutes=5)
    assert run.entries[0].at == fire.fires_at
    assert run.output == {
        "id": "2024-01-01T09:00:00Z",
        "ts": epoch_ms(fire.fires_at),
        "cron": "0 9 * * *",
        "scheduledAt": "2024-01-01T09:00:00Z",
        "fireAt": f"{fire.fires_at:%Y-%m-%dT%H:%M:%SZ}",
    }


def test_functions_of_one_schedule_are_late_each_by_their_own():
    client = client_of()
    crons = on(("0 9 * * *", "5m"))
    engine = serving(client, function(client, told, on=crons), function(client, told, id="g", on=crons))
    moments = [engine.cron_calendar(name, end="1d")[0].fires_at for name in ("f", "g")]
    assert moments[0] != moments[1]
    engine.advance("1d")
    assert {run.function_id: run.entries[0].at for run in engine.runs()} == dict(
        zip(("shop-f", "shop-g"), moments, strict=True)
    )
    assert len(engine.events(TIMER)) == 2


def test_the_first_schedule_decides_how_late_a_run_is():
    engine = ticking(("0 9 * * *", "1s"), ("0 */9 * * *", "5m"))
    engine.advance("10h")
    (run,) = engine.runs()
    assert run.entries[0].at == NINE + timedelta(seconds=1)
