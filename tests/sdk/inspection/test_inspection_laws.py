"""The law of entries on drawn handlers: what is deterministic is never found, what is changed always is."""

from __future__ import annotations

import dataclasses
import itertools

from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from inngest_testkit.runs.entries import TracedStep
from inngest_testkit.sdk.inspection import Inspector, find_disagreement

from .model import Play, programs

law = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.filter_too_much])
runs = st.builds(lambda program, random: Play(program, random).entries(), programs(), st.randoms(use_true_random=False))


def inspect(entries):
    inspector = Inspector()
    return [finding for entry in entries for finding in inspector.enter(entry, {})]


def renamed(entry, ids):
    """Return the entry as if the handler had used these ids, and the answer named them."""
    counts, trace, keys = {}, [], {}
    for step, new in zip(entry.trace, ids, strict=True):
        changed = TracedStep(new, counts.get(new, 0), grouped=step.grouped)
        counts[new] = changed.occurrence + 1
        trace.append(changed)
        keys[step.key] = changed.key
    return dataclasses.replace(entry, trace=tuple(trace), found=tuple(keys.get(key, key) for key in entry.found))


def single(entry, known):
    """Return the places of steps whose ids the entry uses once, and the other entry too."""
    ids, others = [step.id for step in entry.trace], [step.id for step in known.trace]
    return [i for i, step in enumerate(ids) if ids.count(step) == others.count(step) == 1]


@law
@given(runs)
def test_a_deterministic_handler_is_left_alone(entries):
    """Whatever the groups, failures and modes, and the order in which calls end, nothing is found."""
    event(f"{min(len(entries), 20) // 5 * 5}+ entries")
    assert inspect(entries) == []


@law
@given(runs)
def test_any_two_entries_of_a_deterministic_handler_agree(entries):
    """Not only neighbours: any two entries, in the order in which they began."""
    in_order = sorted(entries, key=lambda entry: entry.number)
    for earlier, later in itertools.combinations(in_order, 2):
        assert find_disagreement(earlier, later) is None


@law
@given(runs, st.data())
def test_a_changed_id_is_found(entries, data):
    """A step that has another id than at an entry before is found, unless an error ended the entry."""
    earlier, later = _two([entry for entry in entries if not entry.is_cut], 1, data)
    place = data.draw(st.sampled_from(single(later, earlier)))
    changed = renamed(later, ["fresh" if i == place else step.id for i, step in enumerate(later.trace)])
    difference = find_disagreement(earlier, changed)
    assert difference is not None
    assert difference.kind in {"ids", "missing"}
    assert difference.expected.id == later.trace[place].id


@law
@given(runs, st.data())
def test_swapped_steps_are_found(entries, data):
    """Two steps that an entry before came to, in the other order, are found; also when an error ended the entry."""
    earlier, later = _two(entries, 2, data)
    one, other = data.draw(st.lists(st.sampled_from(single(later, earlier)), min_size=2, max_size=2, unique=True))
    ids = [step.id for step in later.trace]
    ids[one], ids[other] = ids[other], ids[one]
    difference = find_disagreement(earlier, renamed(later, ids))
    assert difference is not None
    assert difference.kind in {"order", "missing"}


def _two(entries, least, data):
    in_order = sorted(entries, key=lambda entry: entry.number)
    both = itertools.combinations(in_order, 2)
    pairs = [(a, b) for a, b in both if not a.target and len(single(b, a)) >= least]
    assume(pairs)
    return data.draw(st.sampled_from(pairs))


@law
@given(runs, st.data())
def test_an_inspector_finds_a_changed_entry(entries, data):
    """One entry of a run with one changed id is found although not every earlier entry is kept.

    Unless another call, which began after it, ended before it: then it is compared with less.
    """
    candidates = [
        (index, place)
        for index, entry in enumerate(entries)
        for place in range(len(entry.trace))
        if not entry.is_cut
        and any(_knows(other, entry, place) for other in entries[:index])
        and not any(other.number > entry.number for other in entries[:index])
    ]
    assume(candidates)
    index, place = data.draw(st.sampled_from(candidates))
    ids = ["fresh" if i == place else step.id for i, step in enumerate(entries[index].trace)]
    changed = [*entries[:index], renamed(entries[index], ids), *entries[index + 1 :]]
    assert [finding.kind for finding in inspect(changed)][:1] == ["nondeterminism"]


def _knows(other, entry, place):
    step = entry.trace[place]
    is_single = all([s.id for s in trace].count(step.id) == 1 for trace in (entry.trace, other.trace))
    return not other.target and not other.is_cut and other.number < entry.number and is_single
