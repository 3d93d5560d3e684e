"""What holds of time: it adds up, and the same input gives the same history."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .profile import law
from .worlds import TAIL, Scenario, World, scenarios


@law(examples=40)
@given(scenarios(), st.lists(st.floats(0, 1), min_size=1, max_size=3))
def test_time_adds_up(scenario, cuts):
    """`advance(a); advance(b)` tells the same history as `advance(a + b)`."""
    whole, parts = World(scenario), World(scenario)
    for delay, event in [*scenario.script, (TAIL, None)]:
        whole.engine.advance(delay)
        left = delay
        for cut in cuts:
            part = left * cut
            parts.engine.advance(part)
            left -= part
        parts.engine.advance(left)
        for world in (whole, parts) if event else ():
            world.engine.send(event)
    assert parts.engine.now == whole.engine.now
    assert parts.histories == whole.histories


@law(examples=20)
@given(scenarios(crons=("0 * * * *", "30 9 * * MON", "TZ=Europe/Paris 30 2 * * *")), st.floats(0, 1))
def test_time_adds_up_for_schedules(scenario, cut):
    """Schedules fire the same however the clock is moved."""
    span = TAIL / 20
    whole, parts = World(scenario), World(scenario)
    whole.engine.advance(span)
    parts.engine.advance(span * cut)
    parts.engine.advance(span - span * cut)
    assert parts.histories == whole.histories


class Elsewhere:
    """Another process, with another hash seed, that plays scenarios."""

    def __init__(self, hash_seed):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        worker = Path(__file__).with_name("elsewhere.py")
        self.process = subprocess.Popen(
            [sys.executable, str(worker)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )

    def play(self, scenario, seed):
        pickle.dump((scenario.functions, scenario.script, scenario.outcomes, seed), self.process.stdin)
        self.process.stdin.flush()
        return pickle.load(self.process.stdout)

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def elsewhere():
    processes = [Elsewhere("1"), Elsewhere("4711")]
    yield processes
    for process in processes:
        process.close()


@law(examples=30)
@given(scenarios(), st.integers(0, 3))
def test_the_same_everywhere(elsewhere, scenario, seed):
    """The same seed and script tell the same history, byte for byte, in processes with other hash seeds."""
    here = World(scenario, options={"seed": seed}).play().histories
    assert World(scenario, options={"seed": seed}).play().histories == here
    for process in elsewhere:
        assert process.play(scenario, seed) == here


@law(examples=20)
@given(scenarios(max_events=2))
def test_another_seed_changes_only_ids(scenario):
    """Another seed gives other ids, and the same transitions at the same times."""

    def without_ids(world):
        return [[(e.at, e.kind, e.step, e.attempt) for e in run.history] for run in world.runs]

    one, two = World(scenario, options={"seed": 1}).play(), World(scenario, options={"seed": 2}).play()
    assert without_ids(one) == without_ids(two)
    assert {run.id for run in one.runs}.isdisjoint(run.id for run in two.runs)


def test_the_other_process_has_another_hash_seed(elsewhere):
    """The processes differ in what would show if something depended on the order of a set."""
    answers = {process.play(Scenario((), []), "hash of a text") for process in elsewhere}
    assert len(answers) == 2
