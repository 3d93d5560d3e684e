"""The strategies give what they promise, and shrink to little."""

from __future__ import annotations

import pickle
import subprocess
import sys
from datetime import timedelta

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.vendor.pretty import RepresentationPrinter

from inngest_testkit import Engine, Event, Function, Step, after, on_cron, on_event
from inngest_testkit.durations import parse_duration
from inngest_testkit.errors import SetupError
from inngest_testkit.expressions import DAG, compile_expression
from inngest_testkit.functions.model import TRIGGER, EventDefinition
from inngest_testkit.testing.strategies import (
    Failure,
    Outcome,
    Returns,
    broken_functions,
    conditions,
    event_scripts,
    events,
    events_for,
    function_sets,
    functions,
    json_objects,
    json_values,
    matches,
    step_outcomes,
)
from inngest_testkit.values import encode

from .profile import law
from .worlds import truth

DATA_SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
EVENT_SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "data": {"$ref": "#/$defs/order"},
        "user": {"properties": {"plan": {"enum": ["pro", "free"]}}, "required": ["plan"]},
    },
    "required": ["user"],
    "$defs": {"order": DATA_SCHEMA},
}

FAST = settings(database=None, deadline=None, phases=[Phase.generate, Phase.shrink])


def shortest(strategy, wanted=lambda value: True, *, examples=60):
    """The simplest value that hypothesis finds in so many examples."""
    return find(strategy, wanted, settings=settings(FAST, max_examples=examples))


def occurs(strategy, wanted):
    """Whether a value is found at all."""
    unshrunk = settings(FAST, max_examples=2000, phases=[Phase.generate])
    return find(strategy, wanted, settings=unshrunk) is not None


@law(examples=100)
@given(json_values())
def test_json_values_are_exact(value):
    """Whole numbers stay within ±2**53, and there is no NaN and no infinity."""

    def check(part):
        if isinstance(part, (list, dict)):
            for inner in part.values() if isinstance(part, dict) else part:
                check(inner)
        elif isinstance(part, (int, float)):
            assert abs(part) <= (2**53 if isinstance(part, int) else sys.float_info.max)

    check(value)


def test_json_objects_are_objects():
    """Objects shrink to the empty one."""
    assert shortest(json_objects()) == {}


@law(examples=80)
@given(conditions("a", "b", response=True) | matches("a"), st.data())
def test_conditions_know_their_truth(condition, data):
    """A condition compiles, and `holds`, the expression and an evaluation of the tree agree, missing parts included."""
    fields = st.fixed_dictionaries({}, optional={"n": st.integers(0, 2), "flag": st.booleans(), "kind": st.just("a")})
    steps = data.draw(st.dictionaries(st.sampled_from("ab"), fields))
    variables = {
        "event": {"data": data.draw(fields)},
        "steps": steps,
        "response": data.draw(fields),
        "async": {"data": data.draw(fields)},
    }
    expected = truth(condition.tree, variables)

    def now():
        raise AssertionError("no generated condition reads the time")

    assert condition.holds(**variables) == expected
    assert compile_expression(condition, DAG).test(variables, now) == expected
    assert pickle.loads(pickle.dumps(condition)).tree == condition.tree


@law(examples=60)
@given(functions(max_steps=4, waits=("1h",), ttls=(), joins=False, conditions=False, most_entries=2))
def test_options_limit_functions(function):
    """What an option leaves out does not occur."""
    entries = [entry for step in function.steps for entry in step.after]
    assert 1 <= len(function.steps) <= 4
    assert all(len(step.after) <= 2 for step in function.steps)
    assert all(not entry.join and not entry.is_async and entry.if_ is None for entry in entries)
    assert {entry.wait for entry in entries} <= {None, "1h"}


