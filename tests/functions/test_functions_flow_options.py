"""Flow control of DAG functions: the ways to write an option, and what is wrong with one."""

from __future__ import annotations

import json
from datetime import timedelta

import inngest
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inngest_testkit import Function, on_event
from inngest_testkit.errors import InvalidFunctionsError, SetupError
from inngest_testkit.expressions import SDK, compile_expression
from inngest_testkit.functions import check_functions, load_functions
from inngest_testkit.functions.flow_control import (
    Batch,
    CancelEvent,
    ConcurrencyLimit,
    Debounce,
    FlowControl,
    RateLimit,
    Singleton,
    Throttle,
)
from inngest_testkit.functions.flow_options import FIELDS
from inngest_testkit.functions.model import OPTIONS
from inngest_testkit.functions.options import FLOW_CONTROL
from inngest_testkit.functions.plan import plan_function

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ORDER = compile_expression("event.data.order", SDK)


def flow_of(**options):
    """Compile the options of a function, in which nothing is wrong."""
    function = Function("import", on_event("e"), **options)
    assert check_functions([function]) == []
    return plan_function(function).flow


def problems_of(**options):
    """Give what is wrong with a function, without its name."""
    found = check_functions([Function("import", on_event("e"), **options)])
    assert all(problem.startswith("function 'import', ") for problem in found)
    return [problem.removeprefix("function 'import', ") for problem in found]


# -- ways to write


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"batch_events": {"max_size": 3, "timeout": HOUR, "if_": "event.data.order", "key": "event.data.order"}},
            FlowControl(batch=Batch(max_size=3, timeout=HOUR, key=ORDER, condition=ORDER)),
        ),
        (
            {"batch_events": {"maxSize": 3, "timeout": DAY, "if_exp": "event.data.order"}},
            FlowControl(batch=Batch(max_size=3, timeout=DAY, condition=ORDER)),
        ),
        (
            {"batch_events": {"max_size": 3, "timeout": "5s", "if": "event.data.order", "key": None}},
            FlowControl(batch=Batch(max_size=3, timeout=timedelta(seconds=5), condition=ORDER)),
        ),
        ({"cancel": {"event": "stop"}}, FlowControl(cancel=(CancelEvent(event="stop"),))),
        (
            {"cancel": ({"event": "stop", "timeout": DAY}, inngest.Cancel(event="end"))},
            FlowControl(cancel=(CancelEvent(event="stop", timeout=DAY), CancelEvent(event="end"))),
        ),
        ({"concurrency": 3}, FlowControl(concurrency=(ConcurrencyLimit(limit=3),))),
        ({"concurrency": 0}, None),
        (
            {"concurrency": [3, inngest.Concurrency(limit=2, key="event.data.order")]},
            FlowControl(concurrency=(ConcurrencyLimit(limit=2, key=ORDER), ConcurrencyLimit(limit=3))),
        ),
        (
            {"concurrency": {"fn": 3, "step": [{"limit": 2}]}},
            FlowControl(concurrency=(ConcurrencyLimit(limit=2), ConcurrencyLimit(limit=3, run=True))),
        ),
        ({"debounce": {"period": HOUR, "timeout": DAY}}, FlowControl(debounce=Debounce(period=HOUR, timeout=DAY))),
        ({"singleton": {"key": "event.data.order"}}, FlowControl(singleton=Singleton(mode="skip", key=ORDER))),
        ({"timeouts": {"start": HOUR, "finish": "1d"}}, FlowControl(start_timeout=HOUR, finish_timeout=DAY)),
    ],
)
def test_an_option_may_be_written_in_several_ways(options, expected):
    assert flow_of(**options) == expected


@pytest.mark.parametrize("text", ["{{ event.data.order }}", "{{event.data.order}}", " {{ event.data.order }} "])
def test_a_key_may_be_a_template(text):
    """As in the recording throttle-and-idempotency-not-enforced."""
    assert flow_of(throttle={"count": 1, "period": "1h", "key": text}).throttle.key is ORDER
    assert flow_of(idempotency=text).rate_limit.key is ORDER


@pytest.mark.parametrize(("throttle", "limit"), [({"count": 2}, 2), ({}, 1), ({"limit": 3}, 3), ({"limit": 0}, 1)])
def test_the_limit_of_a_throttle_may_be_its_count(throttle, limit):
    """What the v0.5.0 server reads has no burst, and a count of 1 when none is given."""
    assert flow_of(throttle={**throttle, "period": "1h"}) == FlowControl(throttle=Throttle(limit=limit, period=HOUR))


