"""Crons of SDK functions: several on one function, their jitter, their events, new registrations."""

from __future__ import annotations

from datetime import UTC, datetime

import inngest
import pytest

from inngest_testkit import HistoryKind
from inngest_testkit.errors import SetupError

from .apps import GO, client_of, function, serving

TIMER = "inngest/scheduled.timer"
NINE = datetime(2024, 1, 1, 9, tzinfo=UTC)


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
