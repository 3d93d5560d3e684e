"""What holds of every run, whatever the functions, the events and the outcomes of the steps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inngest_testkit import RunStatus

from . import laws
from .profile import law
from .worlds import World, scenarios


@law(examples=40)
@given(scenarios())
def test_a_step_runs_after_its_parents(scenario):
    """A step never runs before one of its parents is done, and by a join not before all of them are."""
    laws.parents_come_first(World(scenario).play())


@law(examples=40)
@given(scenarios())
def test_a_step_completes_once(scenario):
    """A step completes at most once per run, and no attempt of it begins twice."""
    laws.steps_complete_once(World(scenario).play())


@law(examples=40)
@given(scenarios())
def test_an_edge_is_taken_once(scenario):
    """Each edge is traversed at most once per run."""
    laws.edges_are_taken_once(World(scenario).play())


@law(examples=60)
@given(scenarios())
def test_conditions_decide(scenario):
    """Every edge is decided whenever its parent is visited, exactly as its condition, evaluated here, says."""
    laws.conditions_decide(World(scenario).play())


@law(examples=40)
@given(scenarios())
def test_pending_is_zero_when_over(scenario):
    """At every moment at rest, the pending count of a run is zero if and only if the run is over."""
    world = World(scenario)
    world.play(lambda: laws.pending_tells_the_end(world))


@law(examples=40)
@given(scenarios())
def test_nothing_is_lost(scenario):
    """At every moment at rest, a run that is not over has an item in the queue; at the end every run is over."""
    world = World(scenario)
    world.play(lambda: laws.nothing_is_lost(world))
    assert all(run.is_over for run in world.runs)


@law(examples=40)
@given(scenarios())
def test_over_means_over(scenario):
    """A run that is over never changes."""
    world = World(scenario)
    world.play(laws.OverMeansOver(world))


@law(examples=40)
@given(scenarios(), st.data())
def test_a_cancelled_run_does_nothing_more(scenario, data):
    """After its cancellation a run does nothing more, has nothing queued, and other runs go on as before."""
    moves = len(scenario.script) * 2
    at, picked = data.draw(st.integers(1, moves)), data.draw(st.integers(0, 7))
    world, undisturbed = World(scenario), World(scenario).play()
    cancelled, count = [], 0

    def look():
        nonlocal count
        count += 1
        if count == at:
            waiting = [run for run in world.runs if not run.is_over]
            for run in waiting[picked % len(waiting) :][:1] if waiting else []:
                assert world.engine.cancel(run)
                cancelled.append((run, run.history))
        for run, history in cancelled:
            assert run.status is RunStatus.CANCELLED
            assert run.history == history
            assert all(pending.item.run_id != run.id for pending in world.engine.queue.pending)
            assert all(pause.run_id != run.id for pause in world.pauses)

    world.play(look)
    others = [run.id for run in world.runs if run.id not in [each.id for each, _ in cancelled]]
    assert all(world.engine.run(i).history == undisturbed.engine.run(i).history for i in others)


@law(examples=40)
@given(scenarios())
def test_held_mode_does_the_same(scenario):
    """An engine that is driven item by item tells the same history as one that works by itself."""
    held = World(scenario, options={"auto": False})
    engine = held.engine
    for delay, event in scenario.script:
        until = engine.now + delay
        while engine.next_due is not None and engine.next_due <= until:
            assert engine.run_next() is not None
        engine.advance(until - engine.now)
        engine.send(event)
    while engine.run_next() is not None:
        laws.pending_tells_the_end(held)
    assert held.histories == World(scenario).play().histories
