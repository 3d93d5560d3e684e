"""What is wrong with functions made in Python, and between functions."""

from __future__ import annotations

from datetime import timedelta

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inngest_testkit.functions import (
    TRIGGER,
    After,
    EventDefinition,
    Function,
    Problem,
    Step,
    Trigger,
    after,
    check_function,
    check_functions,
    docker,
    http,
    on_cron,
    on_event,
)
from inngest_testkit.functions.problems import describe
from inngest_testkit.functions.shape import children_of, find_cycles, find_unreachable

EVENT = on_event("e")


def check(*steps, triggers=(EVENT,), **options):
    return check_functions([Function("x", *triggers, steps=steps, **options)])


def edge(entry):
    """Give the problems of one edge into b, without their common start."""
    start = "function 'x', step 'b', after[0]"
    found = check(Step("a"), Step("c"), Step("b", after=entry))
    assert all(problem.startswith(start) for problem in found)
    return [problem.removeprefix(start) for problem in found]


def test_a_function_in_order_has_no_problems():
    assert (
        check(
            Step("a", print),
            Step(
                "b", runtime=http("http://steps.test"), after=after("a", if_="response.ok && steps.a.n > 1", wait="1h")
            ),
            Step(
                "c",
                runtime=docker("file://./c"),
                after=["a", after("b", event="f", match="async.data.id == event.data.id", ttl="1d")],
            ),
            Step("d", after=after(["a", "b"], if_="steps.a.ok && has(steps.response)")),
            triggers=[
                on_event("e", if_="event.data.plan == 'pro' && user.seats > 3.0"),
                on_cron("TZ=Europe/Paris 0 9 * * MON"),
            ],
            idempotency="event.data.id",
            throttle={"count": 2, "period": "1h", "key": "event.data.id"},
        )
        == []
    )


def test_problems_have_their_path_in_the_document():
    assert check_function(Function("x", EVENT, steps=[Step("b", after=after("a", if_="1 +"))]))[0] == Problem(
        ("steps", "b", "after", 0, "step"), "unknown step 'a' for edge '{a b}'; known steps: '$trigger', 'b'"
    )


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), "function 'x'"),
        (("id",), "function 'x', id"),
        (("triggers", 0, "event"), "function 'x', triggers[0].event"),
        (("steps",), "function 'x', steps"),
        (("steps", "a"), "function 'x', step 'a'"),
        (("steps", "a", "after", 1, "async", "ttl"), "function 'x', step 'a', after[1].async.ttl"),
    ],
)
def test_a_place_is_written_for_readers(path, text):
    assert describe("x", path) == text


HEADS = {
    "no id": (Function("", EVENT, name="X"), "a function without an id, id: A function ID is required"),
    "id of another kind": (
        Function(5, EVENT, name="X"),
        "function '5', id: A function ID is required; write an id as text, found 5",
    ),
    "no name": (Function("x", EVENT, name=""), "function 'x', name: A function name is required"),
    "no trigger": (Function("x"), "function 'x', triggers: At least one trigger is required"),
    "no event name": (
        Function("x", on_event("")),
        "function 'x', triggers[0].event: An event trigger must specify an event name",
    ),
    "only an expression": (
        Function("x", Trigger(expression="true")),
        "triggers[0].event: An event trigger must specify an event name",
    ),
    "neither": (Function("x", Trigger()), "triggers[0]: A trigger must supply an event name or a cron schedule"),
    "both": (Function("x", Trigger(event="e", cron="* * * * *")), "triggers[0]: A trigger cannot have both"),
    "empty cron": (Function("x", on_cron("")), "triggers[0].cron: '' isn't a valid cron schedule"),
    "jitter": (
        Function("x", on_cron("* * * * *", jitter="6m")),
        "triggers[0].jitter: cron jitter must be at least 1s and at most 5m; found '6m', write '0' for none",
    ),
    "short jitter": (
        Function("x", on_cron("* * * * *", jitter=timedelta(milliseconds=999))),
        "triggers[0].jitter: cron jitter must be at least 1s and at most 5m; found '999ms', write '0' for none",
    ),
    "jitter text": (
        Function("x", on_cron("* * * * *", jitter="soon")),
        "triggers[0].jitter: 'soon' isn't a valid jitter duration: 'soon' is not a duration",
    ),
    "jitter kind": (
        Function("x", on_cron("* * * * *", jitter=30)),
        "triggers[0].jitter: expected a duration as text, found 30; write it in quotes, such as '30s'",
    ),
    "jitter without a cron": (
        Function("x", Trigger(jitter="30s")),
        "triggers[0].cron: '' isn't a valid cron schedule",
    ),
    "jitter of an event": (Function("x", Trigger(event="e", jitter="30s")), "triggers[0]: A trigger cannot have both"),
    "cron with an expression": (
        Function("x", Trigger(cron="* * * * *", expression="true")),
        "triggers[0].expression: a cron trigger has no event",
    ),
    "expression": (
        Function("x", on_event("e", if_="data.n == 1")),
        "a trigger's expression reads event (event.data.x, event.name) and user",
    ),
    "definition format": (
        Function("x", on_event("e", definition=EventDefinition("json_schema", "{}"))),
        "json_schema; known formats: 'cue', 'json-schema'; did you mean 'json-schema'?",
    ),
    "definition text": (
        Function("x", on_event("e", definition=EventDefinition("json-schema", "{"))),
        "definition.def: error converting json-schema definition: Expecting property name",
    ),
    "definition list": (
        Function("x", on_event("e", definition=EventDefinition("json-schema", "[]"))),
        "error converting json-schema definition: expected an object, found list",
    ),
    "definition kind": (
        Function("x", on_event("e", definition=EventDefinition("json-schema", 5))),
        "error converting json-schema definition: expected text or an object, found int",
    ),
    "flow control": (Function("x", EVENT, idempotency=5), "idempotency: expected an expression as text, found 5"),
}


