"""A crash before any operation of a run of an app's function with flow control loses nothing, and doubles nothing."""

from __future__ import annotations

from datetime import timedelta

import inngest
import pytest

from .faults import CountingGate
from .test_app_crash_laws import GO, HOUR, Played, broken, flaky, group, made, report, sequence, sleep, wait

#: A limit that all functions share.
SHARED = [inngest.Concurrency(limit=1, key="'one'", scope="env")]
RULES = {
    "throttle": inngest.Throttle(limit=1, period=HOUR),
    "concurrency": [inngest.Concurrency(limit=1)],
    "priority": inngest.Priority(run="120"),
    "timeouts": inngest.Timeouts(start=HOUR, finish=12 * HOUR),
}
BATCH = inngest.Batch(max_size=2, timeout=timedelta(seconds=50))

SCENARIOS = {
    "group": lambda client: [made(client, group, **RULES)],
    "flaky step": lambda client: [made(client, flaky, **RULES)],
    "failing function": lambda client: [made(client, broken, retries=1, on_failure=report, **RULES)],
    "one of several functions": lambda client: [made(client, f, concurrency=SHARED) for f in (sequence, flaky, sleep)],
    "debounced": lambda client: [made(client, sequence, debounce=inngest.Debounce(period=HOUR))],
    "batched": lambda client: [made(client, sleep, batch_events=BATCH)],
    "singleton": lambda client: [made(client, wait, singleton=inngest.Singleton(mode="skip"))],
    "cancelled": lambda client: [made(client, group, cancel=[inngest.Cancel(event=GO)], concurrency=SHARED)],
    "out of time": lambda client: [made(client, wait, timeouts=inngest.Timeouts(finish=HOUR), concurrency=SHARED)],
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_crash_anywhere_changes_nothing(name):
    """A crash before each operation in turn changes no run, step or event that a test can see."""
    gate = CountingGate()
    sound = Played(name, gate, SCENARIOS)
    assert sound.left == ((), [])
    changed = []
    for place, operation in enumerate(gate.operations):
        hurt = Played(name, CountingGate(place), SCENARIOS)
        changed += [
            f"before operation {place}, {operation}: {what}"
            for what in ("left", "runs", "events")
            if getattr(hurt, what) != getattr(sound, what)
        ]
    assert not changed, "\n".join(changed)
