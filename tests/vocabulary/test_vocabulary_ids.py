"""Ids."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ulid import ULID

from inngest_testkit.clock import FakeClock, epoch_ms
from inngest_testkit.ids import Ids, workflow_uuid

PROGRAM = """
from inngest_testkit.clock import FakeClock
from inngest_testkit.ids import Ids
for seed in {seeds!r}:
    ids = Ids(seed, FakeClock())
    print([*(ids.ulid() for _ in range(3)), str(ids.uuid()), ids.random.random()])
"""


def some(seed, clock=None):
    ids = Ids(seed, clock or FakeClock())
    return [*(ids.ulid() for _ in range(3)), str(ids.uuid()), ids.random.random()]


@settings(deadline=None, max_examples=50, derandomize=True, database=None)
@given(st.integers() | st.text(), st.lists(st.integers(0, 3), min_size=2, max_size=60))
def test_ulids_sort_in_the_order_of_making(seed, steps):
    """Within a millisecond and across, each ULID is greater than the last, and carries the clock's time."""
    clock = FakeClock()
    ids, made = Ids(seed, clock), []
    for step in steps:
        clock.move_to(clock.now() + timedelta(milliseconds=step))
        made.append(ids.ulid())
        assert round(ULID.from_str(made[-1]).timestamp * 1000) == epoch_ms(clock.now())
        assert len(made[-1]) == 26
    assert all(one < two for one, two in pairwise(made))


def test_many_ulids_of_one_millisecond_are_unique():
    """A thousand ids of one moment all differ, and sort."""
    ids = Ids(0, FakeClock())
    made = [ids.ulid() for _ in range(1000)]
    assert made == sorted(set(made))


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_the_same_seed_gives_the_same_ids_elsewhere(hash_seed):
    """Ids depend on seed and clock alone: another process, with another hash seed, makes the same."""
    seeds = [0, 1, "tests/test_a.py::test_b[x]", "é"]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(seeds=seeds)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [repr(some(seed)) for seed in seeds]


def test_seeds_and_times_give_different_ids():
    """Another seed, or another moment, gives other ids."""
    assert not set(some(0)) & set(some(1))
    assert not {*some(0)[:3]} & {*some(0, FakeClock("2024-01-01T00:00:00.001Z"))[:3]}


def test_uuids_are_random_ones():
    """A UUID is of version 4, and each is new."""
    ids = Ids(0, FakeClock())
    made = {ids.uuid() for _ in range(100)}
    assert len(made) == 100
    assert {uuid.version for uuid in made} == {4}


def test_the_engines_choices_share_the_seed():
    """The generator behind the ids is open to whatever else is to depend on the seed."""
    assert Ids("x", FakeClock()).random.random() == Ids("x", FakeClock()).random.random()
    assert Ids("x", FakeClock()).seed == "x"


def test_workflow_ids_follow_from_the_function():
    """Source: recordings/dag README, "Defaults, ids, DSN"."""
    assert workflow_uuid("hello") == "4d71d03f-f19b-5d9e-8523-9628ba18063c"
    assert workflow_uuid("hello ") != workflow_uuid("hello")
