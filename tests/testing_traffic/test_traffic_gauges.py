"""Numbers over time: weighted means and maxima of buckets, against a model that counts each microsecond."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inngest_testkit.testing.traffic.gauges import Gauge

from .loads import BEGIN

LENGTH = 40


def played(changes, width):
    gauge = Gauge(LENGTH, width)
    for at, by in changes:
        gauge.change(by, at)
    return gauge.series(BEGIN)


@given(
    st.lists(st.tuples(st.integers(0, LENGTH), st.integers(-2, 3)), max_size=12).map(
        lambda changes: sorted(changes, key=lambda change: change[0])
    ),
    st.integers(1, LENGTH),
)
def test_a_series_is_what_each_microsecond_says(changes, width):
    value, kept = 0, []
    for at, by in changes:
        by = max(by, -value)
        value += by
        kept.append((at, by))
    found = played(kept, width)
    values = [sum(by for at, by in kept if at <= moment) for moment in range(LENGTH)]
    assert found.mean == pytest.approx(sum(values) / LENGTH)
    assert found.at_end == value
    for number, mean in enumerate(found.means):
        bucket = values[number * width : (number + 1) * width]
        assert mean == pytest.approx(sum(bucket) / len(bucket))
        assert found.maxima[number] >= max(bucket)
    # A value that nobody stays at counts for the maxima, too.
    passing = [sum(by for _, by in kept[: index + 1]) for index in range(len(kept))]
    assert found.max == max([0, *passing])
    assert max(found.maxima) <= found.max


def test_rows_of_a_series_are_json():
    # One from 5 to 15, in buckets of 10: half of each.
    rows = played([(5, 1), (15, -1)], 10).to_dicts()
    assert [(row["mean"], row["max"]) for row in rows] == [(0.5, 1), (0.5, 1), (0, 0), (0, 0)]
    assert rows[1]["at"] == "2024-01-01T00:00:00.000010+00:00"
