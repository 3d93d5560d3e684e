"""An event's id, and a function's `idempotency`: what was asked for once is done once within 24 hours."""

from __future__ import annotations

import inngest
import pytest

from inngest_testkit import Event, Function, RunStatus, Step, on_event

from .flows import created, dropped, made, play, second, to, work

DAY = 24 * 3600


def test_an_event_id_starts_a_function_once_within_24_hours_to_the_millisecond():
    # Created at 0: 23:59:59.999 later the id is still taken, at 24:00:00.000 it is free.
    engine = work()
    first = engine.send("go", id="order-1").run
    to(engine, DAY - 0.001)
    again = engine.send("go", id="order-1")
    assert again.runs == ()
    assert again.why_nothing == (
        f"idempotency of function 'f': event id 'order-1' started run {first.id} already, within 24 hours"
    )
    to(engine, DAY)
    engine.send("go", id="order-1")
    assert created(engine) == [0, DAY]
    (found,) = engine.dropped
    assert (second(found.at), found.rule, found.event_id, found.run_id) == (
        DAY - 0.001,
        "idempotency",
        "order-1",
        first.id,
    )


def test_an_event_id_that_was_refused_does_not_begin_another_24_hours():
    engine = work()
    for moment in (0, DAY / 2, DAY):
        to(engine, moment)
        engine.send("go", id="x")
    assert created(engine) == [0, DAY]


def test_an_event_id_counts_for_each_function_alone():
    # One event starts both; under another name the same id starts `g` alone, and not again.
    engine = made(
        Function("f", on_event("go"), steps=[Step("work")]),
        Function("g", on_event("go"), on_event("other"), steps=[Step("work")]),
        Function("h", on_event("other"), steps=[Step("work")]),
    )
    assert [run.function_id for run in engine.send("go", id="x").runs] == ["f", "g"]
    assert [run.function_id for run in engine.send("other", id="x").runs] == ["h"]
    assert dropped(engine) == [(0, "idempotency", "")]


def test_of_two_events_with_one_id_in_a_list_the_first_starts_a_run():
    engine = work()
    sent = engine.send([Event("go", {"n": 1}, id="x"), Event("go", {"n": 2}, id="x")])
    assert sent.run.events[0].data == {"n": 1}
    assert dropped(engine) == [(0, "idempotency", "")]


def test_a_functions_idempotency_is_one_event_in_24_hours_for_each_key():
    engine = work(idempotency="event.data.order")
    sents = play(
        engine,
        (0, {"order": 1}),
        (1, {"order": 2}),
        (2, {"order": 1}),
        (DAY - 0.001, {"order": 1}),
        (DAY, {"order": 1}),
        (DAY + 0.999, {"order": 2}),
    )
    assert [len(sent.runs) for sent in sents] == [1, 1, 0, 0, 1, 0]
    assert dropped(engine) == [
        (2, "idempotency", "1"),
        (DAY - 0.001, "idempotency", "1"),
        (DAY + 0.999, "idempotency", "2"),
    ]
    assert sents[2].why_nothing == (
        "idempotency of function 'f' (key '1'): an event with this key was let through within 24 hours; "
        "the next one may come 2024-01-02 00:00:00"
    )


def test_a_key_that_is_false_or_missing_switches_a_functions_idempotency_off():
    engine = work(idempotency="event.data.order")
    sents = play(engine, (0, {"order": False}), (0, {"order": False}), 0, 0)
    assert [len(sent.runs) for sent in sents] == [1, 1, 1, 1]
    assert engine.dropped == ()


@pytest.mark.parametrize("key", ["", 0, None])
def test_an_empty_text_zero_and_null_are_keys_like_others(key):
    engine = work(idempotency="event.data.order")
    sents = play(engine, (0, {"order": key}), (0, {"order": key}))
    assert [len(sent.runs) for sent in sents] == [1, 0]


def test_a_failed_run_counts_for_a_functions_idempotency():
    engine = work(idempotency="event.data.order")
    engine.mock("f", "work", raises=OSError("down"))
    (first,) = play(engine, (0, {"order": 1}))
    engine.run_until_complete(first)
    assert first.run.status is RunStatus.FAILED
    assert engine.send("go", {"order": 1}).runs == ()


def test_idempotency_replaces_a_rate_limit():
    # The rate limit alone would let one event pass every second.
    engine = work(idempotency="event.data.order", rate_limit={"limit": 1, "period": "1s"})
    play(engine, (0, {"order": 1}), (10, {"order": 1}))
    assert dropped(engine) == [(10, "idempotency", "1")]


def test_the_sdks_functions_have_both_rules():
    client = inngest.Inngest(app_id="shop", is_production=False)

    @client.create_function(
        fn_id="pay", trigger=inngest.TriggerEvent(event="order/placed"), idempotency="event.data.order"
    )
    def pay(ctx: inngest.ContextSync) -> object:
        return ctx.event.data["order"]

    with made() as engine:
        engine.serve(client, [pay])
        sents = [
            engine.send("order/placed", {"order": "a"}, id="x"),
            engine.send("order/placed", {"order": "a"}),
            engine.send("order/placed", {"order": "b"}, id="x"),
        ]
        assert [len(sent.runs) for sent in sents] == [1, 0, 0]
        assert dropped(engine) == [(0, "idempotency", "a"), (0, "idempotency", "")]
