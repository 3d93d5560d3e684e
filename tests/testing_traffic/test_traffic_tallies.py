"""Percentiles in bounded memory: exact for few different spans, within one per cent for many."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inngest_testkit.errors import NotFoundError
from inngest_testkit.testing.traffic.tallies import ACCURACY, DISTINCT, Tally

MICROSECOND = timedelta(microseconds=1)
#: From nothing to some three hundred years.
SPANS = st.integers(0, 10**16) | st.integers(0, 1000) | st.just(0)


def tally_of(spans, *, exact=True):
    tally = Tally()
    for span in spans:
        tally.add(span)
    if not exact:
        tally._blur()
    return tally


def nearest_rank(spans, percent):
    """The smallest span that so many per cent of all do not exceed."""
    ordered = sorted(spans)
    return ordered[-(-len(ordered) * percent // 100) - 1]


def figures(tally):
    found = tally.percentiles("time")
    return {50: found.p50 // MICROSECOND, 95: found.p95 // MICROSECOND, 99: found.p99 // MICROSECOND}


@given(st.lists(SPANS, min_size=1, max_size=300))
def test_few_spans_have_exact_percentiles(spans):
    tally = tally_of(spans)
    assert figures(tally) == {percent: nearest_rank(spans, percent) for percent in (50, 95, 99)}
    found = tally.percentiles("time")
    assert found.exact
    assert (found.count, found.max // MICROSECOND) == (len(spans), max(spans))
    assert found.mean // MICROSECOND == sum(spans) // len(spans)


@given(st.lists(SPANS, min_size=1, max_size=300))
def test_many_spans_have_percentiles_within_the_stated_bound(spans):
    tally = tally_of(spans, exact=False)
    for percent, found in figures(tally).items():
        exact = nearest_rank(spans, percent)
        # Half a microsecond for rounding.
        assert abs(found - exact) <= ACCURACY * exact * (1 + 1e-9) + 0.5
    assert tally.percentiles("time").max // MICROSECOND == max(spans)


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 2**32))
def test_the_bound_holds_across_the_change_from_exact_to_estimated(seed):
    random = Random(seed)
    spans = [round(random.lognormvariate(17, 2)) for _ in range(3 * DISTINCT)]
    tally = tally_of(spans)
    assert not tally.percentiles("time").exact
    for percent, found in figures(tally).items():
        assert found == pytest.approx(nearest_rank(spans, percent), rel=ACCURACY, abs=1)


def test_one_span_many_times_stays_exact():
    found = tally_of([7_000_000] * 10_000).percentiles("time")
    assert found.exact
    assert found.p99 == timedelta(seconds=7)


def test_memory_is_bounded_however_many_spans_there_are():
    tally = Tally()
    for number in range(60_000):
        tally.add(number * number * 97)
    assert len(tally) < DISTINCT
    assert tally.count == 60_000


def test_no_span_has_no_percentiles_so_that_no_test_passes_by_accident():
    found = Tally().percentiles("waiting time of runs of 'import'")
    assert found.count == 0
    assert found.to_dict() == {"count": 0, "mean": None, "p50": None, "p95": None, "p99": None, "max": None}
    with pytest.raises(NotFoundError, match="there is no waiting time of runs of 'import': nothing was measured"):
        assert found.p95 < timedelta(hours=2)
