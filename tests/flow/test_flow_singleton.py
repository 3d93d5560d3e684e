"""Singleton: for each key one run is alive at a time."""

from __future__ import annotations

from datetime import timedelta

import inngest
import pytest

from inngest_testkit import RunStatus

from .flows import begun, created, dropped, made, play, second, to, work

SKIP, CANCEL = {"mode": "skip"}, {"mode": "cancel"}


def test_skip_starts_nothing_while_a_run_is_alive():
    # The first run lasts from 0 to 10; at 9.999 it is alive, at 10 it is over.
    engine = work(takes="10s", singleton=SKIP)
    sents = play(engine, 0, 9.999, 10)
    assert [len(sent.runs) for sent in sents] == [1, 0, 1]
    assert sents[1].why_nothing == f"singleton of function 'f': run {sents[0].run.id} is alive"
    (found,) = engine.dropped
    assert (second(found.at), found.rule, found.event_id) == (9.999, "singleton", sents[1].ids[0])
    assert found.run_id == sents[0].run.id
    assert str(found) == (
        f"2024-01-01 00:00:09.999 singleton dropped event {sents[1].ids[0]} of f: run {sents[0].run.id} is alive"
    )


def test_a_skipped_event_leaves_no_run():
    engine = work(takes="10s", singleton=SKIP)
    play(engine, 0, 1, 2)
    assert len(engine.runs()) == 1


def test_cancel_ends_the_run_that_is_alive_and_starts():
    engine = work(takes="10s", singleton=CANCEL)
    sents = play(engine, 0, 4)
    to(engine, 20)
    first, other = sents[0].run, sents[1].run
    assert (first.status, second(first.ended_at)) == (RunStatus.CANCELLED, 4)
    assert (other.status, second(other.ended_at)) == (RunStatus.COMPLETED, 14)
    assert first.timeline().splitlines()[-1] == (
        f"  +4s                 run.cancelled: singleton: event {sents[1].ids[0]} starts another run"
    )
    assert dropped(engine) == [(4, "singleton", "")]
    assert engine.dropped[0].run_id == first.id


def test_each_key_has_a_run_of_its_own():
    engine = work(takes="10s", singleton={"mode": "skip", "key": "event.data.k"})
    play(engine, (0, {"k": "a"}), (1, {"k": "b"}), (2, {"k": "a"}))
    assert created(engine) == [0, 1]
    assert dropped(engine) == [(2, "singleton", "a")]


@pytest.mark.parametrize("mode", [SKIP, CANCEL])
def test_a_key_that_is_false_or_missing_or_cannot_be_evaluated_switches_it_off(mode):
    data = [{"k": False}] * 2 + [{}] * 2
    engine = work(takes="10s", singleton={**mode, "key": "event.data.k"})
    play(engine, *[(0, each) for each in data])
    assert begun(engine) == [0] * 4
    engine = work(takes="10s", singleton={**mode, "key": "int(event.data.k)"})
    play(engine, *[(0, {"k": "one"})] * 2)
    assert begun(engine) == [0] * 2
    assert engine.dropped == ()


def test_the_next_may_start_when_the_run_has_failed():
    # Attempts at 0, 10 and 30: at 29.999 the run is alive, waiting for its last attempt.
    engine = work(singleton=SKIP)
    engine.mock("f", "work", raises=OSError("down"))
    sents = play(engine, 0, 29.999, 30)
    assert [len(sent.runs) for sent in sents] == [1, 0, 1]
    assert sents[0].run.status is RunStatus.FAILED


def test_the_next_may_start_when_the_run_was_cancelled():
    engine = work(takes="1h", singleton=SKIP)
    (first,) = play(engine, 0)
    assert engine.send("go").runs == ()
    engine.cancel(first.run)
    assert len(engine.send("go").runs) == 1


def test_a_run_that_waits_for_a_place_is_alive():
    engine = work(takes="10s", singleton={"mode": "skip", "key": "event.data.k"}, concurrency=1)
    sents = play(engine, (0, {"k": "a"}), (1, {"k": "b"}), (2, {"k": "b"}))
    assert [len(sent.runs) for sent in sents] == [1, 1, 0]


@pytest.mark.parametrize(("mode", "statuses"), [("skip", ["COMPLETED"]), ("cancel", ["CANCELLED", "COMPLETED"])])
def test_the_sdks_functions_have_it_too(mode, statuses):
    client = inngest.Inngest(app_id="shop", is_production=False)

    @client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event="go"), singleton=inngest.Singleton(mode=mode))
    def f(ctx: inngest.ContextSync) -> str:
        ctx.step.sleep("nap", timedelta(seconds=10))
        return "rested"

    with made() as engine:
        engine.serve(client, [f])
        play(engine, 0, 5)
        to(engine, 20)
        assert [run.status.value for run in engine.runs()] == statuses
        assert len(engine.events("inngest/function.cancelled")) == statuses.count("CANCELLED")
