"""Where a replay differs from a recording.

Runs are matched by function and event, in order of appearance. Where the recorded order of calls varied, the outputs
of steps that were called at the same moment may or may not be in each other's `steps`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from .behaviour import NOT_RECORDED, canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .behaviour import Behaviour, Call, Fact

#: Seconds by which a recorded moment may be earlier or later than the virtual one. It is later by the polling of
#: the event stream, once for each event that a step waited for, and by the time that the work took.
EARLIER, LATER = 0.06, 0.4
#: Seconds by which a recorded target time may be off, both it and its line being cut to whole seconds.
WHOLE_SECOND = 1.0
#: Steps called within so many seconds of each other are worked in any order.
SAME_MOMENT = 0.1


def differences(expected: Behaviour, actual: Behaviour) -> list[str]:
    """Say what differs, one text each; nothing when the replay does what was recorded."""
    found = list(_problems(expected.problems, actual.problems))
    if expected.replies != actual.replies and not expected.problems:
        found.append(f"replies: {expected.replies}, got {actual.replies}")
    runs = _matched_runs(expected, actual)
    found += _order(expected, actual, runs)
    for theirs, ours in runs.items():
        found += [
            f"run {theirs}: {text}"
            for text in _run(expected, actual, _of(expected.calls, theirs), _of(actual.calls, ours))
        ]
    if expected.facts is not None:
        found += _facts(expected.facts, actual.facts or (), runs)
    found += _orphans(actual)
    found += [f"run {number} is not over and waits for nothing" for number in actual.stuck]
    return found


def _problems(expected: Sequence[str], actual: Sequence[str]) -> Iterable[str]:
    if len(expected) != len(actual):
        yield f"problems at load: {list(expected)}, got {list(actual)}"
        return
    for wanted in expected:
        if not any(_contains(problem, wanted) for problem in actual):
            yield f"no problem says {wanted!r}: {list(actual)}"


def _contains(text: str, parts: str) -> bool:
    return all(part in text for part in parts.split("…"))


# -- runs


def _matched_runs(expected: Behaviour, actual: Behaviour) -> dict[int | None, int | None]:
    """Map the recorded runs to ours; what has no counterpart is mapped from or to a run that is not there."""
    theirs, ours = _signatures(expected), _signatures(actual)
    matched: dict[int | None, int | None] = {None: None}
    rest = [number for number in ours if number not in matched.values()]
    for number, signature in theirs.items():
        mate = next((other for other in rest if ours[other] == signature), None)
        if mate is not None:
            matched[number] = mate
            rest.remove(mate)
    for number in theirs:
        if number not in matched:
            matched[number] = rest.pop(0) if rest else -1 - number
    for number in rest:
        matched[1000 + number] = number
    return matched


def _signatures(behaviour: Behaviour) -> dict[int, str | None]:
    """Say what each run executes and which event started it; None for a run that made no call."""
    found: dict[int, str | None] = {}
    for call in behaviour.calls:
        if call.run not in found and isinstance(call.body, dict):
            event = {key: value for key, value in call.body["event"].items() if key != "ts"}
            found[call.run] = canonical([call.body["ctx"], event])
        found.setdefault(call.run, None)
    for fact in behaviour.facts or ():
        if fact.run is not None:
            found.setdefault(fact.run, None)
    return dict(sorted(found.items()))


def _of(calls: Iterable[Call], run: int | None) -> list[Call]:
    return [call for call in calls if call.run == run]


# -- calls


def _order(expected: Behaviour, actual: Behaviour, runs: Mapping[int | None, int | None]) -> Iterable[str]:
    if expected.ordered:
        theirs = [(runs[call.run], call.step) for call in expected.calls]
        ours = [(call.run, call.step) for call in actual.calls]
        if theirs != ours and sorted(theirs, key=str) == sorted(ours, key=str):
            yield f"order of (run, step): {theirs}, got {ours}"


def _run(expected: Behaviour, actual: Behaviour, theirs: list[Call], ours: list[Call]) -> Iterable[str]:
    wanted, found = _by_step(theirs), _by_step(ours)
    for key in sorted(wanted.keys() | found.keys()):
        if len(wanted[key]) != len(found[key]):
            yield f"{key}: called at {_times(wanted[key])}, got {_times(found[key])}"
            continue
        for one, other in zip(wanted[key], found[key], strict=True):
            yield from (f"{key}: {text}" for text in _call(one, other, expected.ordered, _together(one, theirs)))


def _by_step(calls: Iterable[Call]) -> defaultdict[str, list[Call]]:
    found: defaultdict[str, list[Call]] = defaultdict(list)
    for call in calls:
        found[f"{call.method} {call.step}"].append(call)
    return found


def _times(calls: Iterable[Call]) -> list[float]:
    return [call.at for call in calls]


def _together(call: Call, calls: Iterable[Call]) -> set[str]:
    return {other.step for other in calls if abs(other.at - call.at) <= SAME_MOMENT}


def _call(wanted: Call, found: Call, ordered: bool, together: set[str]) -> Iterable[str]:
    if not _same_time(wanted.at, found.at):
        yield f"at {wanted.at}, got {found.at}"
    if wanted.raw is not None and wanted.raw != found.raw:
        yield f"sent {wanted.raw}, got {found.raw}"
    if not isinstance(wanted.body, dict) or not isinstance(found.body, dict):
        if wanted.body not in (NOT_RECORDED, found.body):
            yield f"body {wanted.body}, got {found.body}"
        return
    for key in wanted.body.keys() | found.body.keys():
        one, other = wanted.body.get(key), found.body.get(key)
        if key == "steps" and not ordered:
            yield from _outputs(one, other, together)
        elif canonical(one) != canonical(other):
            yield f"{key}: {canonical(one)}, got {canonical(other)}"


def _same_time(recorded: float, virtual: float) -> bool:
    return -EARLIER <= recorded - virtual <= LATER


def _outputs(wanted: Mapping[str, Any], found: Mapping[str, Any], together: set[str]) -> Iterable[str]:
    for step in wanted.keys() & found.keys():
        if canonical(wanted[step]) != canonical(found[step]):
            yield f"output of {step}: {canonical(wanted[step])}, got {canonical(found[step])}"
    for step in (wanted.keys() ^ found.keys()) - together:
        yield f"output of {step}: {'recorded' if step in wanted else 'not recorded'}, but not so here"


def _orphans(actual: Behaviour) -> Iterable[str]:
    """Find the steps that were called before one of their parents was done."""
    for call in actual.calls:
        if isinstance(call.body, dict):
            parents = actual.parents.get((call.body["ctx"]["workflow_id"], call.step), ("$trigger",))
            if "$trigger" not in parents and not set(parents) & call.body["steps"].keys():
                yield f"{call.step} was called before one of its parents was done"


# -- facts


def _facts(expected: Iterable[Fact], actual: Iterable[Fact], runs: Mapping[int | None, int | None]) -> Iterable[str]:
    wanted, found = _grouped(expected, runs), _grouped(actual, None)
    for key in sorted(wanted.keys() | found.keys(), key=str):
        ones, others = wanted[key], found[key]
        same = len(ones) == len(others) and all(_same_fact(*pair) for pair in zip(ones, others, strict=True))
        if not same:
            yield f"{key}: {_moments(ones)}, got {_moments(others)}"


def _grouped(
    facts: Iterable[Fact], runs: Mapping[int | None, int | None] | None
) -> defaultdict[tuple[str, int | None, str], list[Fact]]:
    found: defaultdict[tuple[str, int | None, str], list[Fact]] = defaultdict(list)
    for fact in facts:
        # The server's log does not name the run where it speaks of an event.
        found[fact.kind, fact.run if runs is None else runs[fact.run], fact.about].append(fact)
    return defaultdict(list, {key: sorted(group, key=_sorting) for key, group in found.items()})


def _sorting(fact: Fact) -> tuple[float, float]:
    return fact.span or 0.0, fact.at


def _same_fact(wanted: Fact, found: Fact) -> bool:
    spans = (wanted.span or 0.0) - (found.span or 0.0)
    return abs(spans) <= WHOLE_SECOND and _same_time(wanted.at, found.at)


def _moments(facts: Iterable[Fact]) -> list[str]:
    return [f"at {fact.at:g}" + (f" for {fact.span:g} s" if fact.span else "") for fact in facts]
