"""The laws of throttle, rate limit and idempotency, against counts over all events that came before."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from .governed import GAPS, KEY, Governed, S, chain
from .profile import law

HOUR_MS = 3_600_000
limits = st.sampled_from([1, 2, 3, 7, 10, 25])
periods = st.sampled_from([1, 2, 5, 10, 60])
keys = st.sampled_from(["a", "b"])


def scripts(gaps=GAPS, values=keys, size=14):
    return st.lists(st.tuples(gaps, values.map(lambda key: {"key": key})), min_size=1, max_size=size)


def earliest(before, arrival, at_once, interval):
    """The first moment at which no window that ends then sees more starts than `at_once`, and one each interval."""
    # With the j-th of n starts a window of `count` starts begins, which must last for those beyond `at_once`.
    windows = [start + (len(before) - j + 1 - at_once) * interval for j, start in enumerate(before)]
    return max([arrival, *before[-1:], *windows])


@law(examples=60)
@given(limits, st.integers(0, 3), periods, st.booleans(), scripts())
def test_throttled_runs_start_as_soon_as_the_pace_allows(limit, burst, period, keyed, script):
    """Each run of a key starts in order of arrival, at the first moment that the pace allows; none is dropped."""
    config = {"throttle": {"limit": limit, "burst": burst, "period": f"{period}s", **({"key": KEY} if keyed else {})}}
    played = Governed([(chain("f", 0), config)]).play(script)
    interval, starts, expected = Fraction(period * S, limit), defaultdict(list), {}
    for event_id, arrival, data in played.sent:
        before = starts[data["key"] if keyed else ""]
        before.append(earliest(before, arrival, limit + burst, interval))
        expected[event_id] = [ceil(before[-1])]
    assert played.started == expected
    assert played.dropped == {}
    assert played.left == []


@law(examples=30)
@given(limits, st.integers(0, 3), periods, scripts(size=20))
def test_no_window_sees_more_starts_than_its_share(limit, burst, period, script):
    """However a window of starts is chosen, it has at most `limit + burst`, and one more each `period / limit`."""
    config = {"throttle": {"limit": limit, "burst": burst, "period": f"{period}s"}}
    played = Governed([(chain("f", 0), config)]).play(script)
    starts = sorted(start for found in played.started.values() for start in found)
    assert len(starts) == len(script)
    for i, first in enumerate(starts):
        for j in range(i, len(starts)):
            # Moments are whole microseconds.
            span = starts[j] - first + 1
            assert j - i + 1 <= limit + burst + span * limit // (period * S)


def let_through(arrivals, at_once, interval):
    """Which arrivals pass: those after which no window has more than its share of those that passed."""
    passed = []
    for arrival in arrivals:
        before = [start for start in passed if start is not None]
        passed.append(arrival if earliest(before, arrival, at_once, interval) <= arrival else None)
    return [start is not None for start in passed]


@law(examples=60)
@given(st.sampled_from([1, 2, 4, 9, 10, 20, 30]), periods, st.booleans(), scripts(size=24))
def test_rate_limits_drop_what_comes_too_fast(limit, period, keyed, script):
    """An event starts a run or is dropped, and which ones start is as a count of those before says."""
    config = {"rateLimit": {"limit": limit, "period": f"{period}s", **({"key": KEY} if keyed else {})}}
    played = Governed([(chain("f", 0), config)]).play(script)
    by_key = defaultdict(list)
    for event_id, arrival, data in played.sent:
        by_key[data["key"] if keyed else ""].append((event_id, arrival))
    started, dropped = {}, {}
    for events in by_key.values():
        passes = let_through([at for _, at in events], 1 + limit // 10, Fraction(period * S, limit))
        for (event_id, at), passed in zip(events, passes, strict=True):
            if passed:
                started[event_id] = [at]
            else:
                dropped[event_id] = ["rate_limit"]
    assert played.started == started
    assert played.dropped == dropped
    assert len(started) + len(dropped) == len(script)


values = st.sampled_from(["a", 5, 5.0, "5", {"x": 1, "y": 2}, {"y": 2, "x": 1}, "", 0, None, False, True, "MISSING"])


def canonical(value):
    """What counts as the same key, by the words of the recordings; None for a key that is switched off."""
    if value is False or value == "MISSING":
        return None
    if isinstance(value, dict):
        return tuple(sorted(value.items()))
    if value is True or value is None:
        return (value,)
    return str(int(value)) if isinstance(value, (int, float)) else value


@law(examples=60)
@given(st.lists(st.tuples(st.sampled_from([0, 1000, HOUR_MS, 12 * HOUR_MS, 24 * HOUR_MS, 24 * HOUR_MS - 1]), values)))
def test_idempotency_starts_one_run_a_day(script):
    """Of the events with one key the first starts a run, and no other within 24 hours after it."""
    config = {"idempotency": KEY}
    played = Governed([(chain("f", 0), config)])
    for gap, value in script:
        played.send(gap, {} if value == "MISSING" else {"key": value})
    played.finish()
    last, expected = {}, {}
    for (event_id, arrival, _), (_, value) in zip(played.sent, script, strict=True):
        key = canonical(value)
        if key is None or key not in last or arrival - last[key] >= 24 * 3600 * S:
            expected[event_id] = [arrival]
            last[key] = arrival
    assert played.started == expected
    assert played.dropped == {e: ["idempotency"] for e, _, _ in played.sent if e not in expected}


@law(examples=30)
@given(
    st.booleans(),
    st.lists(
        st.tuples(st.sampled_from([0, HOUR_MS, 24 * HOUR_MS, 24 * HOUR_MS - 1]), st.sampled_from(["x", "y"])),
        max_size=8,
    ),
)
def test_an_event_id_counts_once_a_day(batches, script):
    """Events with one id start one run within 24 hours, or are in one batch, whether or not the run is over."""
    config = {"batchEvents": {"maxSize": 2, "timeout": "1s"}} if batches else {"priority": {"run": "0"}}
    played = Governed([(chain("f", 0), config)])
    for gap, event_id in script:
        played.send(gap, {}, event_id=event_id)
    played.finish()
    counted = defaultdict(list)
    for event_id, arrival, _ in played.sent:
        if not counted[event_id] or arrival - counted[event_id][-1] >= 24 * 3600 * S:
            counted[event_id].append(arrival)
    found = defaultdict(int)
    for run in played.runs:
        for event in run.events:
            found[event.id] += 1
    assert found == {event_id: len(times) for event_id, times in counted.items()}
    assert sum(map(len, played.dropped.values())) == len(script) - sum(found.values())


def test_a_pace_is_exact_over_a_long_time():
    """Three each ten seconds are three hundred each thousand, to the microsecond."""
    config = {"throttle": {"limit": 3, "period": "10s"}}
    played = Governed([(chain("f", 0), config)])
    for _ in range(303):
        played.engine.send("start", {})
    played.finish()
    last = max(played.at(run.ended_at) for run in played.runs)
    assert last == 1000 * S
