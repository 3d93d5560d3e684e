"""A law that cannot fail says nothing: a store with a fault breaks each of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from inngest_testkit import Event, Function, RunStatus, Step, after, on_event
from inngest_testkit.queue.memory import MemoryQueue
from inngest_testkit.state.memory import MemoryStateStore
from inngest_testkit.testing.conditions import Comparison, Condition, Reference
from inngest_testkit.testing.strategies import Failure, Outcome, Returns, StepOutcomes
from inngest_testkit.values import encode

from . import laws
from .test_crash_laws import CountingGate, Played
from .test_model_laws import arrivals, as_modelled, modelled
from .worlds import Scenario, World

DATA = {"n": 1, "flag": True, "kind": "a"}
IS_ONE = Condition(Comparison(Reference(("steps", "a", "n")), "==", 1))
STEPS = (
    Step("a", Returns(DATA)),
    Step("b", Returns(DATA)),
    Step("c", Returns(DATA), after=["a", "b", after(["a", "b"], wait="1h")]),
    Step("d", Returns(DATA), after=after("a", if_=IS_ONE, event="go", ttl="1h", on_timeout=True)),
    Step("e", Returns(DATA), after=after("c", if_=IS_ONE)),
    Step("j", Returns(DATA), after=after(["a", "b"])),
)
FUNCTION = Function("f", on_event("start"), steps=STEPS)
SCRIPT = [(timedelta(), Event(name="start", data=DATA)), (timedelta(hours=2), Event(name="start", data=DATA))]
FAILS = StepOutcomes(
    {
        ("f", "b"): Outcome((Failure(),), DATA, timedelta(seconds=1)),
        ("f", "c"): Outcome((), DATA, timedelta(seconds=20)),
    }
)
SCENARIO = Scenario((FUNCTION,), SCRIPT, FAILS)


class ForgetsTokens(MemoryStateStore):
    """Has never heard of an edge, and counts it whenever it is asked to."""

    async def is_scheduled(self, run_id, token):
        return False

    async def schedule(self, run_id, token):
        self._runs[run_id].tokens.pop(token, None)
        return await super().schedule(run_id, token)


class GivesStepsToAll(MemoryStateStore):
    """Lets every edge run its step."""

    async def claim(self, run_id, step, token):
        return True


class LosesOutputs(MemoryStateStore):
    """Stores another output than the step's."""

    async def save_output(self, run_id, step, output):
        return await super().save_output(run_id, step, encode({"n": 2}))


class MiscountsTheEnd(MemoryStateStore):
    """Ends a run, but remembers one piece of work as pending."""

    async def end(self, run_id, status):
        ended = await super().end(run_id, status)
        self._runs[run_id].pending = 1
        return ended


class EndsTwice(MemoryStateStore):
    """Turns runs that are over into failed ones when another is created."""

    async def create(self, run):
        for record in self._runs.values():
            record.status = RunStatus.FAILED if record.status.is_over else record.status
        return await super().create(run)


class SeesAllDone(MemoryStateStore):
    """Tells of outputs that are not there yet, so that joins do not wait."""

    async def load(self, run_id):
        state = await super().load(run_id)
        return replace(state, outputs={"b": encode(DATA), **state.outputs})


class DropsWaits(MemoryQueue):
    """Loses what is not due at once."""

    async def enqueue(self, item, at, *, priority=0):
        return not item.pause_id and await super().enqueue(item, at, priority=priority)


class Hurries(MemoryQueue):
    """Makes items due a second early."""

    async def enqueue(self, item, at, *, priority=0):
        early = at - timedelta(seconds=1) if "->c" in item.id else at
        return await super().enqueue(item, early, priority=priority)


def as_the_model_says(world):
    arrived = arrivals(world)
    for index, sent in enumerate(world.sent):
        assert as_modelled(sent.run) == modelled(FUNCTION, arrived, index, FAILS)


ALWAYS = (
    laws.parents_come_first,
    laws.steps_complete_once,
    laws.edges_are_taken_once,
    laws.conditions_decide,
    laws.pending_tells_the_end,
    laws.nothing_is_lost,
    as_the_model_says,
)


@pytest.mark.parametrize("check", ALWAYS, ids=lambda check: check.__name__)
def test_the_sound_stores_keep_the_law(check):
    """The scenario of this file breaks no law by itself."""
    check(World(SCENARIO).play())


@pytest.mark.parametrize(
    ("check", "store"),
    [
        (laws.edges_are_taken_once, ForgetsTokens),
        (laws.steps_complete_once, GivesStepsToAll),
        (laws.conditions_decide, LosesOutputs),
        (laws.pending_tells_the_end, MiscountsTheEnd),
        (laws.parents_come_first, SeesAllDone),
        (as_the_model_says, LosesOutputs),
    ],
    ids=lambda part: part.__name__,
)
def test_a_state_store_with_a_fault_breaks_the_law(check, store):
    """A fault in the state store breaks the law that is about it."""
    world = World(SCENARIO, state=store()).play()
    with pytest.raises(AssertionError):
        check(world)


@pytest.mark.parametrize(
    ("check", "queue"),
    [(laws.nothing_is_lost, DropsWaits), (as_the_model_says, Hurries)],
    ids=lambda part: part.__name__,
)
def test_a_queue_with_a_fault_breaks_the_law(check, queue):
    """A fault in the queue breaks the law that is about it."""
    world = World(SCENARIO, queue=queue()).play()
    with pytest.raises(AssertionError):
        check(world)


def test_a_change_after_the_end_breaks_the_law():
    """A store that touches runs that are over is found out."""
    world = World(SCENARIO, state=EndsTwice())
    with pytest.raises(AssertionError):
        world.play(laws.OverMeansOver(world))


def test_a_store_that_marks_before_it_acts_breaks_the_crash_law(monkeypatch):
    """If an edge counted as taken before its work was queued, a crash in between would lose the work."""
    from inngest_testkit.executor.dag import DagWalker

    take = DagWalker._take

    async def marked_first(self, edge, visit, variables):
        await self._state.schedule(visit.run_id, edge.id)
        await take(self, edge, visit, variables)

    monkeypatch.setattr(DagWalker, "_take", marked_first)
    scenario = Scenario((FUNCTION,), SCRIPT[:1])
    gate = CountingGate()
    sound = Played(scenario, gate).stored
    hurt = [Played(scenario, CountingGate(at, after=False)).stored for at in range(len(gate.operations))]
    assert any(each != sound for each in hurt)


def test_a_swap_of_transitions_breaks_the_byte_law():
    """Histories are compared byte for byte: one entry more shows."""
    one, two = World(SCENARIO).play(), World(Scenario((FUNCTION,), SCRIPT[:1], FAILS)).play()
    assert one.histories != two.histories
