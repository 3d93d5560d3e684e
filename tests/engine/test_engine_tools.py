"""What a test can do with an engine: mocks, held mode, cancelling, versions, freezing, the seams."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from inngest_testkit import (
    Function,
    RunStatus,
    Step,
    StepStatus,
    after,
    on_cron,
    on_event,
)

from .engines import make, since


def test_a_mock_returns_raises_and_counts():
    engine = make(Function("f", on_event("e"), steps=[Step("s", lambda: "real")]))
    first = engine.mock("f", "s", returns="mocked", times=1)
    assert engine.send("e").run.output == "mocked"
    assert engine.send("e").run.output == "real"
    assert [call.attempt for call in first.calls] == [0]
    assert engine.unused_mocks == ()
    unused = engine.mock("f", "s", raises=ValueError("no"))
    assert engine.unused_mocks == (unused,)


def test_a_mock_with_a_list_gives_one_result_for_each_attempt():
    engine = make(Function("f", on_event("e"), steps=[Step("s", lambda: "real")]))
    engine.mock("f", "s", side_effect=[OSError("down"), OSError("down"), {"ok": True}])
    runs = engine.send([{"name": "e"}, {"name": "e"}]).runs
    engine.run_until_complete()
    for run in runs:
        assert [str(a.error or "ok") for a in run.steps["s"].attempts] == ["OSError: down", "OSError: down", "ok"]


def test_a_side_effect_sees_the_steps_input():
    engine = make(Function("f", on_event("e"), steps=[Step("a", lambda: 20), Step("b", lambda: 0, after="a")]))
    engine.mock("f", "b", side_effect=lambda event, steps, attempt: steps["a"] + event.data["n"] + attempt)
    assert engine.send("e", {"n": 2}).run.output == 22


def test_an_async_side_effect_is_awaited():
    async def answer(event):
        return event.name

    engine = make(Function("f", on_event("e"), steps=[Step("s")]))
    engine.mock("f", "s", side_effect=answer)
    assert engine.send("e").run.output == "e"


def test_a_step_without_code_says_how_to_mock_it():
    run = make(Function("f", on_event("e"), steps=[Step("s")])).send("e").run
    assert "engine.mock('f', 's', returns=...)" in run.error.message


def test_a_step_that_takes_time_starts_and_finishes_apart_and_others_go_on():
    function = Function(
        "f",
        on_event("e"),
        steps=[Step("slow", lambda: 1), Step("z-fast", lambda: 2), Step("child", lambda: 3, after="slow")],
    )
    engine = make(function)
    engine.mock("f", "slow", takes="5m")
    run = engine.send("e").run
    assert run.steps["slow"].status is StepStatus.RUNNING
    assert run.steps["z-fast"].output == 2
    assert run.waiting[0].kind == "step"
    engine.advance("5m")
    assert run.steps["slow"].attempts[0].duration == timedelta(minutes=5)
    assert since(run, run.steps["child"].started_at) == timedelta(minutes=5)


def test_a_step_in_flight_when_its_run_is_cancelled_changes_nothing_any_more():
    engine = make(Function("f", on_event("e"), steps=[Step("slow", lambda: 1), Step("child", lambda: 3, after="slow")]))
    engine.mock("f", "slow", takes="5m")
    run = engine.send("e").run
    assert engine.cancel(run) is True
    assert engine.cancel(run) is False
    before = run.history
    engine.advance("1d")
    assert run.history == before
    assert run.status is RunStatus.CANCELLED
    assert "the run was cancelled" in run.why_not("child")


def test_a_held_engine_works_one_item_at_a_time():
    engine = make(
        Function("f", on_event("e"), steps=[Step("a", lambda: 1), Step("b", lambda: 2, after=after("a", wait="1h"))]),
        auto=False,
    )
    run = engine.send("e").run
    assert run.status is RunStatus.QUEUED
    assert [pending.item.step for pending in engine.queue.pending] == ["$trigger"]
    worked = []
    while item := engine.run_next():
        worked.append((item.step, since(run, engine.now).total_seconds()))
    assert worked == [("$trigger", 0), ("a", 0), ("b", 3600)]
    assert run.status is RunStatus.COMPLETED


def test_a_held_engine_can_drop_what_is_queued():
    engine = make(
        Function("f", on_event("e"), steps=[Step("a", lambda: 1)]),
        Function("tick", on_cron("0 * * * *"), steps=[Step("a", lambda: 1)]),
        auto=False,
    )
    run = engine.send("e").run
    assert engine.queue.clear() == 1
    assert run.status is RunStatus.CANCELLED
    assert [pending.item.kind for pending in engine.queue.pending] == ["cron"]


def test_a_run_under_way_keeps_its_version_of_the_graph():
    old = Function(
        "f", on_event("e"), steps=[Step("a", lambda: "old"), Step("b", lambda: "b", after=after("a", wait="3d"))]
    )
    engine = make(old)
    sleeping = engine.send("e").run
    engine.register(Function("f", on_event("e"), steps=[Step("a", lambda: "new"), Step("c", lambda: "c", after="a")]))
    fresh = engine.send("e").run
    engine.run_until_complete()
    assert list(sleeping.steps) == ["a", "b"]
    assert [fresh.steps[name].output for name in fresh.steps] == ["new", "c"]


def test_a_step_runs_the_version_of_its_action_that_it_asks_for():
    def versions(constraint):
        engine = make(Function("f", on_event("e"), steps=[Step("s", lambda: 1)]))
        engine.register(Function("f", on_event("e"), steps=[Step("s", lambda: 2)]))
        engine.register(Function("f", on_event("e"), steps=[Step("s", lambda: 3, version=constraint)]))
        return engine.send("e").run

    assert versions(None).output == 3
    assert versions("1").output == 3
    assert versions("1.2").output == 2
    assert "there is no action 'f-step-s-test version 2.0'" in versions("2.0").error.message


def test_finished_runs_can_be_dropped():
    function = Function("f", on_event("e"), steps=[Step("s", lambda event: 1 / event.data["n"])])
    failed_only = make(function, keep="failed")
    failed_only.send([{"name": "e", "data": {"n": 1}}, {"name": "e", "data": {"n": 0}}])
    failed_only.run_until_complete()
    assert [run.status for run in failed_only.runs()] == [RunStatus.FAILED]
    last_two = make(function, keep=2)
    for _ in range(5):
        last_two.send("e", {"n": 1})
    assert len(last_two.runs()) == 2


def test_freeze_shows_the_engines_time_to_the_standard_library():
    function = Function("f", on_event("e"), steps=[Step("s", lambda: datetime.now(UTC), after=after(wait="3d"))])
    engine = make(function, freeze=True)
    run = engine.send("e").run
    engine.advance("3d")
    assert run.output == "2024-01-04T00:00:00Z"
    assert datetime.now(UTC) > datetime(2025, 1, 1, tzinfo=UTC)


def test_a_chooser_decides_between_what_is_due_at_one_moment():
    class Last:
        def choose(self, candidates):
            return len(candidates) - 1

    function = Function("f", on_event("e"), steps=[Step(name, lambda: 1) for name in "abc"])
    engine = make(function, chooser=Last())
    assert list(engine.send("e").run.steps) == ["c", "b", "a"]


def test_a_gate_sees_every_operation_of_every_store():
    seen = set()

    class Watch:
        async def pass_through(self, store, operation, call):
            seen.add((store, operation))
            return await call()

    engine = make(Function("f", on_event("e"), steps=[Step("a", lambda: 1)]), gate=Watch())
    assert engine.send("e").run.status is RunStatus.COMPLETED
    assert {store for store, _ in seen} == {"data", "events", "queue", "state"}
    assert ("state", "save_output") in seen
