"""What is said of events that start nothing at once, and of what a cancellation cuts off."""

from __future__ import annotations

import inngest
import pytest

from inngest_testkit import Engine, FlowControlWarning, Function, Step, on_event
from inngest_testkit.errors import RunIncompleteError


def engine_of(**rules):
    engine = Engine()
    engine.register(Function("f", on_event("go"), steps=[Step("a", lambda: 1)], **rules))
    return engine


def test_a_debounced_event_tells_of_its_run_once_it_has_one():
    engine = engine_of(debounce={"period": "10s"})
    sent = engine.send("go")
    assert sent.why_nothing == "function 'f' debounces it until 2024-01-01 00:00:10"
    engine.advance("10s")
    assert sent.why_nothing == f"it went into run {engine.runs()[0].id} of function 'f'"


def test_an_event_of_a_batch_tells_of_its_run_once_it_has_one():
    engine = engine_of(batch_events={"max_size": 2, "timeout": "10s"})
    first, second = engine.send("go"), engine.send("go")
    assert first.why_nothing == f"it went into run {second.run.id} of function 'f', with 2 events"
    assert second.run.timeline().count("with 2 events") == 1


def test_an_event_that_cancels_tells_which_run():
    engine = engine_of(cancel={"event": "stop"})
    engine.mock("f", "a", returns=1, takes="5s")
    run = engine.send("go").run
    assert engine.send("stop").why_nothing == f"it cancelled run {run.id} of function 'f'"
    assert run.why_not("a") == "it was under way, and its result is dropped: the run was cancelled"


def test_dropped_and_held_are_short_when_shown():
    engine = engine_of(concurrency=1, idempotency="event.data.k")
    engine.mock("f", "a", returns=1, takes="5s")
    for key in (1, 2, 2):
        engine.send("go", {"k": key})
    assert [repr(held) for held in engine.held] == ["<Held step 'a' of f waits for concurrency>"]
    assert repr(engine.dropped[0]).startswith("<Dropped 2024-01-01 00:00:00 idempotency '2' dropped event 01")


def test_a_key_that_the_server_takes_and_that_means_nothing_is_warned_of():
    client = inngest.Inngest(app_id="shop", is_production=False)
    throttle = inngest.Throttle(limit=1, period=60_000, key="event.data.(")
    function = client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event="go"), throttle=throttle)
    engine = Engine()
    with pytest.warns(
        FlowControlWarning,
        match="function 'shop-f': throttle 1 per 1m .* which has no value for any event: it does not",
    ):
        engine.serve(client, [function(lambda ctx: None)])


def test_what_waits_for_a_function_that_is_gone_is_dropped_and_told():
    client = inngest.Inngest(app_id="shop", is_production=False)
    trigger = inngest.TriggerEvent(event="go")
    rules = {"debounce": inngest.Debounce(period=10_000)}, {"batch_events": inngest.Batch(max_size=2, timeout=10_000)}
    functions = [
        client.create_function(fn_id=f"f{number}", trigger=trigger, **rule)(lambda ctx: None)
        for number, rule in enumerate(rules)
    ]
    engine = Engine()
    engine.serve(client, functions)
    sent = engine.send("go")
    engine.serve(client, [client.create_function(fn_id="other", trigger=trigger)(lambda ctx: None)])
    engine.advance("10s")
    assert [(each.rule, each.function_id) for each in engine.dropped] == [("debounce", "shop-f0"), ("batch", "shop-f1")]
    assert sent.why_nothing.endswith("the function is not registered any more")
    assert engine.held == ()


def test_a_cleared_queue_tells_what_it_dropped():
    engine = engine_of(batch_events={"max_size": 3, "timeout": "10s"})
    first, second = engine.send("go"), engine.send("go")
    assert [sent.why_nothing[:29] for sent in (first, second)] == [
        "it is number 1 of a batch of ",
        "it is number 2 of a batch of ",
    ]
    engine.queue.clear()
    assert [each.reason for each in engine.dropped] == ["the queue was cleared"] * 2
    assert second.why_nothing == "batch of function 'f': the queue was cleared"


def test_runs_that_are_held_are_told_when_a_limit_is_reached():
    engine = engine_of(throttle={"limit": 1, "period": "60d"})
    engine.send("go")
    late = engine.send("go").run
    with pytest.raises(RunIncompleteError, match="f waits for throttle until 2024-03-01 00:00:00"):
        engine.run_until_complete(late, limit="1d")
