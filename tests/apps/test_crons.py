"""Crons of SDK functions: several on one function, their jitter, their events, new registrations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import inngest
import pytest

from inngest_testkit import HistoryKind, RunStatus
from inngest_testkit.clock import epoch_ms
from inngest_testkit.errors import SetupError

from .apps import GO, client_of, function, serving

TIMER = "inngest/scheduled.timer"
NINE = datetime(2024, 1, 1, 9, tzinfo=UTC)
has_jitter = pytest.mark.skipif(
    "jitter" not in inngest.TriggerCron.model_fields, reason="this SDK registers no jitter for its crons"
)


def told(ctx):
    return {"id": ctx.event.id, "ts": ctx.event.ts, **ctx.event.data}
    yield


def on(*crons):
    """Cron triggers of texts, each alone or with its jitter."""
    pairs = [(each, None) if isinstance(each, str) else each for each in crons]
    return [inngest.TriggerCron(cron=text, **({"jitter": jitter} if jitter else {})) for text, jitter in pairs]


def ticking(*crons, **options):
    client = client_of()
    return serving(client, function(client, told, on=on(*crons)), **options)


def test_schedules_that_are_due_together_start_one_run_and_send_an_event_each():
    """The server's key of such a run is the function and the moment; the schedule listed first starts it."""
    engine = ticking("0 9 * * *", "0 */3 * * *", "TZ=Europe/Paris 0 10 * * *")
    engine.advance("12h")
    assert [(run.output["scheduledAt"][11:16], run.output["cron"]) for run in engine.runs()] == [
        ("03:00", "0 */3 * * *"),
        ("06:00", "0 */3 * * *"),
        # 09:00 UTC is 10:00 in Paris.
        ("09:00", "0 9 * * *"),
        ("12:00", "0 */3 * * *"),
    ]
    at_nine = [event for event in engine.events(TIMER) if event.id == "2024-01-01T09:00:00Z"]
    assert sorted(event.data["cron"] for event in at_nine) == ["0 */3 * * *", "0 9 * * *", "TZ=Europe/Paris 0 10 * * *"]
    dropped = [entry.data for entry in engine.history if entry.kind is HistoryKind.EVENT_DROPPED]
    assert [(entry["rule"], entry["function_id"], entry["event_id"]) for entry in dropped] == [
        ("idempotency", "shop-f", "2024-01-01T09:00:00Z")
    ] * 2
    assert {entry["reason"] for entry in dropped} == {"another schedule of the function is due at the same moment"}


def test_two_functions_of_one_schedule_run_each_and_share_its_event():
    client = client_of()
    every_day = on("0 9 * * *")
    engine = serving(client, function(client, told, on=every_day), function(client, told, id="g", on=every_day))
    engine.advance("1d")
    assert [run.function_id for run in engine.runs()] == ["shop-f", "shop-g"]
    assert len(engine.events(TIMER)) == 1


@has_jitter
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


@has_jitter
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


@has_jitter
def test_the_first_schedule_decides_how_late_a_run_is():
    engine = ticking(("0 9 * * *", "1s"), ("0 */9 * * *", "5m"))
    engine.advance("10h")
    (run,) = engine.runs()
    assert run.entries[0].at == NINE + timedelta(seconds=1)


def test_a_function_that_is_served_again_has_its_new_schedules_alone():
    client = client_of()
    engine = serving(client, function(client, told, on=on("0 * * * *", "30 */2 * * *")))
    engine.advance("150m")
    before = len(engine.runs())
    engine.serve(client, [function(client, told, on=[*on("15 * * * *"), inngest.TriggerEvent(event=GO)])])
    assert len(engine.queue) == 1
    engine.advance("2h")
    assert [f"{run.started_at:%H:%M}" for run in engine.runs()[before:]] == ["03:15", "04:15"]


def test_a_calendar_takes_the_sdks_function_and_its_id_in_its_app():
    client = client_of()
    made = function(client, told, on=on("0 9 * * *", "0 6 * * MON"))
    engine = serving(client, made)
    calendars = [engine.cron_calendar(given, end="7d") for given in (made, "f", "shop-f")]
    assert calendars[0] == calendars[1] == calendars[2]
    assert len(calendars[0]) == 7 + 1


def test_a_function_without_a_cron_says_how_to_add_one():
    client = client_of()
    engine = serving(client, function(client, told))
    with pytest.raises(SetupError, match=r"function 'shop-f' has no cron, .*; add inngest.TriggerCron\(cron=...\)"):
        engine.cron_calendar("f")
