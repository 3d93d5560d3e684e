"""What steps take: spans drawn from distributions, and spans that depend on what a step is given."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest

from inngest_testkit import Engine, Function, Mock, RunStatus, Step, on_event
from inngest_testkit.errors import MockError, NotFoundError, SetupError
from inngest_testkit.testing import traffic

from .loads import GO, engine_of

SECOND = timedelta(seconds=1)


def drawn(distribution, count=4000, seed=0):
    """Draws in seconds."""
    random = Random(seed)
    return [distribution.draw(random) / SECOND for _ in range(count)]


def mean(values):
    return sum(values) / len(values)


def took(engine, step="fetch", event=GO, data=None):
    """What the one attempt of a step takes, in seconds."""
    run = engine.send(event, data).run
    engine.run_until_complete(run)
    return run.steps[step].attempts[-1].duration / SECOND


def test_exponential_spans_have_their_mean_and_no_memory():
    values = drawn(traffic.exponential("2s"))
    assert mean(values) == pytest.approx(2, rel=0.1)
    assert sorted(values)[2000] == pytest.approx(2 * 0.693, rel=0.1)  # the median is the mean times log 2
    assert min(values) >= 0


def test_uniform_spans_lie_between_their_bounds():
    values = drawn(traffic.uniform("1s", "5s"))
    assert 1 <= min(values) <= max(values) <= 5
    assert mean(values) == pytest.approx(3, rel=0.05)


def test_log_normal_spans_have_their_median_and_tail():
    values = sorted(drawn(traffic.lognormal(median="2s", sigma=0.5)))
    assert values[2000] == pytest.approx(2, rel=0.1)
    assert values[3800] == pytest.approx(2 * 2.28, rel=0.1)  # 2 * exp(0.5 * 1.645)


def test_normal_spans_are_cut_at_nothing():
    assert mean(drawn(traffic.normal("10s", "1s"))) == pytest.approx(10, rel=0.05)
    values = drawn(traffic.normal("1s", "1s"))
    assert min(values) == 0
    assert mean([value == 0 for value in values]) == pytest.approx(0.159, abs=0.03)  # below -1 deviation


def test_sampled_spans_are_those_that_were_measured():
    assert set(drawn(traffic.sampled(["1s", 2, timedelta(seconds=4)]), 100)) == {1, 2, 4}


def test_a_span_without_end_ends_with_the_calendar():
    assert max(drawn(traffic.lognormal(median="1s", sigma=1000), 20)) == timedelta.max / SECOND


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: traffic.exponential("0s"), "traffic.exponential: mean is a span longer than 0s, found '0s'"),
        (lambda: traffic.exponential("soon"), "traffic.exponential: mean: 'soon' is not a duration"),
        (lambda: traffic.uniform("5s", "1s"), "low is '5s', longer than high, '1s'; swap them"),
        (lambda: traffic.uniform("-5s", "1s"), "low is a span of at least 0s"),
        (lambda: traffic.lognormal(median="1s", sigma=-1), "sigma is a number from 0, such as 0.5, found -1"),
        (lambda: traffic.normal("1s", "-1s"), "traffic.normal: deviation is a span of at least 0s"),
        (lambda: traffic.sampled([]), "traffic.sampled: there is no value to draw from"),
        (lambda: traffic.sampled(["1s", "x"]), "traffic.sampled: value 1: 'x' is not a duration"),
    ],
)
def test_what_is_no_distribution_is_refused(make, words):
    with pytest.raises(SetupError, match=words):
        make()


def test_a_mock_draws_with_the_engines_seed():
    def all_of(seed):
        engine = engine_of(seed=seed)
        engine.mock("import", "fetch", takes=traffic.exponential("2s"))
        return [took(engine) for _ in range(5)]

    first = all_of(1)
    assert len(set(first)) == 5
    assert first == all_of(1) != all_of(2)


def test_two_mocks_draw_apart():
    function = Function("two", on_event(GO), steps=[Step("a", lambda: 1), Step("b", lambda: 2, after="a")])
    engine = engine_of(function)
    for step in ("a", "b"):
        engine.mock("two", step, takes=traffic.exponential("2s"))
    run = engine.send(GO).run
    engine.run_until_complete(run)
    assert run.steps["a"].attempts[0].duration != run.steps["b"].attempts[0].duration


def test_a_callable_asks_for_what_the_step_is_given():
    function = Function("sized", on_event(GO), steps=[Step("count", lambda: 3), Step("work", lambda: 1, after="count")])
    engine = engine_of(function)
    engine.mock("sized", "work", takes=lambda event, steps: event.data["rows"] * steps["count"])
    assert took(engine, "work", data={"rows": 5}) == 15


def test_a_callable_sees_each_attempt_and_a_failed_one_takes_its_time_too():
    engine = engine_of()
    engine.mock("import", "fetch", side_effect=[ValueError(), "ok"], takes=lambda attempt: f"{attempt + 1}m")
    run = engine.send(GO).run
    engine.run_until_complete(run)
    assert [attempt.duration / SECOND for attempt in run.steps["fetch"].attempts] == [60, 120]


def test_a_callable_may_be_async_and_may_return_a_distribution():
    async def takes(event):
        return traffic.uniform(event.data["least"], "10s")

    engine = engine_of()
    engine.mock("import", "fetch", takes=takes)
    assert 9 <= took(engine, data={"least": 9}) <= 10


@pytest.mark.parametrize(
    ("takes", "words"),
    [
        (lambda: 1 / 0, "mock of step 'fetch' of function 'import': takes raised ZeroDivisionError: division by zero"),
        (lambda: "soon", "what takes returned for run .*: 'soon' is not a duration"),
        (lambda: -1, "takes cannot be negative, found -1s"),
        (lambda: None, "what takes returned for run .*: None is not a duration"),
    ],
)
def test_a_callable_that_gives_no_span_fails_the_step_and_says_so(takes, words):
    engine = engine_of()
    engine.mock("import", "fetch", takes=takes)
    run = engine.send(GO).run
    assert run.status is RunStatus.FAILED
    assert run.error.name == "MockError"
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(run.error.message)


@pytest.mark.parametrize(
    ("takes", "words"),
    [
        ("-1s", "takes cannot be negative"),
        (lambda rows: 1, "its callable asks for 'rows'; a step can have event"),
        (lambda send: 1, "takes cannot send events"),
    ],
)
def test_what_cannot_be_taken_is_refused_at_once(takes, words):
    with pytest.raises(MockError, match=words):
        engine_of().mock("import", "fetch", takes=takes)


def test_a_mock_made_by_hand_can_draw():
    assert Mock("f", "s", takes=traffic.exponential("1s")).timing is not None


def test_a_simulation_says_what_steps_take_while_it_lasts():
    engine = engine_of()
    traffic.simulate(engine, traffic.at(GO, ["0s"]), takes={("import", "fetch"): "3s"}, until="1m")
    assert engine.runs()[0].steps["fetch"].attempts[0].duration == 3 * SECOND
    assert took(engine) == 0


def test_what_it_says_of_a_step_goes_before_what_it_says_of_the_function_and_before_mocks():
    function = Function("two", on_event(GO), steps=[Step("a", lambda: 1), Step("b", lambda: 2, after="a")])
    engine = engine_of(function)
    mock = engine.mock("two", "a", returns="mocked", takes="1h")
    traffic.simulate(engine, traffic.at(GO, ["0s"]), takes={("two", "a"): "3s", "two": "7s"}, until="1m")
    (run,) = engine.runs()
    assert [run.steps[step].attempts[0].duration / SECOND for step in ("a", "b")] == [3, 7]
    assert run.steps["a"].output == "mocked"
    assert mock.call_count == 1


def test_the_draws_of_a_simulation_are_the_same_for_a_seed():
    def spans(seed):
        engine = engine_of(seed=seed)
        traffic.simulate(engine, traffic.constant(GO, "1/m"), takes={"import": traffic.exponential("2s")}, until="1h")
        return [run.steps["fetch"].attempts[0].duration for run in engine.runs()]

    assert spans(1) == spans(1) != spans(2)


@pytest.mark.parametrize(
    ("takes", "error", "words"),
    [
        ({"imprt": "1s"}, NotFoundError, "there is no function 'imprt'.*did you mean 'import'"),
        ({("import", "fetsh"): "1s"}, NotFoundError, "there is no step 'fetsh'.*did you mean 'fetch'"),
        ({"import": "soon"}, SetupError, "'soon' is not a duration"),
        (
            {("import", "fetch"): "-1s"},
            MockError,
            "takes of step 'fetch' of function 'import': takes cannot be negative",
        ),
    ],
)
def test_a_simulation_refuses_what_nobody_can_take(takes, error, words):
    with pytest.raises(error, match=words):
        traffic.simulate(engine_of(), takes=takes, until="1h")


def test_an_engine_without_mocks_is_as_before():
    engine = Engine()
    engine.register(Function("f", on_event(GO), steps=[Step("a", lambda: 1)]))
    assert engine.send(GO).run.steps["a"].attempts[0].duration == timedelta()
