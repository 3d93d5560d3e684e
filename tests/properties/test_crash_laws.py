"""A crash between any two operations loses nothing, and doubles nothing but the step's own execution."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inngest_testkit import Event, Function, HistoryKind, Step, after, on_event
from inngest_testkit.testing.strategies import (
    Failure,
    Outcome,
    Returns,
    StepOutcomes,
    events,
    events_for,
    function_sets,
    step_outcomes,
)

from .faults import CountingGate, Fault
from .profile import law
from .worlds import NOTHING, TAIL, Scenario, World


@st.composite
def distant_scenarios(draw):
    """Waits of hours, and events at minutes of their own, so that a delay of leases changes no order."""
    functions = draw(function_sets(max_functions=2, max_steps=4, waits=("2h", "1d"), ttls=("3h", "1d")))
    outcomes = draw(step_outcomes(*functions, takes=("2s",), retry_after=("3s",)))
    awaited = sorted({entry.event for f in functions for step in f.steps for entry in step.after if entry.event})
    first = st.one_of(*map(events_for, functions))
    later = st.one_of(*([events(name=st.sampled_from(awaited))] if awaited else []), first)
    hours = [0, *sorted(draw(st.lists(st.sampled_from([0, 1, 3, 5, 26]), max_size=3)))]
    moments = [timedelta(hours=hour, minutes=7 * index) for index, hour in enumerate(hours)]
    script = [(moment, draw(first if index == 0 else later)) for index, moment in enumerate(moments)]
    return draw(st.builds(Scenario, st.just(functions), st.just(script), st.just(outcomes)))


class Played:
    """A scenario played with a fault; after it, time goes on as in the script."""

    def __init__(self, scenario, gate):
        self.gate = gate
        self.world = World(scenario, options={"gate": gate})
        self.engine = self.world.engine
        self.start = self.engine.now
        gate.armed = True
        self.lost = False
        for index, (moment, event) in enumerate(scenario.script):
            self.until(moment)
            self.send(event, f"event-{index}")
        self.until(TAIL)

    def until(self, moment):
        while self.engine.now < self.start + moment:
            try:
                self.engine.advance(self.start + moment - self.engine.now)
            except Fault:
                self.lost = True

    def send(self, event, event_id):
        parts = event.to_dict()
        while True:
            try:
                self.engine.send(parts["name"], parts["data"], id=event_id)
            except Fault:
                self.lost = True
                if self.gate.operations[-1] == "events.publish" and not self.gate.after:
                    continue  # nothing was taken, so the sender sends again
            return

    @property
    def stored(self):
        """What the state store tells of each run, without times."""
        found = {}
        for record in self.world.state._runs.values():
            state = record.snapshot()
            key = (state.run.function_id, state.run.event.value["id"])
            assert key not in found, f"two runs of {key}"
            taken = [
                e.data["edge"] for e in record.history if e.kind in (HistoryKind.EDGE_TAKEN, HistoryKind.PAUSE_SAVED)
            ]
            outputs = {step: output.value for step, output in state.outputs.items()}
            completed = sorted(e.step for e in record.history if e.kind is HistoryKind.STEP_COMPLETED)
            found[key] = {
                "status": state.status,
                "completed": completed,
                "outputs": outputs,
                "failed": sorted(state.failed),
                "edges": sorted(taken),
            }
        return found

    @property
    def seen(self):
        """What the views tell of each run, without times."""
        found = {}
        for run in self.engine.runs():
            steps = {step.id: (step.status, step.output, len(step.attempts)) for step in run.steps.values()}
            found[run.function_id, run.events[0].id] = {
                "status": run.status,
                "steps": steps,
                "error": str(run.error),
                "waiting": run.waiting,
            }
        return found


@st.composite
def crashes(draw, *, times=1):
    """A scenario, as it is played without a fault, and the gate that loses the worker so many times."""
    scenario = draw(distant_scenarios())
    gate = CountingGate()
    sound = Played(scenario, gate)
    at = draw(st.lists(places(gate.operations), min_size=times, max_size=times, unique=True))
    return scenario, sound, CountingGate(*at, after=draw(st.booleans()))


def places(operations):
    """A place among the operations; rare ones are met as often as frequent ones."""
    found = {
        name: [place for place, each in enumerate(operations) if each == name] for name in dict.fromkeys(operations)
    }
    return st.one_of(*(st.sampled_from(each) for each in found.values()))


@law(examples=80)
@given(crashes())
def test_a_crash_changes_nothing_that_is_stored(crash):
    """After a crash at any operation the runs end as without it: status, outputs, failed steps, edges."""
    scenario, sound, gate = crash
    hurt = Played(scenario, gate)
    assert hurt.lost, "the fault was not met"
    assert hurt.stored == sound.stored
    assert hurt.world.pauses == []
    assert hurt.engine.queue.pending == ()


@law(examples=60)
@given(crashes(times=3))
def test_crashes_change_nothing_that_is_stored(crash):
    """The same holds of several crashes, the second perhaps while the first is being made good."""
    scenario, sound, gate = crash
    hurt = Played(scenario, gate)
    assert hurt.stored == sound.stored
    assert hurt.world.pauses == []
    assert hurt.engine.queue.pending == ()


@law(examples=60)
@given(crashes())
def test_a_crash_does_not_show_in_the_views(crash):
    """After a crash at any operation the views of the runs tell the same: status, steps, outputs, attempts."""
    scenario, sound, gate = crash
    assert Played(scenario, gate).seen == sound.seen


@law(examples=30)
@given(crashes())
def test_a_crash_hides_no_event(crash):
    """After a crash at any operation the engine lists the same events, and has noted each of them once."""
    scenario, sound, gate = crash
    engine = Played(scenario, gate).engine
    assert [event.id for event in engine.events()] == [event.id for event in sound.engine.events()]
    noted = [e.data["event_id"] for e in engine.history if e.kind is HistoryKind.EVENT_RECEIVED]
    assert noted == [event.id for event in engine.events()]


@law(examples=60)
@given(crashes())
def test_a_crash_revives_no_step(crash):
    """Whatever crashes, a step is not executed again once it is completed or has failed for good."""
    scenario, _, gate = crash
    engine = Played(scenario, gate).engine
    calls = [call for mocks in engine._core.drivers.mocks._mocks.values() for mock in mocks for call in mock.calls]
    ended = {}
    for run in engine.runs():
        for entry in run.history:
            over = entry.kind is HistoryKind.STEP_FAILED and entry.data.get("retry_at") is None
            if over or entry.kind is HistoryKind.STEP_COMPLETED:
                ended[run.id, entry.step] = entry.at
    late = [call for call in calls if call.now > ended.get((call.run_id, call.step_id), call.now)]
    assert late == []


START = Event(name="start", data={"n": 0, "flag": False, "kind": "a"})
GO = Event(name="go", data={"n": 0, "flag": False, "kind": "a"})
ONE = Returns({"n": 1})
HOURS = timedelta(hours=1)


def fixed(*steps, later=(), outcomes=NOTHING):
    """A scenario of one function that `start` starts at once and other events meet an hour later."""
    script = [(timedelta(), START), *((HOURS, event) for event in later)]
    return Scenario((Function("f", on_event("start"), steps=steps),), script, outcomes)


FIXED = {
    "chain": fixed(Step("a", ONE), Step("b", ONE, after="a"), Step("c", ONE, after=after("b", wait="2h"))),
    "two edges to one parent": fixed(
        Step("a", ONE, after=[after(wait="1d"), after(wait="1d")]), Step("b", ONE, after="a")
    ),
    "join": fixed(
        Step("a", ONE), Step("b", ONE, after=after(wait="2h")), Step("c", ONE, after=[after(["a", "b"]), "a"])
    ),
    "event in time": fixed(Step("a", ONE, after=after(event="go", ttl="3h")), Step("b", ONE, after="a"), later=[GO]),
    "event in time, or not": fixed(
        Step("a", ONE, after=after(event="go", ttl="3h", on_timeout=True)),
        Step("b", ONE, after=after(event="stop", ttl="3h", on_timeout=True)),
        later=[GO],
    ),
    "awaits what starts it": fixed(Step("a", ONE, after=after(event="start", ttl="3h"))),
    "awaits what resumes it": fixed(
        Step("a", ONE, after=after(event="go", ttl="3h")),
        Step("b", ONE, after=after("a", event="go", ttl="3h")),
        later=[GO],
    ),
    "retries": fixed(
        Step("a", ONE),
        Step("b", ONE, after="a"),
        Step("w", ONE, after=after(wait="2h")),
        outcomes=StepOutcomes({("f", "a"): Outcome((Failure(), Failure(retry_after=timedelta(seconds=3))), 1)}),
    ),
    "fails for good": fixed(
        Step("a", ONE),
        Step("b", ONE, after="a"),
        Step("w", ONE, after=after(wait="2h")),
        outcomes=StepOutcomes({("f", "a"): Outcome((Failure(retry_after=timedelta(seconds=3)),) * 3)}),
    ),
    "takes time": fixed(
        Step("a", ONE), Step("b", ONE, after="a"), outcomes=StepOutcomes({("f", "a"): Outcome((), 1, HOURS)})
    ),
    "decides before its sibling is done": fixed(
        Step("a", ONE), Step("b", ONE, after=after(if_="steps.a == 1")), Step("c", ONE, after=after("a", if_="true"))
    ),
    "sends": Scenario(
        (
            Function(
                "f",
                on_event("start"),
                steps=[Step("a", lambda send: send(Event("note", id="n"))), Step("b", ONE, after="a")],
            ),
            Function("g", on_event("note"), steps=[Step("c", ONE)]),
        ),
        [(timedelta(), START)],
        NOTHING,
    ),
}


@pytest.mark.parametrize("name", FIXED)
def test_a_crash_anywhere_changes_nothing(name):
    """A crash before, or after, each operation of a run in turn changes nothing of what is stored and seen."""
    gate = CountingGate()
    sound = Played(FIXED[name], gate)
    changed = {}
    for place, operation in enumerate(gate.operations):
        for after_it in (False, True):
            hurt = Played(FIXED[name], CountingGate(place, after=after_it))
            where = f"{'after' if after_it else 'before'} operation {place}, {operation}"
            if hurt.stored != sound.stored or hurt.world.pauses or hurt.engine.queue.pending:
                changed[where] = hurt.stored
            elif hurt.seen != sound.seen:
                changed[where] = hurt.seen
    assert changed == {}