@pytest.mark.parametrize(("function", "expected"), HEADS.values(), ids=HEADS)
def test_mistakes_in_the_head(function, expected):
    [problem] = check_functions([function])
    assert expected in problem


STEPS = {
    "no id": ([Step("")], "function 'x', step '': A step must have an ID defined"),
    "the trigger's id": (
        [Step(TRIGGER)],
        "function 'x', step '$trigger': '$trigger' is the name of the function's trigger",
    ),
    "twice": ([Step("a"), Step("a")], "function 'x', step 'a': duplicate step id 'a'; give each step an id of its own"),
    "one slug": (
        [Step("b.c"), Step("B c")],
        "step 'B c': shares the DSN 'x-step-b-c-test' with step 'b.c'; rename one of them",
    ),
    "docker path": (
        [Step("a", runtime=docker("./a"))],
        "step 'a', path: the provided path could not be parsed: './a'; write file://",
    ),
}


@pytest.mark.parametrize(("steps", "expected"), STEPS.values(), ids=STEPS)
def test_mistakes_in_a_step(steps, expected):
    [problem] = check(*steps)
    assert expected in problem


EDGES = {
    "near miss": (
        after("aa"),
        ".step: unknown step 'aa' for edge '{aa b}'; known steps: '$trigger', 'a', 'b', 'c'; did you mean 'a'?",
    ),
    "in a join": (after(["a", "no"]), ".steps[1]: unknown step 'no' for edge '{no b}'"),
    "named twice": (after(["a", "c", "a"]), ".steps[2]: step 'a' is named twice in one entry; name it once"),
    "nothing joined": (after([]), ": the entry names no parent"),
    "condition": (after("a", if_="steps.a.ok === true"), ".if: error compiling expression: Syntax error"),
    "condition's variable": (
        after("a", if_="data.ok"),
        "the condition of an edge reads event, steps (steps.ID.x) and response",
    ),
    "condition's kind": (After(("a",), if_=True), ".if: expected an expression as text, found True"),
    "wait": (after("a", wait="soon"), ".wait: invalid wait duration: 'soon' is not a duration"),
    "wait's kind": (After(("a",), wait=5), ".wait: invalid wait duration: 5 is not a duration"),
    "ttl": (after("a", event="e", ttl="x"), ".async.ttl: error parsing async edge ttl: 'x' is not a duration"),
    "no ttl": (after("a", event="e"), ".async.ttl: no async edge ttl specified; write how long to wait"),
    "no event": (after("a", ttl="1h"), ".async.event: no async edge event specified; write the name"),
    "match": (after("a", event="e", ttl="1h", match="async.data.x ="), ".async.match: error compiling expression"),
    "match's variable": (after("a", event="e", ttl="1h", match="data.x == 1"), "and as async the event that arrives"),
    "response of several": (
        after(["a", "c"], if_="response.ok"),
        ".if: response is the output of one parent, and this edge joins 2; write steps.a, steps.c",
    ),
    "response of several, in match": (
        after(["a", "c"], event="e", ttl="1h", match="async.data.id == response.id"),
        ".async.match: response is the output of one parent",
    ),
}


