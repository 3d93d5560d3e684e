"""What starts functions: triggers of both kinds of functions, wildcards, crons, new registrations."""

from __future__ import annotations

from datetime import timedelta

import inngest
import pytest

from inngest_testkit import Event, Function, RunStatus, Step, after, on_event

from .apps import GO, client_of, function, seconds, serving, shop


def named(ctx):
    return ctx.event.name
    yield


@pytest.mark.parametrize(("name", "starts"), [("shop/go", 1), ("shop/go/deep", 1), ("shop", 0), ("other/go", 0)])
def test_a_wildcard_names_every_event_below_it(name, starts):
    engine = shop(named, on="shop/*")
    assert len(engine.send(name).runs) == starts


def test_of_several_triggers_one_starts_one_run():
    client = client_of()
    triggers = [
        inngest.TriggerEvent(event=GO, expression="event.data.n > 5"),
        inngest.TriggerEvent(event="shop/*"),
        inngest.TriggerEvent(event="else"),
    ]
    engine = serving(client, function(client, named, on=triggers))
    assert [len(engine.send(*event).runs) for event in ((GO, {"n": 9}), (GO, {"n": 1}), ("else",), ("none",))] == [
        1,
        1,
        1,
        0,
    ]


def test_a_trigger_that_is_false_starts_nothing_and_says_so():
    client = client_of()
    engine = serving(
        client, function(client, named, on=inngest.TriggerEvent(event=GO, expression="event.data.plan == 'pro'"))
    )
    sent = engine.send(GO, {"plan": "free"})
    assert sent.runs == ()
    assert "the condition of no trigger on 'shop/go' was true" in sent.why_nothing


def test_a_cron_starts_runs_with_the_servers_event():
    client = client_of()

    def body(ctx):
        yield ctx.step.run("work", lambda: None)
        return {"name": ctx.event.name, "data": dict(ctx.event.data)}

    engine = serving(client, function(client, body, on=inngest.TriggerCron(cron="0 9 * * *")))
    engine.advance("2d")
    runs = engine.runs()
    assert [f"{run.started_at:%d %H:%M}" for run in runs] == ["01 09:00", "02 09:00"]
    at = "2024-01-01T09:00:00Z"
    assert runs[0].output == {
        "name": "inngest/scheduled.timer",
        "data": {"cron": "0 9 * * *", "fireAt": at, "scheduledAt": at},
    }


def test_a_cron_in_a_zone_skips_the_hour_that_does_not_exist():
    client = client_of()
    cron = inngest.TriggerCron(cron="TZ=America/New_York 30 2 * * *")
    engine = serving(client, function(client, named, on=cron), start="2024-03-09T00:00:00Z")
    engine.advance("3d")
    assert [f"{run.started_at:%d %H:%M}" for run in engine.runs()] == ["09 07:30", "11 06:30"]


def test_an_event_whose_moment_lies_ahead_starts_its_run_then():
    engine = shop(named)
    moment = engine.now + timedelta(hours=3)
    run = engine.send(GO, ts=int(moment.timestamp() * 1000)).run
    assert run.status is RunStatus.QUEUED
    engine.advance("3h")
    assert run.status is RunStatus.COMPLETED
    assert seconds(run, run.ended_at) == 3 * 3600


def test_the_same_event_id_starts_a_function_once():
    engine = shop(named)
    first = engine.send(Event(GO, id="once")).run
    again = engine.send(Event(GO, id="once"))
    assert again.runs == ()
    assert first.id in again.why_nothing


def test_a_dag_function_starts_by_an_app_functions_event_and_the_other_way_round():
    client = client_of()

    def asks(ctx):
        yield ctx.step.send_event("ask", inngest.Event(name="dag/ask", data={"n": 1}))
        event = yield ctx.step.wait_for_event("answer", event="dag/answer", timeout=timedelta(hours=1))
        return event.data["n"]

    engine = serving(client, function(client, asks))
    answer = Step("answer", lambda send, event: send("dag/answer", {"n": event.data["n"] + 1}), after=after(wait="1m"))
    engine.register(Function("dag", on_event("dag/ask"), steps=[answer]))
    run = engine.send(GO).run
    engine.advance("1m")
    assert run.output == 2


def test_an_app_function_and_a_dag_function_start_by_the_same_event():
    engine = shop(named)
    engine.register(Function("dag", on_event(GO), steps=[Step("s", lambda: 1)]))
    assert [run.function_id for run in engine.send(GO).runs] == ["shop-f", "dag"]


def test_an_app_function_starts_by_the_end_of_another():
    client = client_of()
    ended = inngest.TriggerEvent(event="inngest/function.finished", expression="event.data.function_id == 'shop-f'")

    def listens(ctx):
        return ctx.event.data["result"]
        yield

    engine = serving(client, function(client, named), function(client, listens, id="listens", on=ended))
    engine.send(GO)
    assert [run.output for run in engine.runs(function="listens")] == [GO]
    assert len(engine.events("inngest/function.finished")) == 1


# -- serving again


def sleeping(text):
    def body(ctx):
        yield ctx.step.sleep("nap", timedelta(days=3))
        return text

    return body


def test_a_sleeping_run_goes_on_in_the_code_that_is_served_then():
    client = client_of()
    engine = serving(client, function(client, sleeping("old")))
    run = engine.send(GO).run
    engine.serve(client, [function(client, sleeping("new"))])
    engine.run_until_complete(run)
    assert run.output == "new"


def test_a_sleeping_run_keeps_the_number_of_its_attempts():
    def fails(ctx):
        yield ctx.step.sleep("nap", timedelta(days=3))
        raise OSError("down")

    client = client_of()
    engine = serving(client, function(client, fails, retries=1))
    run = engine.send(GO).run
    engine.serve(client, [function(client, fails, retries=9)])
    engine.run_until_complete(run)
    assert [entry.attempt for entry in run.entries] == [0, 0, 1]


def test_a_function_that_is_served_no_more_starts_no_more_and_its_run_goes_on():
    client = client_of()
    every_day = inngest.TriggerCron(cron="0 0 * * *")
    engine = serving(
        client,
        function(client, sleeping("old")),
        function(client, named, id="daily", on=every_day),
        function(client, named, id="other", on="other"),
    )
    run = engine.send(GO).run
    engine.serve(client, [function(client, named, id="other", on="other")])
    assert [each.id for each in engine.functions] == ["shop-other"]
    assert engine.send(GO).runs == ()
    engine.advance("4d")
    assert run.output == "old"
    assert len(engine.runs()) == 1


def test_a_retired_function_can_come_back():
    client = client_of()
    engine = serving(client, function(client, named), function(client, named, id="other", on="other"))
    engine.serve(client, [function(client, named, id="other", on="other")])
    engine.serve(client, [function(client, named)])
    assert engine.send(GO).run.output == GO


def test_serving_one_app_again_leaves_the_other_alone():
    shop_client, store = client_of(), client_of("store")
    engine = serving(shop_client, function(shop_client, named))
    engine.serve(store, [function(store, named, on="store/go")])
    engine.serve(shop_client, [function(shop_client, named, id="g", on="g")])
    assert [each.id for each in engine.functions] == ["store-f", "shop-g"]
