"""Fixtures of the tests of the SDK protocol."""

from __future__ import annotations

import anyio
import pytest

from inngest_testkit.drivers.base import direct
from inngest_testkit.engine.bridge import LoopRunner, hand_out


@pytest.fixture(params=["sync engine", "async engine"])
def play(request):
    """Runs an async function that takes a bridge, as each of the engines would."""
    if request.param == "async engine":
        yield lambda scenario: anyio.run(scenario, direct)
    else:
        runner = LoopRunner()
        yield lambda scenario: runner.run(scenario(hand_out))
        runner.close()


@pytest.fixture
def play_sync():
    """Runs an async function that takes a bridge, as the sync engine would."""
    runner = LoopRunner()
    yield lambda scenario: runner.run(scenario(hand_out))
    runner.close()
