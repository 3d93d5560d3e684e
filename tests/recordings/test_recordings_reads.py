"""The recorded reads (REST, GraphQL, the state of runs under way) are replayed over the HTTP face."""

from __future__ import annotations

import asyncio

import pytest

from .over_http_reads import EXPECTED, Played, Reply, differences, expectation, play_reads, recorded_replies
from .sdk_recording import SdkRecording


@pytest.fixture(scope="module")
def recording():
    return SdkRecording.read("rest_reads")


@pytest.fixture(scope="module")
def played(recording):
    return asyncio.run(play_reads(recording))


def test_the_replies_are_what_was_recorded(recording, played):
    assert differences(recording, expectation(recorded_replies(recording), EXPECTED), played) == []


@pytest.mark.parametrize("number", range(len(EXPECTED)), ids=lambda number: EXPECTED[number].what.replace(" ", "-"))
def test_each_deliberate_difference_is_there(number, recording, played):
    """Without it, what was recorded is not what the library answers."""
    others = EXPECTED[:number] + EXPECTED[number + 1 :]
    assert differences(recording, expectation(recorded_replies(recording), others), played)


@pytest.mark.parametrize("number", range(35))
def test_another_reply_is_seen(number, recording, played):
    others = [Reply(r.path, r.status, r.kind, r.body) for r in played.replies]
    others[number].body = {"another": number}
    expected = expectation(recorded_replies(recording), EXPECTED)
    assert differences(recording, expected, Played(others, played.runs))
