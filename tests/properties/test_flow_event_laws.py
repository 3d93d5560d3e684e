"""The laws of debounce, batches and singleton, against models that go through all events in order."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inngest_testkit import HistoryKind, RunStatus
from inngest_testkit.clock import DEFAULT_START, epoch_ms

from .governed import GAPS, KEY, Governed, S, chain
from .profile import law

keys = st.sampled_from(["a", "b", "", 5, None])
scripts = st.lists(st.tuples(GAPS, st.fixed_dictionaries({"key": keys, "now": st.booleans()})), max_size=14)


def by_key(played, keyed=True):
    """The events that arrived for each key, in order, as (arrival, id, data)."""
    found = defaultdict(list)
    for event_id, arrival, data in played.sent:
        found[str(data["key"]) if keyed else ""].append((arrival, event_id, data))
    return found


# -- debounce


def debounced(events, period, timeout, stamps):
    """When which event starts a run, and what every other event is dropped for: (moment, id), and ids."""
    fires, dropped, at = [], [], 0
    while at < len(events):
        first = events[at][0]
        kept, due = events[at], first + period
        at += 1
        while at < len(events) and events[at][0] < due:
            event, at = events[at], at + 1
            if stamps[event[1]] < stamps[kept[1]]:
                dropped.append(event[1])
                continue
            dropped.append(kept[1])
            kept, due = event, event[0] + period
            if timeout is not None and due > first + timeout:
                due = max(first + timeout, event[0] + S)
        fires.append((due, kept[1]))
    return fires, dropped


@law(examples=100)
@given(
    st.sampled_from([1, 2, 5]),
    st.none() | st.sampled_from([1, 3, 6, 20]),
    st.booleans(),
    scripts,
    st.lists(st.sampled_from([None, None, None, -5000, -1, 0, 3000]), min_size=14, max_size=14),
)
def test_the_last_event_starts_a_run_when_it_has_been_quiet(period, timeout, keyed, script, offsets):
    """Every event is in one run, at the moment that the model says, or dropped because another one counts."""
    config = {"debounce": {"period": f"{period}s", **({"key": KEY} if keyed else {})}}
    if timeout is not None:
        config["debounce"]["timeout"] = f"{timeout}s"
    played, stamps, now = Governed([(chain("f", 0), config)]), {}, epoch_ms(DEFAULT_START)
    for number, ((gap, data), offset) in enumerate(zip(script, offsets, strict=False)):
        now += gap
        stamps[str(number)] = now + (offset or 0)
        played.send(gap, data, ts=None if offset is None else now + offset)
    played.finish()
    started, dropped = {}, {}
    for events in by_key(played, keyed).values():
        fires, gone = debounced(events, period * S, None if timeout is None else timeout * S, stamps)
        started |= {event_id: [at] for at, event_id in fires}
        dropped |= {event_id: ["debounce"] for event_id in gone}
    assert played.started == started
    assert played.dropped == dropped
    assert len(started) + len(dropped) == len(script)
    assert played.left == []


# -- batches


def batches(events, size, timeout):
    """The batches of one key: when each starts its run, and its events."""
    found, open_since, members = [], None, []
    for arrival, event_id, _ in events:
        if members and open_since + timeout <= arrival:
            found.append((open_since + timeout, members))
            members = []
        if not members:
            open_since = arrival
        members = [*members, event_id]
        if len(members) == size:
            found.append((arrival, members))
            members = []
    return [*found, (open_since + timeout, members)] if members else found


@law(examples=100)
@given(st.sampled_from([2, 3, 5]), st.sampled_from([1, 2, 10]), st.booleans(), st.booleans(), scripts)
def test_every_event_is_in_one_batch(size, timeout, keyed, conditional, script):
    """A batch starts when it is full, or its time is over; its events keep their order, and none is lost."""
    config = {"batchEvents": {"maxSize": size, "timeout": f"{timeout}s", **({"key": KEY} if keyed else {})}}
    if conditional:
        config["batchEvents"]["if"] = "event.data.now == false"
    played = Governed([(chain("f", 0), config)]).play(script)
    expected = []
    for events in by_key(played, keyed).values():
        alone = [event for event in events if conditional and event[2]["now"]]
        expected += [(arrival, [event_id]) for arrival, event_id, _ in alone]
        expected += batches([event for event in events if event not in alone], size, timeout * S)
    found = [(played.at(run.history[0].at), [event.id for event in run.events]) for run in played.runs]
    assert sorted(found) == sorted(expected)
    assert played.dropped == {}
    # What was taken is remembered for a day, and nothing else.
    assert played.left == []


# -- singleton

LIFE = 10 * S


def switched_off(data):
    return data.get("key", False) is False


single_keys = st.sampled_from([{"key": "a"}, {"key": "b"}, {"key": ""}, {"key": False}, {"key": None}, {}])
single_scripts = st.lists(st.tuples(GAPS, single_keys), max_size=14)


@law(examples=60)
@given(st.booleans(), single_scripts)
def test_a_singleton_skips_while_its_run_is_alive(keyed, script):
    """An event of a key whose run is alive starts nothing; the key is free from the moment at which the run is over."""
    config = {"singleton": {"mode": "skip", **({"key": KEY} if keyed else {})}}
    played = Governed([(chain("f", 3, "5s", 2), config)], {("f", "s0"): 3, ("f", "s1"): 2}).play(script)
    last, started, dropped = {}, {}, {}
    for event_id, arrival, data in played.sent:
        key = repr(data.get("key", False)) if keyed else ""
        off = keyed and switched_off(data)
        if not off and key in last and arrival < last[key] + LIFE:
            dropped[event_id] = ["singleton"]
        else:
            started[event_id] = [arrival]
            last |= {} if off else {key: arrival}
    assert played.started == started
    assert played.dropped == dropped
    assert played.left == []


@law(examples=60)
@given(st.booleans(), single_scripts)
def test_a_singleton_cancels_the_run_that_is_alive(keyed, script):
    """Every event starts a run, and ends the one of its key that is alive, which begins no step any more."""
    config = {"singleton": {"mode": "cancel", **({"key": KEY} if keyed else {})}}
    played = Governed([(chain("f", 3, "5s", 2), config)], {("f", "s0"): 3, ("f", "s1"): 2}).play(script)
    assert played.started == {event_id: [arrival] for event_id, arrival, _ in played.sent}
    for number, (event_id, arrival, data) in enumerate(played.sent):
        same = [
            at
            for _, at, other in played.sent[number + 1 :]
            if not keyed or repr(other.get("key", False)) == repr(data.get("key", False))
        ]
        off = keyed and switched_off(data)
        end = arrival + LIFE if off or not same else min(arrival + LIFE, same[0])
        run = next(run for run in played.runs if run.events[0].id == event_id)
        assert played.at(run.ended_at) == end
        assert run.status is (RunStatus.COMPLETED if end == arrival + LIFE else RunStatus.CANCELLED)
        assert all(begin <= end for begin in played.entries(run, HistoryKind.STEP_STARTED))
    assert played.dropped == {}
    assert played.left == []


@pytest.mark.parametrize("mode", ["skip", "cancel"])
def test_a_failed_run_leaves_its_key(mode):
    """A run that fails frees its key like any other."""
    played = Governed([(chain("f", 0), {"singleton": {"mode": mode}})])
    played.engine.mock("f", "s0", side_effect=[ValueError("no")] * 3)
    played.send(0, {})
    played.finish()
    played.engine.mock("f", "s0", returns=1)
    played.send(1000, {})
    played.finish()
    assert [run.status for run in played.runs] == [RunStatus.FAILED, RunStatus.COMPLETED]
    assert played.dropped == {}
    assert played.left == []
