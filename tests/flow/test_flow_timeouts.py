"""Time-outs of runs: so long until they begin, so long until they are over."""

from __future__ import annotations

from datetime import timedelta

import inngest
import pytest

from inngest_testkit import Function, RunStatus, Step, after, on_event

from .flows import begun, dropped, made, play, second, to, work


def test_a_run_that_did_not_begin_in_time_is_cancelled():
    # One place. The first run has it until 6: the second, which came at 0, is cancelled at 5, the third, of 2, begins.
    engine = work(takes="6s", concurrency=1, timeouts={"start": "5s"})
    runs = [sent.run for sent in play(engine, 0, 0, 2)]
    engine.run_until_complete()
    assert [run.status.value for run in runs] == ["COMPLETED", "CANCELLED", "COMPLETED"]
    assert [second(run.ended_at) for run in runs] == [6, 5, 12]
    assert dropped(engine) == [(5, "timeouts.start", "")]
    assert engine.dropped[0].run_id == runs[1].id
    assert runs[1].timeline().splitlines()[2:] == [
        "  +0s                 run starts: event 'go'",
        "  +0s  work        0  waits for concurrency",
        "  +5s                 run.cancelled: timeouts.start: it did not begin in time",
    ]
    assert str(engine.dropped[0]) == (
        f"2024-01-01 00:00:05 timeouts.start cancelled run {runs[1].id} of f: it did not begin in time"
    )


@pytest.mark.parametrize(("takes", "begins"), [("4.999s", True), ("5.001s", False)])
def test_the_time_to_begin_is_exact_to_the_millisecond(takes, begins):
    engine = work(takes=takes, concurrency=1, timeouts={"start": "5s"})
    play(engine, 0, 0)
    engine.run_until_complete()
    assert begun(engine) == [0, 4.999 if begins else None]


def test_a_run_that_has_begun_may_take_longer():
    # Ten seconds, a day of waiting, and a retry: none of it is the start.
    engine = made(
        Function(
            "f",
            on_event("go"),
            steps=[Step("work"), Step("later", after=after("work", wait="1d"))],
            timeouts={"start": "5s"},
        )
    )
    engine.mock("f", "work", raises=OSError("down"), takes="10s", times=1)
    (sent,) = play(engine, 0)
    engine.run_until_complete()
    assert sent.run.status is RunStatus.COMPLETED


def test_a_run_that_is_not_over_in_time_is_cancelled_in_a_wait():
    engine = made(
        Function(
            "f",
            on_event("go"),
            steps=[Step("work"), Step("later", after=after("work", wait="1h"))],
            timeouts={"finish": "10s"},
        )
    )
    (sent,) = play(engine, 0)
    engine.run_until_complete()
    assert second(sent.run.ended_at) == 10
    assert sent.run.why_not("later").endswith("the run was cancelled")
    assert dropped(engine) == [(10, "timeouts.finish", "")]


def test_the_time_to_be_over_counts_from_the_first_step():
    # The throttle lets the second run begin at 8; it is cancelled 10 s after that, at 18, not at 10.
    engine = work(takes="1h", throttle={"limit": 1, "period": "8s"}, timeouts={"finish": "10s"})
    runs = [sent.run for sent in play(engine, 0, 0)]
    engine.run_until_complete()
    assert begun(engine) == [0, 8]
    assert [second(run.ended_at) for run in runs] == [10, 18]


def test_retries_do_not_count_anew():
    # Attempts at 0, 10 and 30; 15 s after the first the run is cancelled.
    engine = work(timeouts={"finish": "15s"})
    engine.mock("f", "work", raises=OSError("down"))
    (sent,) = play(engine, 0)
    engine.run_until_complete()
    assert len(sent.run.steps["work"].attempts) == 2
    assert (sent.run.status, second(sent.run.ended_at)) == (RunStatus.CANCELLED, 15)


@pytest.mark.parametrize(("takes", "status"), [("9.999s", "COMPLETED"), ("10.001s", "CANCELLED")])
def test_the_time_to_be_over_is_exact_to_the_millisecond(takes, status):
    engine = work(takes=takes, timeouts={"finish": "10s"})
    (sent,) = play(engine, 0)
    engine.run_until_complete()
    assert sent.run.status.value == status


def test_the_result_of_a_step_under_way_is_dropped():
    engine = made(
        Function("f", on_event("go"), steps=[Step("work"), Step("next", after="work")], timeouts={"finish": "10s"})
    )
    following = engine.mock("f", "next", returns=None)
    engine.mock("f", "work", returns="late", takes="1m")
    (sent,) = play(engine, 0)
    to(engine, 120)
    assert sent.run.output is None
    assert sent.run.steps["work"].output is None
    assert not following.called


# -- functions of the SDK


@pytest.fixture
def serving():
    """Serve a handler with time-outs, and one place for all its runs."""
    engine = made()
    client = inngest.Inngest(app_id="shop", is_production=False)

    def serve(body, on_failure=None, **spans):
        timeouts = inngest.Timeouts(**{name: timedelta(seconds=span) for name, span in spans.items()})
        function = client.create_function(
            fn_id="f",
            trigger=inngest.TriggerEvent(event="go"),
            timeouts=timeouts,
            concurrency=[inngest.Concurrency(limit=1)],
            on_failure=on_failure,
        )(body)
        engine.serve(client, [function])
        return engine

    yield serve
    engine.close()


def test_an_sdk_run_that_sleeps_past_its_time_is_cancelled_and_has_not_failed(serving):
    def body(ctx):
        ctx.step.run("work", lambda: None)
        ctx.step.sleep("nap", timedelta(minutes=1))

    told = []
    engine = serving(body, finish=10, on_failure=told.append)
    (sent,) = play(engine, 0)
    to(engine, 120)
    assert (sent.run.status, second(sent.run.ended_at)) == (RunStatus.CANCELLED, 10)
    assert sent.run.timeline().splitlines()[-1] == (
        "  +10s                 run.cancelled: timeouts.finish: it was not over in time"
    )
    (event,) = engine.events("inngest/function.cancelled")
    assert event.data["run_id"] == sent.run.id
    assert told == []
    assert dropped(engine) == [(10, "timeouts.finish", "")]


def test_an_sdk_run_whose_first_call_has_not_begun_in_time_is_cancelled(serving):
    calls = []

    def body(ctx):
        calls.append(ctx.run_id)
        ctx.step.run("work", lambda: None)

    engine = serving(body, start=5)
    engine.mock("f", "work", returns=None, takes="6s")
    runs = [sent.run for sent in play(engine, 0, 0)]
    to(engine, 60)
    assert [run.status.value for run in runs] == ["COMPLETED", "CANCELLED"]
    assert second(runs[1].ended_at) == 5
    assert set(calls) == {runs[0].id}


def test_a_dag_run_whose_first_edges_wait_has_begun():
    # The trigger is walked at 0, and nothing holds the run: it is its own wait of an hour, not a late start.
    engine = made(Function("f", on_event("go"), steps=[Step("a", after=after(wait="1h"))], timeouts={"start": "1m"}))
    engine.mock("f", "a", returns=1)
    run = engine.send("go").run
    engine.advance("1h")
    assert run.status is RunStatus.COMPLETED


def test_a_list_of_events_is_a_batch_only_for_a_function_with_batches():
    # Executed with a list, the run of a function without batches can still time out.
    engine = made(Function("f", on_event("go"), steps=[Step("a")], concurrency=1, timeouts={"start": "5s"}))
    engine.mock("f", "a", returns=1, takes="10s")
    engine.send("go")
    assert engine.execute("f", [{"name": "go"}]).status is RunStatus.CANCELLED
