"""The laws of cancelling events and time-outs, of repeatability, and of what is left when all is over."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from inngest_testkit import HistoryKind, RunStatus

from .governed import GAPS, KEY, Governed, S, chain
from .profile import law
from .test_flow_place_laws import check_places

CHAIN = (3, "5s", 0, 4)
TAKES = {("f", "s0"): 3, ("f", "s1"): 0, ("f", "s2"): 4}
LIFE = 12 * S
#: When the steps of the chain begin, without flow control.
BEGINS = (0, 8 * S, 8 * S)

data = st.fixed_dictionaries({"key": st.sampled_from(["a", "b"])})


def of(played, event_id):
    return next(run for run in played.runs if run.events[0].id == event_id)


@law(examples=80)
@given(
    st.booleans(),
    st.sampled_from(["5s", "1h"]),
    st.lists(st.tuples(GAPS, data, st.sampled_from(["start", "start", "stop"])), max_size=12),
)
def test_an_event_cancels_the_runs_that_it_matches(matched, timeout, script):
    """A matching event within the time ends a run at that moment; others complete as if there had been none."""
    cancel = {"event": "stop", "timeout": timeout, **({"if": "event.data.key == async.data.key"} if matched else {})}
    played = Governed([(chain("f", *CHAIN), {"cancel": [cancel]})], TAKES)
    for gap, values, name in script:
        played.send(gap, values, name=name)
    played.finish()
    within = {"5s": 5 * S, "1h": 3600 * S}[timeout]
    for number, (event_id, arrival, values) in enumerate(played.sent):
        if script[number][2] == "stop":
            continue
        stops = [
            at
            for (_, at, other), (_, _, name) in zip(played.sent[number:], script[number:], strict=True)
            if name == "stop" and (not matched or other["key"] == values["key"]) and at <= arrival + within
        ]
        end = min([arrival + LIFE, *stops])
        run = of(played, event_id)
        assert played.at(run.ended_at) == end
        cancelled = bool(stops) and stops[0] < arrival + LIFE
        assert run.status is (RunStatus.CANCELLED if cancelled else RunStatus.COMPLETED)
        # A step at the very moment may come first.
        begins = played.entries(run, HistoryKind.STEP_STARTED)
        assert begins == [arrival + begin for begin in BEGINS if arrival + begin <= end]
    assert len(played.state._pauses) == 0
    assert played.left == []


@law(examples=60)
@given(st.sampled_from([1, 5, 11, 30]), st.integers(1, 2), st.lists(st.tuples(GAPS, data), max_size=12))
def test_a_run_that_does_not_begin_in_time_is_cancelled(seconds, limit, script):
    """A run whose first step has not begun when its time to start is over ends then; its place in line is others'."""
    config = {"concurrency": {"limit": limit}, "timeouts": {"start": f"{seconds}s"}}
    played = Governed([(chain("f", 7), config)], {("f", "s0"): 7}).play(script)
    for event_id, arrival, _ in played.sent:
        run, late = of(played, event_id), arrival + seconds * S
        begins = played.entries(run, HistoryKind.STEP_STARTED)
        if run.status is RunStatus.COMPLETED:
            assert begins[0] <= late
        else:
            assert (run.status, begins) == (RunStatus.CANCELLED, [])
            assert played.at(run.ended_at) == late
            # Until then there was no place, at any moment.
            others = [p for p in played.pieces() if p.begin <= late and p.end >= arrival]
            moments = sorted({arrival, late, *(t for p in others for t in (p.begin, p.end) if arrival < t < late)})
            middles = [(a + b) / 2 for a, b in pairwise(moments)]
            assert all(sum(p.begin < m < p.end for p in others) == limit for m in middles)
    assert played.left == []


