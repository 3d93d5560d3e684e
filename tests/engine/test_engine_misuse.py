"""Bad input gets a clear error, and the engine works on afterwards."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta

import pytest

from inngest_testkit import AsyncEngine, Engine, Function, RunStatus, Step, UnknownFieldWarning, after, on_event
from inngest_testkit.errors import (
    DurationError,
    EventError,
    InvalidFunctionsError,
    MockError,
    NotFoundError,
    RunawayError,
    RunIncompleteError,
    SetupError,
    UsageError,
)


@pytest.fixture
def engine():
    with Engine() as engine:
        engine.register(Function("greet", on_event("user/came"), steps=[Step("hello", lambda: "hi")]))
        yield engine


@pytest.fixture(autouse=True)
def _still_works(engine):
    yield
    assert engine.send("user/came").run.output == "hi"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("",), "an event needs a name"),
        ((None,), "expected an event .* found NoneType"),
        ((7,), "expected an event .* found int"),
        (({"data": {}},), "an event needs a name"),
        (("user/came", [1]), "data must be an object .* found list"),
        (("user/came", {"when": {1, 2}}), r"data\['when'\] cannot be stored as JSON: a set has no order"),
        (("user/came", {"n": float("nan")}), r"data\['n'\] .* JSON has no nan"),
        (("user/came", {"o": object()}), r"data\['o'\] .* builtins.object is not a JSON value"),
        (([{"name": "user/came"}, None],), "event 1 of 2: .* found NoneType: None; nothing was sent"),
        (({"name": "user/came"}, {"data": 1}), "go with an event's name"),
        (({"name": "user/came", "ts": 1.5},), "ts must be a whole number of milliseconds"),
    ],
)
def test_a_malformed_event_is_refused_and_nothing_is_sent(engine, arguments, message):
    with pytest.raises(EventError, match=message):
        engine.send(*arguments)
    assert engine.events() == []
    assert engine.runs() == []


def test_a_mock_of_an_unknown_function_names_the_near_miss(engine):
    with pytest.raises(
        NotFoundError, match="there is no function 'gret'; known functions: 'greet'; did you mean 'gree"
    ):
        engine.mock("gret", "hello", returns=1)


def test_a_mock_of_an_unknown_step_names_the_near_miss(engine):
    with pytest.raises(NotFoundError, match="function 'greet' does not have it; known steps: 'hello'; did you mean"):
        engine.mock("greet", "helo", returns=1)


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ({}, "say what it does"),
        ({"returns": 1, "raises": ValueError}, "give one of returns and raises"),
        ({"raises": "no"}, "raises takes an exception or an exception class, found 'no'"),
        ({"returns": 1, "times": 0}, "at least 1, found 0"),
        ({"returns": 1, "takes": "-1s"}, "takes cannot be negative"),
        ({"side_effect": []}, "empty list"),
    ],
)
def test_a_mock_that_cannot_work_says_why(engine, behaviour, message):
    with pytest.raises(MockError, match=message):
        engine.mock("greet", "hello", **behaviour)


def test_a_side_effect_that_asks_for_the_unknown_is_refused(engine):
    with pytest.raises(SetupError, match="asks for 'evnt'; a step can have event, events, steps"):
        engine.mock("greet", "hello", side_effect=lambda evnt: 1)


@pytest.mark.parametrize("span", ["soon", "3", "", "3 days", None, True, [1]])
def test_a_wrong_duration_is_refused(engine, span):
    with pytest.raises(DurationError, match="is not a duration"):
        engine.advance(span)


@pytest.mark.parametrize("span", ["-1s", -1, timedelta(days=-1)])
def test_time_does_not_go_backwards(engine, span):
    with pytest.raises(SetupError, match="time can't go backwards"):
        engine.advance(span)


def test_time_does_not_leave_the_calendar(engine):
    with pytest.raises(SetupError, match="leaves the calendar"):
        engine.advance("9000w" * 100)


def test_a_naive_start_is_refused():
    with pytest.raises(SetupError, match="has no time zone"):
        Engine(start="2024-01-01T00:00:00")


def test_an_expression_that_does_not_compile_is_shown_with_its_place(engine):
    bad = Function("bad", on_event("e"), steps=[Step("a"), Step("b", after=after("a", if_="steps.a.ok = true"))])
    with pytest.raises(InvalidFunctionsError, match=r"function 'bad', step 'b', after\[0\].if: .*") as caught:
        engine.register(bad)
    assert " | steps.a.ok = true\n |            ^" in str(caught.value)
    assert "==" in str(caught.value)


def test_all_problems_of_all_functions_come_at_once_and_nothing_is_registered(engine):
    broken = [
        Function("a", on_event("e"), steps=[Step("x", after="nope"), Step("y", after=after("$trigger", wait="soon"))]),
        Function("b", steps=[Step("x")]),
        Function("c", on_event("c"), steps=[Step("x")]),
    ]
    with pytest.raises(InvalidFunctionsError) as caught:
        engine.register(*broken)
    assert len(caught.value.problems) == 3
    assert [f.id for f in engine.functions] == ["greet"]
    assert engine.send("c").runs == ()


def test_a_step_that_asks_for_the_unknown_is_refused_at_registration(engine):
    with pytest.raises(SetupError, match="function 'f', step 's': its callable asks for 'evt'; a step can have event"):
        engine.register(Function("f", on_event("e"), steps=[Step("s", lambda evt: 1)]))


def test_a_sent_event_that_started_nothing_says_why(engine):
    with pytest.raises(NotFoundError, match=r"no function is triggered by 'user/cme'; .*did you mean 'user/came'"):
        _ = engine.send("user/cme").run


def test_a_second_event_with_the_same_id_says_which_run_has_it(engine):
    first = engine.send("user/came", id="e1").run
    with pytest.raises(NotFoundError, match=f"event id 'e1' started run {first.id} already"):
        _ = engine.send("user/came", id="e1").run


def test_an_unknown_run_is_named(engine):
    with pytest.raises(NotFoundError, match="there is no run 'nope'"):
        engine.run("nope")
    with pytest.raises(NotFoundError, match="there is no run 'nope'"):
        engine.cancel("nope")


def test_an_unknown_filter_is_named(engine):
    with pytest.raises(NotFoundError, match="there is no function 'x'"):
        engine.runs(function="x")
    with pytest.raises(NotFoundError, match="there is no status 'DONE'"):
        engine.runs(status="DONE")


def test_a_sync_engine_in_a_running_loop_names_the_async_one(engine):
    async def main():
        with pytest.raises(UsageError, match="use AsyncEngine"):
            engine.send("user/came")

    asyncio.run(main())


def test_an_engine_belongs_to_its_thread(engine):
    caught = []

    def use():
        try:
            engine.send("user/came")
        except UsageError as error:
            caught.append(str(error))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert caught
    assert "belongs to the thread that made it" in caught[0]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_step_cannot_call_its_own_engine(engine, kind):
    async def call_async():
        engine.advance("1s")

    code = (lambda: engine.send("user/came").ids) if kind == "sync" else call_async
    engine.register(Function("loop", on_event("loop"), steps=[Step("s", code)]))
    run = engine.send("loop").run
    assert run.steps["s"].error.name == "UsageError"
    assert "let the step ask for the parameter `send`" in run.steps["s"].error.message


def test_a_function_that_triggers_itself_ends_in_a_runaway_error():
    engine = Engine(max_steps=500)
    engine.register(Function("loop", on_event("tick"), steps=[Step("again", lambda send: send("tick"))]))
    with pytest.raises(RunawayError, match="worked 500 items in one call") as caught:
        engine.send("tick")
    assert any("step.completed  again" in line for line in caught.value.recent)
    engine.mock("loop", "again", returns=None)
    engine.advance("1s")
    assert {run.status for run in engine.runs()} == {RunStatus.COMPLETED}


def test_a_run_that_cannot_end_within_the_limit_says_what_it_waits_for(engine):
    engine.register(
        Function("slow", on_event("slow"), steps=[Step("s", lambda: 1, after=after("$trigger", wait="2d"))])
    )
    run = engine.send("slow").run
    with pytest.raises(
        RunIncompleteError,
        match=r"1 run is not over .* raise limit=, or send what they wait for:\n.*Wait time of s until 2024-01-03",
    ):
        engine.run_until_complete(run, limit="1d")


@pytest.mark.parametrize("arguments", [{"max_steps": 0}, {"keep": "some"}, {"keep": -1}, {"drivers": [object()]}])
def test_a_bad_argument_of_the_engine_is_refused(arguments):
    with pytest.raises(SetupError):
        Engine(**arguments)


async def test_a_step_cannot_call_its_own_async_engine():
    engine = AsyncEngine()

    async def call():
        await engine.send("x")

    await engine.register(Function("loop", on_event("loop"), steps=[Step("s", call)]))
    sent = await engine.send("loop")
    assert sent.run.steps["s"].error.name == "UsageError"


def test_what_a_step_returns_must_be_json_and_the_culprit_is_named(engine):
    engine.register(Function("f", on_event("f"), steps=[Step("s", lambda: {"rows": [1, {2, 3}]})]))
    run = engine.send("f").run
    assert run.status is RunStatus.FAILED
    assert run.error.message == ("output['rows'][1] cannot be stored as JSON: a set has no order: return a sorted list")


@pytest.mark.parametrize(
    ("side_effect", "message"),
    [({"ok": True}, "write returns= for one output"), ("abc", "write returns="), (5, "found 5")],
)
def test_a_side_effect_that_is_one_output_is_refused(engine, side_effect, message):
    with pytest.raises(MockError, match=message):
        engine.mock("greet", "hello", side_effect=side_effect)


@pytest.mark.parametrize("side_effect", [ValueError, ValueError("no")])
def test_a_side_effect_that_is_an_exception_is_raised(engine, side_effect):
    engine.mock("greet", "hello", side_effect=side_effect, times=3)
    run = engine.send("user/came").run
    engine.run_until_complete(run)
    assert run.error.name == "ValueError"


def test_a_list_of_events_takes_no_parts_beside_it(engine):
    with pytest.raises(EventError, match="events in a list have them inside"):
        engine.send([{"name": "user/came"}], {"n": 1})


def test_only_runs_of_this_engine_can_be_completed(engine):
    other = Engine(seed=1)
    other.register(Function("greet", on_event("user/came"), steps=[Step("hello", lambda: 1, after=after(wait="1d"))]))
    with pytest.raises(NotFoundError, match="this engine does not have it"):
        engine.run_until_complete(other.send("user/came").run)


def test_a_send_can_be_completed_as_a_whole(engine):
    engine.register(Function("slow", on_event("slow"), steps=[Step("s", lambda: 1, after=after(wait="2d"))]))
    sent = engine.send([{"name": "slow"}, {"name": "slow"}])
    engine.run_until_complete(sent)
    assert {run.status for run in sent.runs} == {RunStatus.COMPLETED}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Step("a", runtime="http://x"), "unknown runtime 'http://x'; write http"),
        (lambda: Step("a", after=5), "after takes a step's id"),
        (lambda: Function("f", on_event("e"), [Step("a")]), "found list; steps go into steps="),
        (lambda: Function("f", on_event("e"), steps=Step("a")), "steps takes a list of Step"),
        (lambda: after("a", wait="1h", event="e", ttl="2h"), "give either wait or event"),
        (lambda: Engine(seed=None), "seed must be a whole number or a text"),
    ],
)
def test_parts_of_the_wrong_kind_are_refused_where_they_are_written(make, message):
    with pytest.raises(SetupError, match=message):
        make()


def test_a_callable_that_takes_its_input_by_position_only_is_refused(engine):
    def step(event, /):
        return event

    with pytest.raises(SetupError, match="takes event by position only; steps are called with names"):
        engine.register(Function("f", on_event("e"), steps=[Step("s", step)]))


def test_an_event_cannot_be_sent_after_its_step(engine):
    kept = []
    engine.register(Function("f", on_event("f"), steps=[Step("s", lambda send: kept.append(send))]))
    engine.send("f")
    with pytest.raises(UsageError, match="step 's' is over"):
        kept[0]("late")


def test_a_run_that_was_dropped_says_so_whatever_is_asked():
    engine = Engine(keep=0)
    engine.register(Function("f", on_event("f"), steps=[Step("s", lambda: 1)]))
    run = engine.send("f").run
    for ask in (lambda: run.status, lambda: run.step_ids, lambda: run.events, lambda: engine.run(run.id)):
        with pytest.raises(NotFoundError, match=r"has been dropped, see Engine\(keep=...\)"):
            ask()


def load(engine, tmp_path, text):
    (tmp_path / "inngest.json").write_text(text)
    return engine.load(tmp_path)


def test_a_misspelt_field_of_a_file_is_a_warning_with_its_place(engine, tmp_path):
    text = """{"id": "f", "name": "F", "triggers": [{"event": "e"}], "steps": {
      "a": {"id": "a", "runtime": {"type": "http", "url": "http://x"}, "after": [{"step": "$trigger", "waits": "3d"}]}
    }}"""
    with pytest.warns(UnknownFieldWarning, match=r"inngest.json:2:.*unknown field 'waits' is ignored.*mean 'wait'"):
        load(engine, tmp_path, text)


@pytest.mark.parametrize(("text", "found"), [("", "nothing"), ("{}", "nothing"), ("functon: {id: 1}", "'functon'")])
def test_a_file_without_a_function_says_what_is_in_it(engine, tmp_path, text, found):
    with pytest.raises(InvalidFunctionsError, match=f"there is no function here, found {found}") as caught:
        load(engine, tmp_path, text)
    assert len(caught.value.problems) == 1