@pytest.mark.parametrize(
    ("what", "wanted"),
    [
        ("condition", lambda entry: entry.if_),
        ("wait", lambda entry: entry.wait),
        ("join", lambda entry: entry.join),
        ("async", lambda entry: entry.event and not entry.on_timeout),
        ("match", lambda entry: entry.match and entry.if_),
        ("time-out", lambda entry: entry.on_timeout),
        ("async from the trigger", lambda entry: entry.event and entry.steps == (TRIGGER,)),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_every_kind_of_edge_occurs(what, wanted):
    """Each kind of edge is found."""
    assert occurs(functions(), lambda f: any(wanted(entry) for step in f.steps for entry in step.after))


def test_an_edge_shrinks():
    """A function that must have a wait shrinks to one step with one edge."""
    found = shortest(functions(max_steps=3), lambda f: any(e.wait for step in f.steps for e in step.after))
    assert len(found.steps) == 1
    assert len(found.steps[0].after) <= 2


def test_a_parent_may_be_named_twice():
    """The same parent occurs in several entries of a step."""
    assert occurs(functions(), lambda f: any(len(s.after) > len({e.steps for e in s.after}) for s in f.steps))


def test_functions_shrink_to_one_step():
    """The simplest function is one step after the trigger; the simplest set is one function."""
    (found,) = shortest(function_sets())
    assert [(step.id, [str(entry.steps[0]) for entry in step.after]) for step in found.steps] == [("a", [TRIGGER])]
    assert len(found.triggers) == 1


def test_children_sort_before_their_parents():
    """The order of ids is not always the order of the graph."""
    assert occurs(functions(), lambda f: any(p > s.id for s in f.steps for e in s.after for p in e.steps))


def test_a_failing_function_is_shown_as_code(monkeypatch):
    """Hypothesis shows a function as the calls that make it; schemathesis, wherever pytest loads it, puts blanks."""
    monkeypatch.setattr("hypothesis.core.RepresentationPrinter", RepresentationPrinter)

    @settings(FAST, max_examples=20)
    @given(functions())
    def fails(function):
        raise AssertionError

    with pytest.raises(AssertionError) as failed:
        fails()
    notes = "".join(getattr(failed.value, "__notes__", ()))
    assert "on_event('start')" in notes
    assert "after('$trigger')" in notes


@law(examples=60)
@given(st.data())
def test_scripts_meet_the_waits(data):
    """A script begins with an event that triggers, and its delays lie before, at and after the waits and ttls."""
    function = Function(
        "f",
        on_event("start"),
        steps=[Step("a", after=[after(wait="1h"), after(event="go", ttl="3h")])],
    )
    script = data.draw(event_scripts(function, max_events=3, around="10m"))
    assert script[0][0] == timedelta()
    assert script[0][1].name == "start"
    assert {event.name for _, event in script} <= {"start", "go"}
    assert all(delay >= timedelta() and delay % timedelta(minutes=10) == timedelta() for delay, _ in script)


@pytest.mark.parametrize("shift", ["-1s", "0", "1s"])
def test_an_event_before_at_and_after_a_ttl(shift):
    """Events come just before a ttl ends, exactly then, and just after."""
    function = Function("f", on_event("start"), steps=[Step("a", after=after(event="go", ttl="3h"))])
    moment = parse_duration("3h") + parse_duration(shift)
    assert occurs(event_scripts(function), lambda s: len(s) == 2 and s[1][0] == moment and s[1][1].name == "go")


@law(examples=40)
@given(st.data())
def test_outcomes_are_applied(data):
    """Outcomes replace what steps do: their failures first, then their output, in the virtual time they take."""
    function = Function("f", on_event("start"), steps=[Step("a", Returns(1))])
    outcomes = data.draw(step_outcomes(function, outputs=json_values(), takes=("5s",)))
    engine = Engine()
    engine.register(function)
    outcomes.apply(engine)
    run = engine.send("start").run
    engine.run_until_complete(run)
    outcome = outcomes.by_step.get(("f", "a"), Outcome(output=1))
    assert len(run.steps["a"].attempts) <= len(outcome.failures) + 1
    assert run.steps["a"].attempts[0].duration == (outcome.takes or timedelta())
    if len(outcome.failures) < 3 and not any(failure.final for failure in outcome.failures):
        assert repr(run.steps["a"].output) == repr(encode(outcome.output).value)


def test_outcomes_shrink_to_none():
    """The simplest outcomes leave every step its own code; a failing step fails once."""
    function = Function("f", on_event("start"), steps=[Step("a", Returns(1)), Step("b", Returns(1))])
    assert shortest(step_outcomes(function)).by_step == {}
    failing = shortest(step_outcomes(function), lambda o: any(each.failures for each in o.by_step.values()))
    assert [each.failures for each in failing.by_step.values()] == [(Failure(),)]


@pytest.mark.parametrize("kind", ["cycle", "wait", "duplicate step"])
def test_broken_functions_shrink(kind):
    """A broken function shrinks to little more than its defect."""
    function, defect = shortest(broken_functions(kind, max_steps=3))
    assert defect.kind == kind
    assert len(function.steps) <= 2


def test_events_have_known_data():
    """Without data or definition, the data are the simplest that conditions read."""
    assert shortest(events(name="go")) == Event(name="go", data={"n": 0, "flag": False, "kind": "a"})


@law(examples=30)
@given(events_for(on_event("order/placed", definition=EventDefinition("json-schema", DATA_SCHEMA))))
def test_a_schema_of_the_data(event):
    """A schema without properties.data describes the data."""
    assert event.name == "order/placed"
    assert isinstance(event.data["n"], (int, float))


@law(examples=30)
@given(events_for(Function("f", on_event("order/placed", definition=EventDefinition("json-schema", EVENT_SCHEMA)))))
def test_a_schema_of_the_whole_event(event):
    """A schema with properties.data describes the whole event; the name is the trigger's."""
    assert event.name == "order/placed"
    assert isinstance(event.data["n"], (int, float))
    assert event.user["plan"] in ("pro", "free")


@law(examples=30)
@given(
    events_for(on_event("a", definition=EventDefinition("cue", "{ name: string, data: { n: int, on: bool } }")))
    | events_for(on_event("a", definition=EventDefinition("cue", "n: int, on: bool")))
)
def test_a_definition_in_cue(event):
    """A struct of types and values in cue describes the event or its data."""
    assert event.name == "a"
    assert {key: type(value) for key, value in event.data.items()} == {"n": int, "on": bool}


@pytest.mark.parametrize(
    ("make", "remedy"),
    [
        (lambda: events(definition=EventDefinition("cue", "n: >=1")), "a bound .* write the definition in the format"),
        (lambda: events(definition=EventDefinition("cue", "n?: int")), "'json-schema', or give events"),
        (lambda: events(definition=EventDefinition("xml", "<n/>")), "write 'json-schema' or 'cue'"),
        (lambda: events(definition=EventDefinition("json-schema", "{")), "write the JSON of a schema"),
        (lambda: events(definition=EventDefinition("json-schema", "[]")), "found list"),
        (lambda: events(data=json_objects(), definition=EventDefinition("cue", "{}")), "not both"),
        (lambda: events_for(on_cron("0 9 * * *")), "add on_event"),
    ],
)
def test_what_cannot_be_generated(make, remedy):
    """A definition that cannot be read is an error with a remedy."""
    with pytest.raises(SetupError, match=f"(?s){remedy}"):
        make()


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_the_package_does_not_import_hypothesis():
    """`import inngest_testkit` imports neither hypothesis nor its schema strategies."""
    code = "import sys, inngest_testkit; print([m for m in sys.modules if m.startswith(('hypothesis', 'jsonschema'))])"
    assert run_python(code) == "[]\n"


def test_a_missing_extra_is_named():
    """Without hypothesis the strategies say which extra brings it."""
    code = """
import sys
sys.modules["hypothesis"] = None
try:
    import inngest_testkit.testing.strategies
except Exception as error:
    print(type(error).__name__, error)
"""
    assert run_python(code).startswith(
        "MissingExtraError inngest_testkit.testing.strategies needs the extra [hypothesis]"
    )


def test_schemas_need_hypothesis_jsonschema(monkeypatch):
    """Without hypothesis-jsonschema a definition in that format says which extra brings it."""
    monkeypatch.setitem(sys.modules, "hypothesis_jsonschema", None)
    with pytest.raises(SetupError, match=r"extra \[hypothesis\]"):
        events(definition=EventDefinition("json-schema", DATA_SCHEMA))
