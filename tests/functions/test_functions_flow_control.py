"""The rules of flow control: read from what an SDK registers, and from what a DAG function writes."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import inngest
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from inngest_testkit import Engine, Function, on_event
from inngest_testkit.errors import ExpressionEvaluationError
from inngest_testkit.expressions import SDK, compile_expression
from inngest_testkit.functions import check_function, load_functions
from inngest_testkit.functions.app import plan_app_function
from inngest_testkit.functions.configuration import Section
from inngest_testkit.functions.flow_control import (
    Batch,
    BrokenKey,
    CancelEvent,
    ConcurrencyLimit,
    Debounce,
    FlowControl,
    RateLimit,
    Singleton,
    Throttle,
    read_flow_control,
)
from inngest_testkit.functions.options import FLOW_CONTROL, check_options
from inngest_testkit.functions.plan import plan_function

SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
NOW = datetime(2024, 1, 1, tzinfo=UTC)


def key(text):
    return compile_expression(text, SDK)


def limits(*each):
    return FlowControl(concurrency=each)


# Of each rule: the options that the SDK's decorator takes, the same in the registered shape, the rule, and its text.
RULES = {
    "rate limit": (
        {"rate_limit": inngest.RateLimit(limit=10, period=MINUTE, key="event.data.k")},
        {"rateLimit": {"limit": 10, "period": "1m", "key": "event.data.k"}},
        FlowControl(rate_limit=RateLimit(limit=10, period=MINUTE, key=key("event.data.k"))),
        "rate limit 10 per 1m per event.data.k",
    ),
    "idempotency": (
        {"idempotency": "event.data.id"},
        {"idempotency": "event.data.id"},
        FlowControl(rate_limit=RateLimit(limit=1, period=DAY, key=key("event.data.id"), rule="idempotency")),
        "idempotency 1 per 1d per event.data.id",
    ),
    "idempotency replaces the rate limit": (
        {"idempotency": "event.data.id", "rate_limit": inngest.RateLimit(limit=10, period=MINUTE)},
        {"idempotency": "event.data.id", "rateLimit": {"limit": 10, "period": "1m"}},
        FlowControl(rate_limit=RateLimit(limit=1, period=DAY, key=key("event.data.id"), rule="idempotency")),
        "idempotency 1 per 1d per event.data.id",
    ),
    "throttle": (
        {"throttle": inngest.Throttle(limit=100, period=HOUR)},
        {"throttle": {"limit": 100, "period": "1h", "burst": 1}},
        FlowControl(throttle=Throttle(limit=100, period=HOUR, burst=1)),
        "throttle 100 per 1h (burst 1)",
    ),
    "throttle with a key": (
        {"throttle": inngest.Throttle(limit=0, period=HOUR, burst=0, key="event.data.k")},
        {"throttle": {"limit": 0, "period": "1h", "key": "event.data.k"}},
        FlowControl(throttle=Throttle(limit=1, period=HOUR, key=key("event.data.k"))),
        "throttle 1 per 1h per event.data.k",
    ),
    "concurrency": (
        {"concurrency": [inngest.Concurrency(limit=5, key="event.data.k")]},
        {"concurrency": [{"limit": 5, "key": "event.data.k"}]},
        limits(ConcurrencyLimit(limit=5, key=key("event.data.k"))),
        "concurrency 5 per event.data.k",
    ),
    "two limits, the smaller first": (
        {"concurrency": [inngest.Concurrency(limit=5), inngest.Concurrency(limit=2, key="event.data.k", scope="env")]},
        {"concurrency": [{"limit": 5}, {"limit": 2, "key": "event.data.k", "scope": "env"}]},
        limits(ConcurrencyLimit(limit=2, key=key("event.data.k"), scope="env"), ConcurrencyLimit(limit=5)),
        "concurrency 2 per event.data.k in the environment\nconcurrency 5",
    ),
    "a limit of the account": (
        {"concurrency": [inngest.Concurrency(limit=5, key="'all'", scope="account")]},
        {"concurrency": {"limit": 5, "key": "'all'", "scope": "account"}},
        limits(ConcurrencyLimit(limit=5, key=key("'all'"), scope="account")),
        "concurrency 5 per 'all' in the account",
    ),
    "debounce": (
        {"debounce": inngest.Debounce(period=5 * SECOND, timeout=MINUTE, key="event.data.k")},
        {"debounce": {"period": "5s", "timeout": "1m", "key": "event.data.k"}},
        FlowControl(debounce=Debounce(period=5 * SECOND, timeout=MINUTE, key=key("event.data.k"))),
        "debounce 5s per event.data.k (at most 1m)",
    ),
    "debounce alone": (
        {"debounce": inngest.Debounce(period=5 * SECOND)},
        {"debounce": {"period": "5s"}},
        FlowControl(debounce=Debounce(period=5 * SECOND)),
        "debounce 5s",
    ),
    "batch": (
        {"batch_events": inngest.Batch(max_size=10, timeout=5 * SECOND, key="event.data.k", if_exp="event.data.b")},
        {"batchEvents": {"maxSize": 10, "timeout": "5s", "key": "event.data.k", "if": "event.data.b"}},
        FlowControl(
            batch=Batch(max_size=10, timeout=5 * SECOND, key=key("event.data.k"), condition=key("event.data.b"))
        ),
        "batch of 10 within 5s per event.data.k if event.data.b",
    ),
    "priority": (
        {"priority": inngest.Priority(run="event.data.p == 'pro' ? 60 : 0")},
        {"priority": {"run": "event.data.p == 'pro' ? 60 : 0"}},
        FlowControl(priority=key("event.data.p == 'pro' ? 60 : 0")),
        None,
    ),
    "singleton": (
        {"singleton": inngest.Singleton(mode="cancel", key="event.data.k")},
        {"singleton": {"mode": "cancel", "key": "event.data.k"}},
        FlowControl(singleton=Singleton(mode="cancel", key=key("event.data.k"))),
        "singleton (cancel) per event.data.k",
    ),
    "timeouts": (
        {"timeouts": inngest.Timeouts(start=10 * SECOND, finish=HOUR)},
        {"timeouts": {"start": "10s", "finish": "1h"}},
        FlowControl(start_timeout=10 * SECOND, finish_timeout=HOUR),
        None,
    ),
    "cancel": (
        {
            "cancel": [
                inngest.Cancel(event="stop"),
                inngest.Cancel(event="end", if_exp="event.data.id == async.data.id", timeout=HOUR),
            ]
        },
        {
            "cancel": [
                {"event": "stop"},
                {"event": "end", "if": "event.data.id == async.data.id", "timeout": "1h"},
            ]
        },
        FlowControl(
            cancel=(
                CancelEvent(event="stop", timeout=365 * DAY),
                CancelEvent(event="end", condition=key("event.data.id == async.data.id"), timeout=HOUR),
            )
        ),
        "cancel on 'stop'\ncancel on 'end' if event.data.id == async.data.id within 1h",
    ),
}

rules = pytest.mark.parametrize("rule", RULES)


def rules_of(flow):
    """Give the rules of a function, one after another."""
    found = [getattr(flow, name) for name in FlowControl.__dataclass_fields__]
    return [rule for each in found for rule in (each if isinstance(each, tuple) else (each,)) if rule is not None]


def dag(**options):
    """Compile the rules of a DAG function, in which nothing is wrong."""
    function = Function("f", on_event("e"), **options)
    assert check_function(function) == []
    return plan_function(function).flow


# -- the same rules, however they are written


@rules
def test_a_function_that_a_client_registers_has_the_rule(rule):
    options, _, expected, _ = RULES[rule]
    client = inngest.Inngest(app_id="shop", is_production=False)
    function = client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event="e"), **options)(lambda ctx: None)
    with Engine() as engine:
        [registered] = engine.serve(client, [function])
    assert plan_app_function(registered).flow == expected


@rules
def test_a_registered_configuration_has_the_rule(rule):
    _, config, expected, _ = RULES[rule]
    assert read_flow_control(config) == expected


@rules
def test_a_dag_function_takes_the_objects_of_the_sdk(rule):
    options, _, expected, _ = RULES[rule]
    assert dag(**options) == expected


@rules
def test_a_dag_function_takes_the_registered_shape(rule):
    _, config, expected, _ = RULES[rule]
    names = {"batchEvents": "batch_events", "rateLimit": "rate_limit"}
    assert dag(**{names.get(name, name): value for name, value in config.items()}) == expected


@rules
@pytest.mark.parametrize("name", ["inngest.json", "inngest.cue"])
def test_a_file_has_the_registered_shape(rule, name, tmp_path):
    _, config, expected, _ = RULES[rule]
    function = {"id": "f", "name": "F", "triggers": [{"event": "e"}], **config}
    header = 'import d "inngest.com/defs/v1"\nfunction: d.#Function & ' if name == "inngest.cue" else ""
    (tmp_path / name).write_text(header + json.dumps(function))
    [loaded] = load_functions(tmp_path)
    assert loaded.ignored == ()
    assert plan_function(loaded.function).flow == expected


@rules
def test_a_rule_says_what_it_is(rule):
    _, _, flow, text = RULES[rule]
    if text is not None:
        assert "\n".join(str(each) for each in rules_of(flow)) == text


def test_a_function_without_rules_has_none():
    assert dag() is None
    assert dag(throttle=None, concurrency=[], cancel=[], timeouts={}) is None
    assert read_flow_control({"id": "shop-a", "concurrency": [], "cancel": None, "throttle": None}) is None


def test_several_rules_stand_side_by_side():
    assert dag(throttle={"limit": 1, "period": "1s"}, rate_limit={"limit": 1, "period": "1m"}, concurrency=2) == (
        FlowControl(
            throttle=Throttle(limit=1, period=SECOND),
            rate_limit=RateLimit(limit=1, period=MINUTE),
            concurrency=(ConcurrencyLimit(limit=2),),
        )
    )


# -- what a registration may hold besides


@pytest.mark.parametrize(
    ("concurrency", "expected"),
    [
        (4, [ConcurrencyLimit(limit=4)]),
        ("4", []),
        (True, []),
        ({"limit": 4}, [ConcurrencyLimit(limit=4)]),
        ([{"limit": 0}, {"limit": -1}, None, {}], []),
        (
            [{"limit": 4, "scope": "Env", "key": "event.id"}],
            [ConcurrencyLimit(limit=4, scope="env", key=key("event.id"))],
        ),
        ({"fn": [{"limit": 4}]}, [ConcurrencyLimit(limit=4, run=True)]),
        (
            {"fn": [{"limit": 4, "scope": "fn"}], "step": [{"limit": 4}, {"limit": 2}]},
            [ConcurrencyLimit(limit=2), ConcurrencyLimit(limit=4, run=True), ConcurrencyLimit(limit=4)],
        ),
    ],
)
def test_concurrency_has_many_shapes(concurrency, expected):
    """A limit of 0 or less is none; the smallest comes first; those of whole runs are told apart."""
    flow = read_flow_control({"concurrency": concurrency})
    assert list(flow.concurrency if flow else ()) == expected


def test_a_limit_of_runs_says_so():
    assert str(ConcurrencyLimit(limit=4, run=True)) == "concurrency 4 runs"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"debounce": {"period": "5s", "timeout": "soon", "key": ""}}, Debounce(period=5 * SECOND)),
        ({"debounce": {"period": "5s", "timeout": ""}}, Debounce(period=5 * SECOND)),
        ({"debounce": {"period": "5s", "timeout": "-1s"}}, Debounce(period=5 * SECOND)),
        ({"singleton": {}}, Singleton(mode="skip")),
        ({"singleton": {"mode": "Cancel"}}, Singleton(mode="cancel")),
        ({"cancel": [{"event": "c", "timeout": "soon"}]}, CancelEvent(event="c", timeout=365 * DAY)),
        ({"cancel": [{"event": "c", "timeout": "400d"}]}, CancelEvent(event="c", timeout=400 * DAY)),
        ({"cancel": [None]}, CancelEvent(event="")),
        ({"throttle": {"period": "1s"}}, Throttle(limit=1, period=SECOND)),
        (
            {"idempotency": "event.id", "rateLimit": {"limit": 0, "period": "never"}},
            RateLimit(limit=1, period=DAY, key=key("event.id"), rule="idempotency"),
        ),
    ],
)
def test_what_is_odd_is_read_as_the_server_reads_it(config, expected):
    assert rules_of(read_flow_control(config)) == [expected]


@pytest.mark.parametrize(
    "config",
    [
        {"timeouts": {"start": "soon", "finish": "0"}},
        {"timeouts": {"start": "-5s", "finish": ""}},
        {"throttle": {"limit": 1, "period": "0"}},
        {"rateLimit": {"limit": 1, "period": "-1s"}},
        {"priority": {}},
    ],
)
def test_what_limits_nothing_is_no_rule(config):
    assert read_flow_control(config) is None


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"throttle": {"limit": 1, "period": "1s", "key": "event.data.("}}, "event.data.("),
        ({"singleton": {"key": ""}}, ""),
        ({"concurrency": [{"limit": 1, "key": "nothing.known"}]}, "nothing.known"),
        ({"priority": {"run": "nothing.known"}}, "nothing.known"),
    ],
)
def test_a_key_that_cannot_be_compiled_has_no_value(config, text):
    """Such a key can be registered; it fails for every event, with the reason."""
    [rule] = rules_of(read_flow_control(config))
    broken = rule if isinstance(rule, BrokenKey) else rule.key
    assert broken.text == text
    with pytest.raises(ExpressionEvaluationError, match="it does not compile: ") as caught:
        broken.evaluate({"event": {"data": {}}}, lambda: NOW)
    assert caught.value.text == text


# -- anything that is registered

WORDS = ("", "5s", "0", "-1s", "1d", "soon", "event.id", "event.data.k", "event.data.(", "nothing", "skip", "Env", "fn")
FIELDS = ("limit", "period", "key", "scope", "burst", "mode", "run", "timeout", "maxSize", "if", "start", "fn", "step")
VALUES = st.recursive(
    st.none() | st.integers(-1, 12) | st.sampled_from(WORDS) | st.booleans(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=6,
)


@st.composite
def configurations(draw):
    """Make options in which about one part is replaced by anything."""
    chosen = draw(st.lists(st.sampled_from(sorted(RULES)), max_size=3))
    config = json.loads(json.dumps({name: value for rule in chosen for name, value in RULES[rule][1].items()}))
    for _ in range(draw(st.integers(0, 2))):
        option = draw(st.sampled_from(FLOW_CONTROL))
        inner = config.get(option)
        if isinstance(inner, dict) and inner and draw(st.booleans()):
            inner[draw(st.sampled_from(sorted(inner)))] = draw(VALUES)
        else:
            config[option] = draw(VALUES)
    return config


@given(configurations())
def test_whatever_is_accepted_can_be_read(config):
    """Rules of a checked configuration are read without an error, can be written, and their keys evaluated."""
    problems = []
    check_options(Section("f", config, problems))
    assume(not problems)
    flow = read_flow_control(config)
    assert flow != FlowControl()
    for rule in rules_of(flow) if flow else ():
        assert str(rule).strip()
        found = rule if hasattr(rule, "evaluate") else getattr(rule, "key", None)
        with suppress(ExpressionEvaluationError):
            assert found is None or found.evaluate({"event": {"data": {}, "id": "1"}}, lambda: NOW) is not found
