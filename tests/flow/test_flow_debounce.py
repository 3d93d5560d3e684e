"""Debounce: of the events that follow each other closely, the last one starts a run once it has been quiet."""

from __future__ import annotations

import inngest
import pytest

from inngest_testkit.clock import epoch_ms

from .flows import START, begun, created, dropped, held, made, play, to, work


def numbers(engine):
    """The number in the event of each run."""
    return [run.events[0].data["n"] for run in engine.runs()]


def test_the_run_starts_a_period_after_the_last_event_with_that_event_alone():
    # Period 5 s, events at 0, 2 and 4: the run comes at 4 + 5 = 9.
    engine = work(debounce={"period": "5s"})
    sents = play(engine, (0, {"n": 1}), (2, {"n": 2}), (4, {"n": 3}))
    to(engine, 8.999)
    assert engine.runs() == []
    to(engine, 9)
    assert created(engine) == begun(engine) == [9]
    assert numbers(engine) == [3]
    assert dropped(engine) == [(2, "debounce", ""), (4, "debounce", "")]
    assert [each.event_id for each in engine.dropped] == [sents[0].ids[0], sents[1].ids[0]]
    assert engine.dropped[1].reason == f"event {sents[2].ids[0]} came in its place"


def test_an_event_a_period_later_starts_a_run_of_its_own():
    # 4.999 s after the first, the second event replaces it, and waits until 9.999. A third at that very moment is late.
    engine = work(debounce={"period": "5s"})
    play(engine, (0, {"n": 1}), (4.999, {"n": 2}), (9.999, {"n": 3}))
    to(engine, 20)
    assert created(engine) == [9.999, 14.999]
    assert numbers(engine) == [2, 3]


def test_a_timeout_counts_from_the_first_event():
    # Period 4 s, timeout 5 s, events at 0, 2 and 3.5: 3.5 + 4 is later than 5, so the run comes at 5.
    engine = work(debounce={"period": "4s", "timeout": "5s"})
    play(engine, (0, {"n": 1}), (2, {"n": 2}), (3.5, {"n": 3}))
    to(engine, 20)
    assert created(engine) == [5]
    assert numbers(engine) == [3]


def test_the_timeout_never_cuts_the_wait_below_a_second():
    # Timeout 5 s. The event at 4.5 waits until 5.5, not 5; one at 3.999 until 5.
    engine = work(debounce={"period": "4s", "timeout": "5s"})
    play(engine, (0, {"n": 1}), (3, {"n": 2}), (4.5, {"n": 3}), (10, {"n": 4}), (13.999, {"n": 5}))
    to(engine, 30)
    assert created(engine) == [5.5, 15]
    assert numbers(engine) == [3, 5]


def test_events_that_keep_coming_within_a_second_push_the_run_past_its_timeout():
    # Period 2 s, timeout 3 s, an event every half second until 6: the last waits one second, until 7.
    engine = work(debounce={"period": "2s", "timeout": "3s"})
    play(engine, *[(half / 2, {"n": half}) for half in range(13)])
    to(engine, 30)
    assert created(engine) == [7]
    assert numbers(engine) == [12]
    assert len(engine.dropped) == 12


def test_the_next_debounce_has_a_timeout_of_its_own():
    # The first ends at 5; the second begins with the event at 6, and its timeout at 11.
    engine = work(debounce={"period": "4s", "timeout": "5s"})
    play(engine, (0, {"n": 1}), (3, {"n": 2}), (6, {"n": 3}), (9, {"n": 4}))
    to(engine, 30)
    assert created(engine) == [5, 11]
    assert numbers(engine) == [2, 4]


def test_each_key_is_debounced_apart_also_events_without_one():
    engine = work(debounce={"period": "5s", "key": "event.data.k"})
    play(engine, (0, {"k": "a", "n": 1}), (1, {"k": "b", "n": 2}), (2, {"k": "a", "n": 3}), (3, {"n": 4}))
    assert held(engine) == [("debounce", "a", 7, 0), ("debounce", "b", 6, 0), ("debounce", "null", 8, 0)]
    to(engine, 20)
    assert created(engine) == [6, 7, 8]
    assert numbers(engine) == [2, 3, 4]
    assert dropped(engine) == [(2, "debounce", "a")]


@pytest.mark.parametrize(("older_by", "kept"), [(1, 1), (0, 2)])
def test_an_event_with_an_older_ts_neither_replaces_nor_delays(older_by, kept):
    # The first event has the `ts` of its arrival. One that comes 2 s later and is 1 ms older leaves the run at 5; with
    # the same `ts` it takes the place, and the run comes at 2 + 5.
    engine = work(debounce={"period": "5s"})
    play(engine, (0, {"n": 1}))
    to(engine, 2)
    late = engine.send("go", {"n": 2}, ts=epoch_ms(START) - older_by)
    to(engine, 20)
    assert numbers(engine) == [kept]
    assert created(engine) == [5 if older_by else 7]
    assert dropped(engine) == [(2, "debounce", "")]
    if older_by:
        assert engine.dropped[0].event_id == late.ids[0]
        assert engine.dropped[0].reason.startswith("it is older than event")


def test_what_waits_shows_and_says_until_when():
    engine = work(debounce={"period": "5s", "key": "event.data.k"})
    (sent,) = play(engine, (0, {"k": "a"}))
    assert sent.runs == ()
    assert sent.why_nothing == "function 'f' debounces it until 2024-01-01 00:00:05"
    (waits,) = engine.held
    assert str(waits) == "f waits for debounce 'a' until 2024-01-01 00:00:05"
    assert waits.event_ids == sent.ids
    assert engine.next_due == waits.until
    to(engine, 5)
    assert engine.held == ()


def test_the_sdks_functions_have_it_too():
    client = inngest.Inngest(app_id="shop", is_production=False)

    @client.create_function(
        fn_id="f",
        trigger=inngest.TriggerEvent(event="go"),
        debounce=inngest.Debounce(period=4000, key="event.data.k"),
    )
    def f(ctx: inngest.ContextSync) -> object:
        return ctx.event.data["n"]

    with made() as engine:
        engine.serve(client, [f])
        play(engine, (0, {"n": 1}), (2, {"n": 2}), (3.5, {"n": 3}))
        to(engine, 20)
        assert created(engine) == [7.5]
        assert engine.runs()[0].output == 3
