"""The laws of a run, each as a check of a world that was played; an assertion fails where a law is broken."""

from __future__ import annotations

from collections import Counter

from inngest_testkit import HistoryKind, RunStatus
from inngest_testkit.functions.model import TRIGGER
from inngest_testkit.queue.base import ItemKind

from .worlds import condition_holds, edges_of, leaving

TAKEN = (HistoryKind.EDGE_TAKEN, HistoryKind.PAUSE_SAVED)
DECIDED = (*TAKEN, HistoryKind.EDGE_NOT_TAKEN)


def parents_come_first(world):
    """A step starts only when the parent of the edge that starts it is done; at a join, when all of them are."""
    for run in world.runs:
        edges, done = edges_of(world.function_of(run)), {TRIGGER}
        for entry in run.history:
            if entry.kind is HistoryKind.STEP_STARTED:
                child, after = edges[entry.data["edge"]]
                assert child == entry.step
                assert done.issuperset(after.steps), f"{entry.step} started before {after.steps}"
            if entry.kind is HistoryKind.STEP_COMPLETED:
                done.add(entry.step)


def steps_complete_once(world):
    """A step completes at most once in a run, and each attempt begins once, in order, at most three."""
    for run in world.runs:
        completed = Counter(entry.step for entry in run.history if entry.kind is HistoryKind.STEP_COMPLETED)
        assert all(count == 1 for count in completed.values()), completed
        for step in world.function_of(run).steps:
            attempts = [e.attempt for e in run.history if e.kind is HistoryKind.STEP_STARTED and e.step == step.id]
            assert attempts == list(range(len(attempts))), f"attempts of {step.id}: {attempts}"
            assert len(attempts) <= 3


def edges_are_taken_once(world):
    """Each edge is traversed at most once in a run: it is taken once, and visits its child once."""
    for run in world.runs:
        taken = Counter(entry.data["edge"] for entry in run.history if entry.kind in TAKEN)
        visits = Counter(entry.data["edge"] for entry in run.history if _is_visit(entry))
        assert all(count == 1 for count in taken.values()), taken
        assert all(count == 1 for count in visits.values()), visits
        assert set(visits) <= set(taken)


def _is_visit(entry):
    first = entry.kind is HistoryKind.STEP_STARTED and entry.attempt == 0
    return first or entry.kind is HistoryKind.STEP_VISITED_AGAIN


def conditions_decide(world):
    """Whenever a step is done or visited again, each of its edges is decided exactly as its condition says.

    An edge that was taken is not decided again, one that joins several parents not before all of them are done.
    """
    for run in world.runs:
        function, event = world.function_of(run), run.events[0].to_dict()
        outputs, taken, open_decisions = {}, set(), []
        for entry in run.history:
            if entry.kind in DECIDED:
                assert open_decisions, f"{entry} {entry.data['edge']} was not to be decided"
                assert (entry.data["edge"], entry.kind in TAKEN) == open_decisions.pop(0)
                taken.update([entry.data["edge"]] if entry.kind in TAKEN else [])
                continue
            assert not open_decisions, f"not decided: {open_decisions}"
            if entry.kind is HistoryKind.STEP_COMPLETED:
                outputs[entry.step] = entry.data["output"].value
            open_decisions = _decisions(entry, function, event, outputs, taken)
        assert not open_decisions, f"not decided: {open_decisions}"


def _decisions(entry, function, event, outputs, taken):
    parent = TRIGGER if entry.kind is HistoryKind.RUN_STARTED else entry.step
    expands = entry.kind in (HistoryKind.RUN_STARTED, HistoryKind.STEP_COMPLETED)
    if not expands and not (entry.kind is HistoryKind.STEP_VISITED_AGAIN and parent in outputs):
        return []
    return [
        (name, condition_holds(after, event, outputs))
        for name, _, after in leaving(function, parent)
        if name not in taken and {TRIGGER, *outputs}.issuperset(after.steps)
    ]


def pending_tells_the_end(world):
    """What is pending of a run is zero if and only if the run is over; a run that is over has no pause."""
    for run in world.runs:
        stored = world.load(run)
        assert (stored.pending == 0) == stored.is_over == run.is_over, (stored.pending, stored.status, run.status)
        assert stored.pending >= 0
        assert stored.status == (RunStatus.RUNNING if run.status is RunStatus.QUEUED else run.status)
        if stored.is_over:
            assert not any(pause.run_id == run.id for pause in world.pauses)


def nothing_is_lost(world):
    """A run that is not over has something queued, and each pause has its time-out queued."""
    items = [pending.item for pending in world.engine.queue.pending]
    queued = {item.run_id for item in items}
    for run in world.runs:
        assert run.is_over or run.id in queued, f"{run} waits for nothing"
    timeouts = {item.pause_id for item in items if item.kind is ItemKind.PAUSE}
    assert timeouts == {pause.id for pause in world.pauses}


class OverMeansOver:
    """A run that is over never changes: neither its history nor what the state store has of it."""

    def __init__(self, world):
        self.world, self.seen = world, {}

    def __call__(self):
        for run in self.world.runs:
            if run.id in self.seen or run.is_over:
                now = (run.status, run.history, self.world.load(run).status, dict(self.world.load(run).outputs))
                assert self.seen.setdefault(run.id, now) == now, f"{run} was over and changed"