def test_idempotency_replaces_throttle_and_rate_limit():
    """The first is recorded of the v0.5.0 server, the second of the current one."""
    rule = RateLimit(limit=1, period=DAY, key=ORDER, rule="idempotency")
    options = {"throttle": {"count": 5, "period": "1h"}, "rate_limit": {"limit": 5, "period": "1h"}, "concurrency": 2}
    assert flow_of(idempotency="event.data.order", **options) == FlowControl(
        rate_limit=rule, concurrency=(ConcurrencyLimit(limit=2),)
    )


def test_the_options_are_kept_as_written_by_their_registered_names():
    throttle = inngest.Throttle(limit=1, period=HOUR)
    function = Function("f", on_event("e"), throttle=throttle, rate_limit={"limit": 1}, batch_events=None)
    assert function.flow_control == {"throttle": throttle, "rateLimit": {"limit": 1}}


def test_the_options_are_those_that_an_sdk_registers():
    assert sorted(OPTIONS.values()) == list(FLOW_CONTROL)
    assert {*FIELDS, "idempotency"} == set(FLOW_CONTROL)


def test_an_unknown_option_is_refused_with_the_nearest():
    with pytest.raises(SetupError) as caught:
        Function("import", on_event("e"), ratelimit={"limit": 1})
    assert str(caught.value) == (
        "function 'import': unknown option 'ratelimit'; known: 'batch_events', 'cancel', 'concurrency', 'debounce', "
        "'idempotency', 'priority', 'rate_limit', 'singleton', 'throttle', 'timeouts'; did you mean 'rate_limit'?"
    )


# -- what is wrong

