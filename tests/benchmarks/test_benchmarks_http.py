"""The HTTP face under load, in real time; what a request costs when many went before it."""

from __future__ import annotations

import statistics

from .load import KEPT, run

EVENTS = 12_000
#: The answers to the last tenth of the events over those to the first.
MOST_GROWTH = 2.0


def test_every_accepted_event_has_its_run_and_the_last_cost_what_the_first_did(benchmark):
    """More events come than the server can take in the time, so that it never rests; it keeps a part of the runs."""
    came = benchmark.pedantic(lambda: run(rate=100_000, total=EVENTS), rounds=1, iterations=1)
    assert len(came.accepted) == len(set(came.accepted)) == EVENTS > KEPT
    assert came.lost == set()
    assert came.completed == EVENTS
    tenth = EVENTS // 10
    first, last = (statistics.median(part) for part in (came.latencies[tenth : 2 * tenth], came.latencies[-tenth:]))
    benchmark.extra_info.update(growth=round(last / first, 2), events_per_second=round(EVENTS / came.took))
    assert last / first <= MOST_GROWTH