@pytest.mark.parametrize(("entry", "expected"), EDGES.values(), ids=EDGES)
def test_mistakes_in_an_edge(entry, expected):
    [problem] = edge(entry)
    assert expected in problem


def test_one_joined_step_has_a_response():
    assert edge(after(["a"], if_="response.ok")) == []


def test_the_same_parent_may_be_named_in_several_entries():
    assert (
        check(Step("a"), Step("b", after=[after("a", if_="event.data.n == 1"), after("a", if_="event.data.n == 2")]))
        == []
    )


def test_a_cycle_names_its_steps_in_order():
    assert check(Step("a", after=[TRIGGER, "c"]), Step("b", after="a"), Step("c", after="b"), Step("d", after="c")) == [
        "function 'x', step 'a', after[1]: cycle: a -> b -> c -> a; a step runs once in a run, so remove an edge"
    ]


def test_steps_that_no_run_reaches_are_named():
    assert check(
        Step("a"), Step("x", after="y"), Step("y", after="x"), Step("z", after="z"), Step("w", after=["x", "z"])
    ) == [
        (
            "function 'x', step 'x', after[0]: cycle: x -> y -> x; none of them can be reached from the trigger; "
            "a step runs once in a run, so remove an edge"
        ),
        (
            "function 'x', step 'z', after[0]: cycle: z -> z; none of them can be reached from the trigger; "
            "a step runs once in a run, so remove an edge"
        ),
        (
            "function 'x', step 'w', after: unreachable: it only follows x, z, "
            "which cannot be reached from the trigger; let one of them follow '$trigger' or a step that runs"
        ),
    ]


def test_what_follows_an_unknown_step_is_not_reported_again():
    assert len(check(Step("a", after="no"), Step("b", after="a"))) == 1


def test_problems_between_functions_name_the_other():
    one, two = (Function("x", EVENT, steps=[Step(name)]) for name in "ab")
    assert check_functions([one, two]) == [
        "function 'x', id: duplicate function id 'x' (the other: function 'x', id); give each function an id of its own"
    ]
    three = Function("x-step-a", EVENT, steps=[Step("b")])
    four = Function("x", EVENT, steps=[Step("a step b")])
    assert check_functions([three, four]) == [
        (
            "function 'x', step 'a step b': shares the DSN 'x-step-a-step-b-test' with another step "
            "(function 'x-step-a', step 'b'); rename one of the functions or steps"
        )
    ]


def test_the_caller_may_name_places():
    found = check_functions([Function("x", EVENT), Function("x")], place=lambda number, path: f"{number}{list(path)}")
    assert [problem.split(": ")[0] for problem in found] == ["1['triggers']", "1['id']"]


GRAPHS = st.integers(1, 7).flatmap(
    lambda size: st.lists(
        st.lists(st.sampled_from([TRIGGER, *map(str, range(size))]), min_size=1, max_size=3),
        min_size=size,
        max_size=size,
    )
)


@given(GRAPHS)
def test_cycles_and_lost_steps_are_those_of_networkx(parents):
    steps = [Step(str(number), after=entries) for number, entries in enumerate(parents)]
    graph = nx.DiGraph((parent, child) for parent, children in children_of(steps).items() for child in children)
    on_cycles = {node for part in nx.strongly_connected_components(graph) if len(part) > 1 for node in part}
    on_cycles |= {node for node in graph if graph.has_edge(node, node)}
    cycles = find_cycles(steps)
    assert {node for cycle in cycles for node in cycle} == on_cycles
    for cycle in cycles:
        assert all(graph.has_edge(one, two) for one, two in zip(cycle, [*cycle[1:], cycle[0]], strict=True))
    reached = nx.descendants(graph, TRIGGER) if TRIGGER in graph else set()
    assert find_unreachable(steps) == {step.id for step in steps} - reached