@law(examples=60)
@given(st.sampled_from([1, 3, 5, 8, 11, 12, 30]), st.integers(1, 2), st.lists(st.tuples(GAPS, data), max_size=10))
def test_a_run_that_is_not_over_in_time_is_cancelled(seconds, limit, script):
    """From its first step on a run has its time to finish; then it ends wherever it is, and its places are free."""
    config = {"concurrency": {"limit": limit}, "timeouts": {"finish": f"{seconds}s"}}
    played = Governed([(chain("f", *CHAIN), config)], TAKES).play(script)
    for event_id, _, _ in played.sent:
        run = of(played, event_id)
        begins = played.entries(run, HistoryKind.STEP_STARTED)
        late = begins[0] + seconds * S
        assert all(begin <= late for begin in begins)
        assert played.at(run.ended_at) <= late
        if run.status is not RunStatus.COMPLETED:
            assert (run.status, played.at(run.ended_at)) == (RunStatus.CANCELLED, late)
    check_places(played.pieces({("f", "s1"): 5 * S}), lambda piece: [("f", limit)])
    assert played.left == []


def span(*seconds):
    return st.sampled_from([f"{each}s" for each in seconds])


def optional_key(**fields):
    return st.fixed_dictionaries(fields, optional={"key": st.just(KEY)})


#: Any rules that go together.
limits = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "rateLimit": optional_key(limit=st.integers(1, 12), period=span(2, 10)),
            "throttle": optional_key(limit=st.integers(1, 3), period=span(2, 10), burst=st.integers(0, 1)),
            "concurrency": optional_key(limit=st.integers(1, 2))
            | st.just({"fn": [{"limit": 1, "key": KEY}], "step": [{"limit": 2, "key": "'x'", "scope": "env"}]}),
            "priority": st.just({"run": "int(event.data.p)"}),
            "timeouts": st.fixed_dictionaries({}, optional={"start": span(3, 20), "finish": span(4, 20)}),
            "cancel": st.just([{"event": "start", "if": "async.data.p == 3.0"}]),
            **more,
        },
    )
    for more in (
        {"singleton": optional_key(mode=st.sampled_from(["skip", "cancel"]))},
        {"debounce": optional_key(period=span(1, 5), timeout=span(5, 10))},
    )
) | st.fixed_dictionaries({"batchEvents": optional_key(maxSize=st.integers(2, 3), timeout=span(2, 10))})

worlds = st.tuples(
    limits,
    limits,
    st.lists(
        st.tuples(GAPS, st.fixed_dictionaries({"key": st.sampled_from(["a", "b", False]), "p": st.integers(-3, 5)})),
        max_size=12,
    ),
)


def played(world):
    first, second, script = world
    functions = [(chain("f", *CHAIN), first), (chain("g", 2), second)]
    return Governed(functions, {**TAKES, ("g", "s0"): 2}).play(script)


@law(examples=60)
@given(worlds)
def test_the_same_script_gives_the_same_history(world):
    """With the same seed, everything that is decided and when is the same again, byte for byte."""
    assert played(world).histories == played(world).histories


@law(examples=100)
@given(worlds)
def test_nothing_is_left_behind(world):
    """When all is over no run is open, nothing is queued, and nobody has a place, a lock, or waits in a line."""
    done = played(world)
    assert all(run.is_over for run in done.runs)
    assert done.engine.queue.pending == ()
    assert done.left == []
    assert list(done.flow.waiting()) == []
    assert done.state._pauses == {}


@law(examples=60)
@given(worlds)
def test_every_event_is_accounted_for(world):
    """For each function an event is in one run, or was dropped by a rule, never both and never twice."""
    done = played(world)
    taken = [(run.function_id, event.id) for run in done.runs for event in run.events]
    dropped = [
        (e.data["function_id"], e.data["event_id"]) for e in done.engine.history if e.kind is HistoryKind.EVENT_DROPPED
    ]
    expected = sorted((function, event_id) for function in "fg" for event_id, _, _ in done.sent)
    assert sorted(taken + dropped) == expected
