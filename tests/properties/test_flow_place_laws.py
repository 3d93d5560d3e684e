"""The laws of concurrency and priority, checked at every moment of what was executed."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from inngest_testkit import Function, HistoryKind, RunStatus, Step, on_event

from .governed import GAPS, KEY, Governed, S, chain, spans_of
from .profile import law

SECONDS = {"5s": 5, "20s": 20}
spans = st.lists(st.sampled_from([0, 1, 3, 10, "5s", "20s"]), min_size=1, max_size=4).filter(
    lambda each: (
        not isinstance(each[-1], str) and not any(isinstance(a, str) and isinstance(b, str) for a, b in pairwise(each))
    )
)
own = st.fixed_dictionaries({"limit": st.integers(1, 3)}, optional={"key": st.just(KEY)})
# Of one size for both functions, as they share the places.
shared = st.fixed_dictionaries(
    {"limit": st.just(2), "key": st.sampled_from([KEY, "'s'"]), "scope": st.sampled_from(["env", "account"])}
)
limit = own | shared
limits = st.lists(limit, min_size=1, max_size=2)
scripts = st.lists(
    st.tuples(GAPS, st.fixed_dictionaries({"key": st.sampled_from(["a", "b", ""]), "p": st.just(0)})),
    min_size=1,
    max_size=10,
)


def waits_of(function_id, spans):
    """What has to pass before each step of a chain."""
    found, wait, count = {}, 0, 0
    for span in spans:
        if isinstance(span, str):
            wait = SECONDS[span] * S
        else:
            found[function_id, f"s{count}"] = wait
            wait, count = 0, count + 1
    return found


def places(config, function_id, data):
    """The places that an execution takes: what counts together, and how much of it there may be."""
    found = []
    for number, each in enumerate(config["concurrency"]):
        value = data["key"] if each.get("key") == KEY else each.get("key")
        scope = each.get("scope", "fn")
        # Limits of a function are its own, each of them; wider ones are shared by value.
        whose = (function_id, number) if scope == "fn" else (scope,)
        found.append(((*whose, value), each["limit"]))
    return found


def executing(pieces, moment):
    return [piece for piece in pieces if piece.begin <= moment < piece.end]


def between(pieces):
    """A moment between each two at which something changes."""
    times = sorted({t for piece in pieces for t in (piece.ready, piece.begin, piece.end)})
    return [(a + b) / 2 for a, b in pairwise(times)]


def check_places(pieces, places_of):
    """At no moment a key has more than it may, and nobody waits who could be executed."""
    for moment in between(pieces):
        count = {}
        for piece in executing(pieces, moment):
            for key in dict(places_of(piece)):
                count[key] = count.get(key, 0) + 1
        for piece in pieces:
            if piece.begin <= moment < piece.end:
                assert all(count[key] <= most for key, most in places_of(piece)), f"too many at {moment}"
            if piece.ready < moment < piece.begin:
                assert any(count.get(key, 0) >= most for key, most in places_of(piece)), f"{piece} waits at {moment}"


def check_order(pieces, places_of, age_of):
    """Of those that wait for the same places the older goes first."""
    for waits in pieces:
        for goes in pieces:
            same = [key for key, _ in places_of(waits)] == [key for key, _ in places_of(goes)]
            if same and waits.ready < goes.begin < waits.begin:
                assert age_of(goes) <= age_of(waits), f"{goes} overtook {waits}"


@law(examples=80)
@given(limits, limits, spans, spans, scripts)
def test_places_are_kept_and_used(first, second, one, two, script):
    """No key has more executions than its limit; a free place is used; the steps of older runs go first."""
    configs = {"f": {"concurrency": first}, "g": {"concurrency": second}}
    shapes = {"f": one, "g": two}
    takes = {(name, step): span for name in "fg" for step, span in spans_of(*shapes[name]).items()}
    played = Governed([(chain(name, *shapes[name]), configs[name]) for name in "fg"], takes).play(script)
    waits = {key: seconds for name in "fg" for key, seconds in waits_of(name, shapes[name]).items()}
    pieces = played.pieces(waits)
    data = {event_id: data for event_id, _, data in played.sent}
    arrived = {event_id: at for event_id, at, _ in played.sent}

    def places_of(piece):
        return places(configs[piece.function], piece.function, data[piece.event])

    check_places(pieces, places_of)
    check_order(pieces, places_of, lambda piece: arrived[piece.event])
    assert all(run.status is RunStatus.COMPLETED for run in played.runs)
    assert len(pieces) == sum(len(run.steps) for run in played.runs) == len(script) * len(takes) // 1
    assert played.left == []


@law(examples=30)
@given(st.integers(1, 3), st.integers(2, 4), scripts)
def test_parallel_steps_need_a_place_each(limit, width, script):
    """Steps of one run beside each other are counted each."""
    function = Function("f", on_event("start"), steps=[Step(f"s{i}", lambda: 1) for i in range(width)])
    config = {"concurrency": {"limit": limit}}
    played = Governed([(function, config)], {("f", f"s{i}"): i + 1 for i in range(width)}).play(script)
    pieces = played.pieces()
    check_places(pieces, lambda piece: [("f", limit)])
    check_order(pieces, lambda piece: [("f", limit)], lambda piece: int(piece.event))
    assert len(pieces) == width * len(script)
    assert played.left == []


@law(examples=40)
@given(st.integers(1, 3), st.booleans(), spans, scripts)
def test_runs_keep_their_place(most, keyed, shape, script):
    """With a limit of runs no more are alive at a time, asleep or not; the next begins when one is over, in order."""
    fn = {"limit": most, **({"key": KEY} if keyed else {})}
    takes = {("f", step): span for step, span in spans_of(*shape).items()}
    played = Governed([(chain("f", *shape), {"concurrency": {"fn": [fn]}})], takes).play(script)
    assert len(played.runs) == len(script)
    alive = {}
    for event_id, arrival, data in played.sent:
        others = alive.setdefault(data["key"] if keyed else "", [])
        # In order of arrival, and when so many of those before are over that one more may be alive.
        ends = sorted((end for _, end in others), reverse=True)
        free = ends[most - 1] if len(ends) >= most else 0
        begin = max([arrival, free, *(b for b, _ in others[-1:])])
        length = sum(SECONDS.get(span, span) * S for span in shape)
        others.append((begin, begin + length))
        assert played.started[event_id] == [begin]
    assert played.left == []


priorities = st.sampled_from([-20, -5, -1, 0, 1, 5, 20, 50_000])


@law(examples=60)
@given(
    st.integers(1, 2),
    st.lists(st.tuples(GAPS, st.fixed_dictionaries({"p": priorities, "key": st.just("a")})), min_size=1, max_size=12),
)
def test_priority_moves_a_run_by_so_many_seconds(limit, script):
    """Who waits goes by age, moved by the priority; a negative one also delays; nobody is overtaken beyond that."""
    config = {"concurrency": {"limit": limit}, "priority": {"run": "int(event.data.p)"}}
    played = Governed([(chain("f", 7), config)], {("f", "s0"): 7}).play(script)
    cut = {event_id: max(-43_200, min(43_200, data["p"])) for event_id, _, data in played.sent}
    arrived = {event_id: at for event_id, at, _ in played.sent}
    for event_id, at in arrived.items():
        assert played.started[event_id] == [at + S * max(0, -cut[event_id])]
    pieces = played.pieces()
    check_places(pieces, lambda piece: [("f", limit)])
    check_order(pieces, lambda piece: [("f", limit)], lambda piece: arrived[piece.event] - S * cut[piece.event])
    for waits in pieces:
        for goes in pieces:
            if waits.ready < goes.begin < waits.begin and arrived[goes.event] > arrived[waits.event]:
                difference = cut[goes.event] - cut[waits.event]
                assert arrived[goes.event] - arrived[waits.event] <= S * difference
    assert played.left == []


@law(examples=30)
@given(st.sampled_from(["event.data.p", "'5'", "true", "1.0", "event.data.missing", "int(event.data.key)"]), scripts)
def test_only_whole_numbers_are_a_priority(expression, script):
    """Anything else counts as 0: runs go by age."""
    config = {"concurrency": {"limit": 1}, "priority": {"run": expression}}
    script = [(gap, {**data, "p": index * 10}) for index, (gap, data) in enumerate(script)]
    played = Governed([(chain("f", 7), config)], {("f", "s0"): 7}).play(script)
    begins = [piece.begin for piece in sorted(played.pieces(), key=lambda piece: int(piece.event))]
    assert begins == sorted(begins)
    assert [at for e in map(str, range(len(script))) for at in played.started[e]] == [at for _, at, _ in played.sent]


def test_a_place_that_two_leave_at_once_is_used_twice():
    """When two executions end at one moment both places are taken at that moment, though steps take time."""
    played = Governed([(chain("f", 10), {"concurrency": {"limit": 2}})], {("f", "s0"): 10})
    played.play([(0, {})] * 5)
    assert sorted(piece.begin for piece in played.pieces()) == [0, 0, 10 * S, 10 * S, 20 * S]


def test_held_runs_tell_why():
    """What has to wait says so once, with how many waited before it."""
    played = Governed([(chain("f", 10), {"concurrency": {"limit": 1}})], {("f", "s0"): 10}).play([(0, {})] * 3)
    held = [[e.data["ahead"] for e in run.history if e.kind is HistoryKind.HELD] for run in played.runs]
    assert held == [[], [0], [1]]
