"""Batches: events are collected, and one run gets them all."""

from __future__ import annotations

import json

import inngest
import pytest
import respx

from inngest_testkit import Engine, Event, Function, RunStatus, Step, http, on_event

from .flows import created, dropped, held, made, play, second, to, work


def numbers(engine):
    """The numbers in the events of each run."""
    return [[event.data["n"] for event in run.events] for run in engine.runs()]


def counted(*moments, **data):
    """Events with a number, at these moments."""
    return [(moment, {"n": number, **data}) for number, moment in enumerate(moments)]


def test_a_full_batch_starts_at_once_with_all_events_in_order():
    engine = work(batch_events={"max_size": 3, "timeout": "10s"})
    sents = play(engine, *counted(0, 1, 2))
    assert [len(sent.runs) for sent in sents] == [0, 0, 1]
    assert created(engine) == [2]
    assert numbers(engine) == [[0, 1, 2]]
    assert engine.dropped == engine.held == ()
    assert sents[2].run.timeline().splitlines()[2] == "  +0s                 run starts: event 'go' with 3 events"


def test_a_batch_that_is_not_full_starts_its_timeout_after_the_first_event():
    # Opened at 1, due at 1 + 10, whatever comes in between.
    engine = work(batch_events={"max_size": 3, "timeout": "10s"})
    play(engine, *counted(1, 10.999))
    to(engine, 11)
    assert created(engine) == [11]
    assert numbers(engine) == [[0, 1]]


def test_the_next_event_opens_the_next_batch():
    # Full at 1 with two; the third opens one at 2, due at 12.
    engine = work(batch_events={"max_size": 2, "timeout": "10s"})
    play(engine, *counted(0, 1, 2))
    to(engine, 20)
    assert created(engine) == [1, 12]
    assert numbers(engine) == [[0, 1], [2]]


def test_a_list_of_events_fills_one_batch_after_another():
    engine = work(batch_events={"max_size": 2, "timeout": "10s"})
    sent = engine.send([Event("go", {"n": number}) for number in range(5)])
    assert len(sent.runs) == 2
    to(engine, 10)
    assert numbers(engine) == [[0, 1], [2, 3], [4]]


def test_each_key_has_a_batch_of_its_own_also_events_without_one():
    engine = work(batch_events={"max_size": 2, "timeout": "10s", "key": "event.data.k"})
    play(engine, *counted(0, 1, k="a"), (2, {"n": 2, "k": "b"}), (3, {"n": 3}), (4, {"n": 4}))
    assert created(engine) == [1, 4]
    assert numbers(engine) == [[0, 1], [3, 4]]
    assert held(engine) == [("batch", "b", 12, 0)]


def test_an_event_for_which_the_condition_is_not_true_starts_a_run_alone_at_once():
    # False, or no boolean: such an event is not collected.
    engine = work(batch_events={"max_size": 2, "timeout": "10s", "if": "event.data.small"})
    play(engine, (0, {"n": 0, "small": True}), (1, {"n": 1, "small": False}), (2, {"n": 2, "small": "?"}))
    assert created(engine) == [1, 2]
    assert numbers(engine) == [[1], [2]]
    assert engine.runs()[0].timeline().splitlines()[2] == "  +0s                 run starts: event 'go'"
    to(engine, 10)
    assert numbers(engine) == [[1], [2], [0]]


def test_an_event_id_is_collected_once():
    engine = work(batch_events={"max_size": 2, "timeout": "10s"})
    for _ in range(2):
        again = engine.send("go", {"n": 0}, id="x")
    assert again.why_nothing == "idempotency of function 'f': an event with its id was collected already"
    engine.send("go", {"n": 1}, id="y")
    engine.send("go", {"n": 0}, id="x")
    assert numbers(engine) == [[0, 1]]
    assert dropped(engine) == [(0, "idempotency", "")] * 2


def test_what_is_collected_shows_and_says_until_when():
    engine = work(batch_events={"max_size": 5, "timeout": "10s"})
    sents = play(engine, *counted(0, 1))
    assert sents[1].why_nothing == "it is number 2 of a batch of 'f', until 2024-01-01 00:00:10"
    (waits,) = engine.held
    assert str(waits) == "f waits with 2 events for batch until 2024-01-01 00:00:10"
    assert waits.event_ids == (*sents[0].ids, *sents[1].ids)


def test_a_python_step_asks_for_all_events_by_their_name():
    def work_(event, events):
        return [event.data["n"], [each.data["n"] for each in events], event == events[0]]

    engine = made(
        Function("f", on_event("go"), steps=[Step("work", work_)], batch_events={"max_size": 2, "timeout": "10s"})
    )
    play(engine, *counted(0, 0, 0))
    to(engine, 10)
    assert [run.output for run in engine.runs()] == [[0, [0, 1], True], [2, [2], True]]


def test_a_mocked_step_gets_all_events_as_well():
    engine = work(batch_events={"max_size": 2, "timeout": "10s"})
    engine.mock("f", "work", side_effect=lambda events: sum(event.data["n"] for event in events))
    play(engine, *counted(0, 0))
    assert engine.runs()[0].output == 1


