"""How the benchmarks measure: ratios within one process, so that a slow or busy machine changes both sides."""

from __future__ import annotations

import gc
import time
from contextlib import contextmanager


def best(work, rounds=7):
    """The shortest of several rounds."""
    times = []
    for _ in range(rounds):
        start = time.thread_time()
        work()
        times.append(time.thread_time() - start)
    return min(times)


def ratio(work, other, attempts=5):
    """The lowest of several ratios, each of two measurements side by side: noise only ever adds."""
    found = []
    for _ in range(attempts):
        gc.collect()
        other_first = best(other)
        found.append(best(work) / min(other_first, best(other)))
    return min(found)


@contextmanager
def without_collector():
    """Leave the garbage where it is."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
