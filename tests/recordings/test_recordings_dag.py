"""Every recording of the v0.5.0 server is replayed on the engine and does what was recorded.

What differs on purpose stands in `deliberate.py`. A recording without an entry there must be met exactly, and an
entry without which a recording is met as well is an error.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from inngest_testkit.functions.dsn import dsn
from inngest_testkit.functions.loader import load_functions

from .behaviour import playable, recorded
from .comparing import differences
from .deliberate import EXPECTED, deliberate, expectation
from .player import play
from .recording import Recording, names

if TYPE_CHECKING:
    from .behaviour import Behaviour

#: Recordings that wait for the driver of docker steps.
CONTAINERS = {
    "docker-chain",
    "docker-default-step",
    "docker-exit-1-retries",
    "docker-exit-1-status-400",
    "docker-no-output",
    "docker-outputs",
}
#: How many requests of a recording only the event API over HTTP can play: methods, paths, sizes, and bodies that
#: are no JSON object or array.
ONLY_OVER_HTTP = {
    "event-bad-json": 7,
    "event-missing-parts": 1,
    "event-oversized": 1,
    "http-methods": 4,
    "http-paths": 13,
}
REPLAYED = [name for name in names() if name not in CONTAINERS]


@pytest.fixture(scope="session")
def replay(tmp_path_factory):
    """Play a recording, once."""

    @cache
    def played(name: str) -> Behaviour:
        return play(Recording.read(name), tmp_path_factory.mktemp(name))

    return played


@pytest.mark.parametrize("name", REPLAYED)
def test_the_replay_does_what_was_recorded(name, replay):
    recording = Recording.read(name)
    expected = expectation(recorded(recording), deliberate(recording))
    assert differences(expected, replay(name)) == []


def each_difference() -> list:
    return [
        pytest.param(name, number, id="-".join([name, "rule", *map(str, difference.rules)]))
        for name in REPLAYED
        for number, difference in enumerate(deliberate(Recording.read(name)))
    ]


@pytest.mark.parametrize(("name", "number"), each_difference())
def test_each_deliberate_difference_is_there(name, number, replay):
    """Without it, what was recorded is not what the library does."""
    others = deliberate(Recording.read(name))
    without = others.pop(number)
    found = differences(expectation(recorded(Recording.read(name)), others), replay(name))
    assert found, f"no longer needed: {without.what}"


@pytest.mark.parametrize("name", [name for name in REPLAYED if not Recording.read(name).started])
def test_problems_name_the_file_of_the_bad_function(name, replay):
    bad = Recording.read(name).files[-1]  # where there are two functions, the second is to blame
    assert all(problem.split(":")[0].endswith(f"/{bad}") for problem in replay(name).problems)


@pytest.mark.parametrize("name", ["cue-function", "docker-default-step", "nested-folders", "step-id-slug-in-dsn"])
def test_actions_have_the_recorded_dsns(name, tmp_path):
    recording = Recording.read(name)
    recording.write(tmp_path)
    functions = [loaded.function for loaded in load_functions(tmp_path)]
    names = {dsn(function.id, step.id) for function in functions for step in function.steps}
    assert names == {line["dsn"] for line in recording.log if "dsn" in line}


def test_only_container_scenarios_are_left_out():
    assert {name for name in names() if Recording.read(name).needs_containers} == CONTAINERS


def test_only_what_needs_http_is_left_out():
    left_out = {name: len(Recording.read(name).script) - len(playable(Recording.read(name))) for name in REPLAYED}
    assert {name: count for name, count in left_out.items() if count} == ONLY_OVER_HTTP


def test_the_differences_are_those_of_recordings():
    assert set(EXPECTED) <= set(REPLAYED)
    assert len(REPLAYED) >= 85