COMPILING = "error compiling expression: undeclared reference to 'nothing'"
NO_DURATION = "'soon' is not a duration: expected a number at 'soon'"
WRONG = {
    "batch": ({"batch_events": 5}, "batchEvents: expected {maxSize, timeout, key, if}, found 5; write {"),
    "batch size": (
        {"batch_events": {"max_size": 1, "timeout": "5s"}},
        "batchEvents.maxSize: batch size cannot be smaller than 2: 1 is too small, write 2 or more",
    ),
    "written twice": (
        {"batch_events": {"max_size": 5, "maxSize": 6, "timeout": "5s"}},
        "batchEvents.maxSize: it is written twice, also as 'maxSize'; write one of them",
    ),
    "cancel": ({"cancel": "stop"}, "cancel[0]: expected {event, if, timeout}, found 'stop'; write {\"event\": "),
    "second cancel": ({"cancel": [{"event": "stop"}, 5]}, "cancel[1]: expected {event, if, timeout}, found 5"),
    "cancel without an event": (
        {"cancel": {"if": "true"}},
        "cancel[0].event: there is none, so it does nothing; write",
    ),
    "cancel timeout": ({"cancel": {"event": "stop", "timeout": "soon"}}, f"cancel[0].timeout: {NO_DURATION}"),
    "cancel if": (
        {"cancel": {"event": "stop", "if": "size(event.data.x) == 1"}},
        "cancel[0].if: Cancellation expression is invalid: function calls are disallowed (uses 'size')",
    ),
    "concurrency": (
        {"concurrency": "many"},
        "concurrency: expected {limit, key, scope}, found 'many'; write 5, or {\"limit\": 5",
    ),
    "concurrency true": ({"concurrency": True}, "concurrency: expected {limit, key, scope}, found True"),
    "half a limit": ({"concurrency": 1.5}, "concurrency: expected a whole number, found 1.5; write one such as 5"),
    "half a second limit": ({"concurrency": [1, 1.5]}, "concurrency[1]: expected a whole number, found 1.5"),
    "three limits": ({"concurrency": [1, 2, 3]}, "concurrency: There are more concurrency limits specified than the"),
    "no limit": ({"concurrency": {"key": "event.id"}}, "concurrency.limit: there is none, so it does nothing; write 5"),
    "scope": (
        {"concurrency": [{"limit": 1, "scope": "env"}]},
        "concurrency[0].key: A concurrency key must be specified for Env scoped limits; write an expression such as",
    ),
    "limit key": ({"concurrency": {"limit": 1, "key": "nothing.k"}}, f"concurrency.key: {COMPILING}"),
    "limits of two kinds": (
        {"concurrency": {"fn": 1, "limit": 2}},
        "concurrency.limit: unknown field 'limit'; known: 'fn', 'step'",
    ),
    "runs": (
        {"concurrency": {"fn": [{"limit": 0}]}},
        "concurrency.fn[0].limit: function concurrency limit must be > 0",
    ),
    "debounce": ({"debounce": "5s"}, 'debounce: expected {period, timeout, key}, found \'5s\'; write {"period": "5s"}'),
    "debounce number": (
        {"debounce": {"period": 5}},
        "debounce.period: a duration is text or a timedelta, found 5: a number has no unit; write '5s' or '5ms'",
    ),
    "debounce list": (
        {"debounce": {"period": ["5s"]}},
        "debounce.period: a duration is text or a timedelta, found ['5s']; write one such as '5s'",
    ),
    "debounce period": ({"debounce": {}}, "debounce.period: The debounce period of '' is invalid; write one such as"),
    "debounce timeout": ({"debounce": {"period": "5s", "timeout": "soon"}}, f"debounce.timeout: {NO_DURATION}"),
    "idempotency": ({"idempotency": 5}, "idempotency: expected an expression as text, found 5; write 'event.data.id'"),
    "no idempotency": ({"idempotency": " "}, "idempotency: expected an expression as text, found ' '; write"),
    "idempotency key": ({"idempotency": "nothing"}, f"idempotency: key is invalid: {COMPILING}"),
    "priority": ({"priority": "event.data.p"}, "priority: expected {run}, found 'event.data.p'; write {\"run\": "),
    "no priority": ({"priority": {}}, "priority.run: there is none, so it does nothing; write {"),
    "priority run": ({"priority": {"run": "nothing"}}, f"priority.run: {COMPILING}"),
    "another object of the SDK": (
        {"priority": inngest.Debounce(period=HOUR)},
        "priority.period: unknown field 'period'; known: 'run'",
    ),
    "a class of the SDK": ({"priority": inngest.Priority}, "priority: expected {run}, found <class "),
    "an object of another kind": ({"rate_limit": object}, "rateLimit: expected {limit, period, key}, found <class "),
    "rate limit": (
        {"rate_limit": {"limit": 0, "period": "1h"}},
        "rateLimit.limit: limit must be greater than 0: 0 is too small, write 1 or more",
    ),
    "rate limit field": (
        {"rate_limit": {"limit": 1, "perod": "1h", "period": "1h"}},
        "rateLimit.perod: unknown field 'perod'; known: 'key', 'limit', 'period'; did you mean 'period'?",
    ),
    "rate limit key": (
        {"rate_limit": {"limit": 1, "period": "1h", "key": 5}},
        "rateLimit.key: expected text, found 5; write it in quotes",
    ),
    "singleton": ({"singleton": "skip"}, 'singleton: expected {mode, key}, found \'skip\'; write {"mode": "skip"}'),
    "singleton mode": (
        {"singleton": {"mode": "skp"}},
        "singleton.mode: skp does not belong to SingletonMode values; write one of: 'cancel', 'skip'; did you mean",
    ),
    "singleton key": ({"singleton": {"mode": "skip", "key": "nothing"}}, f"singleton.key: {COMPILING}"),
    "throttle": (
        {"throttle": "1h"},
        'throttle: expected {limit, period, burst, key, count}, found \'1h\'; write {"limit": 10, "period": "1m"}',
    ),
    "throttle without period": (
        {"throttle": {"count": 1}},
        "throttle.period: period must be specified; write one such as '5s'",
    ),
    "throttle period": (
        {"throttle": {"period": 60}},
        "throttle.period: a duration is text or a timedelta, found 60: a number has no unit; write '60s' or '60ms'",
    ),
    "throttle count": (
        {"throttle": {"count": 0, "period": "1h"}},
        "throttle.count: count is how many runs may start in a period, from 1; found 0",
    ),
    "throttle count and limit": (
        {"throttle": {"count": 1, "limit": 1, "period": "1h"}},
        "throttle.count: count is another name of limit; write one of them",
    ),
    "throttle key": ({"throttle": {"key": 5, "period": "1h"}}, "throttle.key: expected text, found 5; write it in"),
    "throttle key's names": ({"throttle": {"key": "{{ nothing }}", "period": "1h"}}, f"throttle.key: {COMPILING}"),
    "throttle that is replaced": (
        {"idempotency": "event.id", "throttle": {"period": "soon"}},
        f"throttle.period: failed to parse time duration: {NO_DURATION}",
    ),
    "timeouts": ({"timeouts": "1h"}, 'timeouts: expected {start, finish}, found \'1h\'; write {"finish": "1h"}'),
    "start": ({"timeouts": {"start": "soon"}}, f"timeouts.start: {NO_DURATION}"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_problem_names_place_finding_and_remedy(case):
    options, text = WRONG[case]
    [problem] = problems_of(**options)
    assert problem.startswith(text)


def test_all_problems_come_at_once():
    found = problems_of(
        concurrency=[{"limit": 1, "key": "("}, {"limit": "2"}],
        debounce={"period": 5, "timeout": "soon"},
        singleton={"mode": "wait"},
        throttle={"period": "1h", "colour": "red"},
    )
    assert sorted(problem.partition(":")[0] for problem in found) == [
        "concurrency[0].key",
        "concurrency[1].limit",
        "debounce.period",
        "debounce.timeout",
        "singleton.mode",
        "throttle.colour",
    ]


# -- in files


def write(folder, **options):
    function = {"id": "import", "name": "Import", "triggers": [{"event": "e"}], **options}
    (folder / "inngest.json").write_text(json.dumps(function, indent=1))


def test_a_problem_in_a_file_has_its_line(tmp_path):
    write(tmp_path, throttle={"count": 0, "period": "1h"}, cancel=[{"event": "stop", "if": "1 +"}])
    with pytest.raises(InvalidFunctionsError) as caught:
        load_functions(tmp_path)
    first, second = caught.value.problems
    assert "inngest.json:10:12: function 'import', throttle.count: count is how many runs may start" in first
    assert "inngest.json:16:10: function 'import', cancel[0].if: Cancellation expression is invalid: error" in second


def test_a_field_that_a_file_should_not_have_is_ignored_and_named(tmp_path):
    """Also deep in lists; it is known how an option is written in Python, where names have underscores."""
    write(
        tmp_path,
        rate_limit={"limit": 1},
        batchEvents={"max_size": 1, "maxSize": 2, "timeout": "5s"},
        concurrency={"fn": [{"limit": 1, "lmit": 2}]},
    )
    [loaded] = load_functions(tmp_path)
    assert loaded.function.flow_control == {
        "batchEvents": {"maxSize": 2, "timeout": "5s"},
        "concurrency": {"fn": [{"limit": 1}]},
    }
    ignored = [each.partition("function 'import', ")[2] for each in loaded.ignored]
    assert [each.partition(":")[0] for each in ignored] == [
        "rate_limit",
        "batchEvents.max_size",
        "concurrency.fn[0].lmit",
    ]
    assert ignored[1].endswith("did you mean 'maxSize'?")


@pytest.mark.parametrize(
    ("option", "text"),
    [
        (
            'rateLimit: {limit: 1, period: "1h", colour: "red"}',
            "rateLimit.colour: field not allowed: 'colour'; known: ",
        ),
        ("idempotency: null", "idempotency: conflicting values null and string"),
        ("throttle: null", "throttle: conflicting values null and struct"),
    ],
)
def test_the_schema_allows_no_other_fields(tmp_path, option, text):
    head = 'import d "inngest.com/defs/v1"\nfunction: d.#Function & {id: "import", name: "I", triggers: [{event: "e"}]'
    (tmp_path / "inngest.cue").write_text(f"{head}\n{option}\n}}")
    with pytest.raises(InvalidFunctionsError) as caught:
        load_functions(tmp_path)
    [problem] = caught.value.problems
    assert (
        f"inngest.cue:3:{option.index('colour: ') + 9 if 'colour' in option else option.index(': ') + 3}: " in problem
    )
    assert text in problem


# -- anything at all


class Odd:
    """An object that is registered as anything."""

    def __init__(self, found):
        self.found = found

    def to_dict(self):
        return self.found


TEXTS = st.sampled_from(
    ["", "5s", "1h", "soon", "event.id", "event.data.(", "{{ event.id }}", "{{", "skip", "env", "e"]
)
PLAIN = st.none() | st.booleans() | st.integers(-1, 9) | st.floats() | TEXTS | st.timedeltas() | st.just(object())
NAMES = sorted({*(name for names in FIELDS.values() for name in names), "max_size", "if_", "fn", "step", "x"})
OBJECTS = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | PLAIN.filter(lambda key: key == key), inner, max_size=4)
        | inner.map(Odd)
        | inner.map(lambda each: (each,))
    ),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(OPTIONS, OBJECTS)))
def test_any_option_is_compiled_or_gives_problems(options):
    """Whatever is written either has problems, or is a configuration that a server takes and that can be compiled."""
    function = Function("import", on_event("e"), **options)
    problems = check_functions([function])
    assert all(problem.startswith("function 'import', ") for problem in problems)
    if not problems:
        assert plan_function(function).flow != FlowControl()
