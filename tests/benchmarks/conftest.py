"""What the benchmarks share."""

from __future__ import annotations

import pytest


@pytest.fixture
def report(benchmark):
    """Show the work in the benchmark table, with its ratio."""

    def show(work, measured, rounds=3):
        benchmark.extra_info["ratio"] = round(measured, 2)
        benchmark.pedantic(work, rounds=rounds, iterations=1)
        return measured

    return show
