"""Every recording of the SDK against the current server is replayed on the engine and does what was recorded.

What differs on purpose, and what is not settled, stands in `sdk_deliberate.py`; what cannot be played yet in
`ELSEWHERE`. A recording in neither must be met exactly, and an entry that is not needed is an error.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import inngest
import pytest

from .deliberate import expectation
from .sdk_behaviour import recorded
from .sdk_comparing import differences
from .sdk_deliberate import EXPECTED
from .sdk_player import play, start_of
from .sdk_recording import FOLDER, SdkRecording, names
from .sdk_values import Reader

if TYPE_CHECKING:
    from .sdk_behaviour import SdkBehaviour

#: What the oldest SDK cannot register: the time-out of a debounce.
BEYOND = set() if "timeout" in inngest.Debounce.model_fields else {"debounce_flow"}
#: Recordings that are replayed by other tests, and by which.
ELSEWHERE = {
    "register": "tests/sdk/test_registration.py",
    "rest_reads": "tests/recordings/test_recordings_reads.py",
}
PLAYED = [name for name in names() if name not in ELSEWHERE.keys() | BEYOND]


@pytest.fixture(scope="session")
def replay():
    """Play a recording, once."""

    @cache
    def played(name: str) -> SdkBehaviour:
        return play(SdkRecording.read(name))

    return played


def found(recording: SdkRecording, expected: SdkBehaviour, actual: SdkBehaviour) -> list[str]:
    return differences(expected, actual, Reader(start_of(recording), recording.module))


@pytest.mark.parametrize("name", PLAYED)
def test_the_replay_does_what_was_recorded(name, replay):
    recording = SdkRecording.read(name)
    assert found(recording, expectation(recorded(recording), EXPECTED.get(name, [])), replay(name)) == []


def each_difference() -> list:
    return [
        pytest.param(name, number, id="-".join([name, "rule", *map(str, difference.rules)]))
        for name, expected in EXPECTED.items()
        if name not in BEYOND
        for number, difference in enumerate(expected)
    ]


@pytest.mark.parametrize(("name", "number"), each_difference())
def test_each_deliberate_difference_is_there(name, number, replay):
    """Without it, what was recorded is not what the library does."""
    recording = SdkRecording.read(name)
    others = list(EXPECTED[name])
    without = others.pop(number)
    assert found(recording, expectation(recorded(recording), others), replay(name)), f"no longer needed: {without.what}"


# -- which recordings are played


def test_every_recording_has_one_place():
    assert ELSEWHERE.keys() | set(PLAYED) | BEYOND == set(names())
    assert EXPECTED.keys() <= set(PLAYED) | BEYOND
    assert len(PLAYED) + len(BEYOND) >= 112
    assert all((FOLDER.parents[3] / test).is_file() for test in ELSEWHERE.values())


# -- that differences are seen


def without_a_call(actual):
    return actual.change(calls=actual.calls[:-1])


def with_a_call_twice(actual):
    return actual.change(calls=(*actual.calls, actual.calls[-1]))


def in_another_order(actual):
    return actual.change(calls=actual.calls[::-1])


def a_second_late(actual):
    return actual.change_calls(lambda call: replace(call, at=call.at + 1) if call.attempt == 1 else call)


def half_a_second_early(actual):
    return actual.change_calls(lambda call: replace(call, at=call.at - 0.5) if call.attempt == 1 else call)


def with_another_memo(actual):
    *others, last = actual.calls
    memos = {step: {"data": "another"} for step in last.body["steps"]}
    return actual.change(calls=(*others, replace(last, body={**last.body, "steps": memos})))


def with_another_flag(actual):
    def flagged(call):
        return replace(call, body={**call.body, "ctx": {**call.body["ctx"], "disable_immediate_execution": True}})

    return actual.change_calls(flagged)


def with_another_answer(actual):
    return actual.change_calls(lambda call: replace(call, status=200))


def without_an_event(actual):
    return actual.change(own=actual.own[1:])


def with_another_result(actual):
    return actual.change_outcomes(lambda outcome: replace(outcome, output="another"))


def with_another_status(actual):
    return actual.change_outcomes(lambda outcome: replace(outcome, status="FAILED"))


def with_a_failure_in_the_event(actual):
    def failed(event):
        data = {**event.event["data"], "_inngest": {"status": "Failed"}}
        return replace(event, event={**event.event, "data": data})

    return actual.change_own(failed)


@pytest.mark.parametrize(
    "change",
    [
        without_a_call,
        with_a_call_twice,
        in_another_order,
        a_second_late,
        half_a_second_early,
        with_another_memo,
        with_another_flag,
        with_another_answer,
        without_an_event,
        with_another_result,
        with_another_status,
        with_a_failure_in_the_event,
    ],
)
def test_a_difference_is_seen(change, replay):
    recording = SdkRecording.read("step_retry_success")
    assert found(recording, recorded(recording), change(replay("step_retry_success")))


@pytest.mark.parametrize(
    "part", [{"status": 201}, {"headers": {"x-inngest-server-kind": "dev"}}, {"body": {"ids": [], "status": 200}}]
)
def test_a_difference_in_an_answer_is_seen(part, replay):
    recording, actual = SdkRecording.read("event_api"), replay("event_api")
    first, *others = actual.answers
    changed = actual.change(answers=(replace(first, **part), *others))
    assert len(found(recording, expectation(recorded(recording), EXPECTED["event_api"]), changed)) == 1