def test_an_http_step_gets_all_events_when_there_are_several():
    with respx.mock(base_url="http://steps.example") as router:
        route = router.post("/work").respond(json={})
        batch = {"max_size": 2, "timeout": "10s"}
        engine = Engine()
        step = Step("work", runtime=http("http://steps.example/work"))
        engine.register(Function("f", on_event("go"), steps=[step], batch_events=batch))
        play(engine, *counted(0, 0, 0))
        to(engine, 10)
        bodies = [json.loads(call.request.content) for call in route.calls]
    assert [event["data"]["n"] for event in bodies[0]["events"]] == [0, 1]
    assert bodies[0]["event"] == bodies[0]["events"][0]
    assert bodies[1]["event"]["data"]["n"] == 2
    assert "events" not in bodies[1]


def test_execute_with_a_list_is_a_run_of_a_batch():
    # Also of a function that collects none.
    for rules in ({"batch_events": {"max_size": 10, "timeout": "10s"}}, {}):
        engine = work(**rules)
        engine.mock("f", "work", side_effect=lambda events: len(events))
        run = engine.execute("f", [Event("go", {"n": 0}), Event("go", {"n": 1})])
        assert numbers(engine) == [[0, 1]]
        assert run.output == 2


def test_a_batch_has_no_time_to_start():
    # The throttle holds the second batch until 10, and `timeouts.start` does not concern it.
    engine = work(
        batch_events={"max_size": 2, "timeout": "10s"},
        throttle={"limit": 1, "period": "10s"},
        timeouts={"start": "2s"},
    )
    play(engine, *counted(0, 0, 0, 0))
    to(engine, 10)
    assert [run.status for run in engine.runs()] == [RunStatus.COMPLETED] * 2
    assert second(engine.runs()[1].ended_at) == 10


# -- functions of the SDK


@pytest.fixture
def serving():
    """Serve a handler as a function that collects three events, or those of ten seconds."""
    engine = Engine()
    client = inngest.Inngest(app_id="shop", is_production=False)

    def serve(body, **options):
        trigger = inngest.TriggerEvent(event="go")
        batch = inngest.Batch(max_size=3, timeout=10_000)
        function = client.create_function(fn_id="f", trigger=trigger, batch_events=batch, **options)(body)
        engine.serve(client, [function])
        return engine

    yield serve
    engine.close()


def test_an_sdk_function_gets_the_first_event_and_all(serving):
    engine = serving(lambda ctx: [ctx.event.data["n"], [event.data["n"] for event in ctx.events]])
    play(engine, *counted(0, 1, 2))
    assert engine.runs()[0].output == [0, [0, 1, 2]]


def test_a_batch_that_ends_tells_of_all_its_events_once(serving):
    engine = serving(lambda ctx: "done")
    play(engine, *counted(0, 1, 2))
    (finished,) = engine.events("inngest/function.finished")
    assert finished.data["event"]["data"] == {"n": 0}
    assert [event["data"]["n"] for event in finished.data["events"]] == [0, 1, 2]


def test_a_batch_that_fails_does_so_as_one(serving):
    # One attempt more, 15 s after the first; one event of the end, one of the failure, one run of `on_failure`.
    told = []

    def fail(ctx):
        raise ValueError("down")

    engine = serving(fail, retries=1, on_failure=lambda ctx: told.append(ctx.event.data["event"]["data"]["n"]))
    sents = play(engine, *counted(0, 1, 2))
    engine.run_until_complete(sents[2])
    assert second(sents[2].run.ended_at) == 2 + 15
    for name in ("inngest/function.finished", "inngest/function.failed"):
        (event,) = engine.events(name)[:1]
        assert [each["data"]["n"] for each in event.data["events"]] == [0, 1, 2]
    assert told == [0]
    assert len(engine.events("inngest/function.failed")) == 1


def test_each_step_that_invoked_a_batched_function_gets_its_result():
    # Two parents invoke it, at 0 and 1: the batch is full then, and both go on.
    client = inngest.Inngest(app_id="shop", is_production=False)

    @client.create_function(
        fn_id="child",
        batch_events=inngest.Batch(max_size=2, timeout=10_000),
        trigger=inngest.TriggerEvent(event="never"),
    )
    async def child(ctx):
        return len(ctx.events)

    @client.create_function(fn_id="parent", trigger=inngest.TriggerEvent(event="go"))
    async def parent(ctx):
        return await ctx.step.invoke("call", function=child)

    with Engine() as engine:
        engine.serve(client, [child, parent])
        first = engine.send("go").run
        engine.advance(1)
        assert first.status is RunStatus.RUNNING
        second_run = engine.send("go").run
        assert [first.output, second_run.output] == [2, 2]
        finished = [
            event for event in engine.events("inngest/function.finished") if event.data["function_id"] == "shop-child"
        ]
        assert [event.data["event"]["id"] for event in finished] == [
            event["id"] for event in finished[0].data["events"]
        ]
