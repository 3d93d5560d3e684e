"""Whether two entries of one handler agree about the steps they came to.

The law. A handler is entered again and again, each time with at least the memos it had before, and walks the same
code. It passes what is memoised, and stops at what is not: in sequence there, in a parallel group each branch on its
own. So, for two entries in the order in which their calls began:

1. The later one comes to every step of the earlier one, in the same order. Only an error may end it before that.
2. A step that is new in the later one lies behind what stopped the earlier one: in sequence, after all of the earlier
   steps; in a group, after the earlier steps in sequence and at least one of the steps that the earlier answer named.
3. After an entry with a result, nothing is new.

Two kinds of steps prove nothing about other entries and are left out of the earlier one: what is called inside
another step's body (it follows, in sequence, the step that the answer named), and what a targeted call came to besides
its target (inside it, a nested group with open steps returns fewer results than it has branches).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from inngest_testkit.sdk.inspection.comparison import side_by_side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inngest_testkit.runs.entries import Entry, TracedStep

__all__ = ["Disagreement", "find_disagreement", "supersedes"]

_Kind = Literal["ids", "order", "missing", "extra"]

_REMEDY: dict[_Kind, str] = {
    "ids": "Put what is random or reads the clock into a step and use its result; keep counters inside the handler.",
    "order": "The server finds results by id, so the order alone does it no harm, but what is made of it (a set, a "
    "dict filled by tasks, a sort by time) may: sort by what steps returned.",
    "missing": "Branch only on the event and on what steps returned; put what else decides into a step.",
    "extra": "Branch only on the event and on what steps returned; put what else decides into a step.",
}


@dataclass(frozen=True, slots=True)
class Disagreement:
    """The first place at which a later entry does not go the way of an earlier one.

    `kind` is "ids" (another id in a step's place), "order" (the same steps in another order), "missing" (a step is
    gone) or "extra" (a step has come before others that were there without it). `index` and `later_index` are the
    place in the earlier and the later trace; either may be the trace's end.
    """

    earlier: Entry
    later: Entry
    kind: _Kind
    index: int
    later_index: int

    @property
    def expected(self) -> TracedStep | None:
        """The step of the earlier entry at the place, if it had one."""
        return _at(self.earlier.trace, self.index)

    @property
    def came(self) -> TracedStep | None:
        """The step of the later entry at the place, if it had one."""
        return _at(self.later.trace, self.later_index)

    @property
    def summary(self) -> str:
        """The difference in one line."""
        return f"{self.later.label} {self._difference()}"

    def _difference(self) -> str:
        expected, came = _quoted(self.expected), _quoted(self.came)
        known = self.earlier.label
        if self.kind == "ids":
            return f"came to step {came} where {known} had come to {expected}"
        if self.kind == "order":
            return f"came to step {came} before {expected}, and {known} to {expected} first"
        if self.kind == "extra" and self.expected is None:
            return f"came to a new step {came} after {known} had ended with a result"
        if self.kind == "extra":
            return f"came to a new step {came} before {expected}, which {known} had come to without it"
        ahead = f" before {came}" if self.came else ""
        return f"did not come to step {expected}{ahead}, as {known} had"

    def __str__(self) -> str:
        gap = {"extra": "earlier", "missing": "later"}.get(self.kind, "")
        return (
            f"the handler does not come to the same steps in the same order at each entry: {self.summary}\n"
            f"{side_by_side(self.earlier, self.later, self.index, self.later_index, gap=gap)}\n"
            f"Step ids and their order must be the same at each entry. {_REMEDY[self.kind]}"
        )


def find_disagreement(earlier: Entry, later: Entry) -> Disagreement | None:
    """Return the first place at which two entries of a run disagree, or None. `earlier` is the one that began first."""
    evidence = _evidence(earlier, later)
    if not earlier.has_result and later.trace[: len(evidence.steps)] == evidence.steps:
        return None
    return _compare(earlier, later, evidence)


def supersedes(later: Entry, earlier: Entry) -> bool:
    """Whether entries to come need be compared with `later` only, and no more with `earlier`."""
    if later.target:
        return False
    if not later.is_cut:
        return True
    return {_name(step) for step in _evidence(earlier, later).steps} <= {_name(step) for step in later.trace}


class _Evidence(NamedTuple):
    """What an earlier entry proves: the steps to come to, and their places in its trace."""

    steps: tuple[TracedStep, ...]
    places: Sequence[int]


def _evidence(earlier: Entry, later: Entry) -> _Evidence:
    if earlier.target:
        return _targeted_evidence(earlier, later)
    length = _own_length(earlier)
    return _Evidence(earlier.trace[:length], range(length))


def _targeted_evidence(earlier: Entry, later: Entry) -> _Evidence:
    common = {_name(step) for step in later.trace}
    kept = enumerate(earlier.trace)
    places = [index for index, step in kept if _name(step) in common or step.key == earlier.target]
    return _Evidence(tuple(earlier.trace[index] for index in places), places)


def _own_length(entry: Entry) -> int:
    """Return how much of the trace is the handler's own: what follows a step in sequence that stopped it is nested."""
    found = frozenset(entry.found)
    for index in range(len(entry.trace) - 1, -1, -1):
        step = entry.trace[index]
        if not step.grouped and step.key in found:
            return index + 1
    return len(entry.trace)


def _compare(earlier: Entry, later: Entry, evidence: _Evidence) -> Disagreement | None:
    place_of = {_name(step): place for place, step in enumerate(evidence.steps)}
    needed = _needed(earlier, evidence)
    came, fresh = 0, -1  # how many of the steps have come; the first new step since the last of them
    for index, step in enumerate(later.trace):
        place = place_of.get(_name(step), -1)
        if place == came:
            came, fresh = came + 1, -1
            continue
        if place < 0:
            fresh = index if fresh < 0 else fresh
            if came >= (0 if step.in_task else needed.grouped if step.grouped else needed.in_line):
                continue
        return _disagreement(earlier, later, evidence, came, index, fresh)
    if came < len(evidence.steps) and not later.is_cut:
        return _disagreement(earlier, later, evidence, came, len(later.trace), fresh)
    return None


def _disagreement(earlier: Entry, later: Entry, evidence: _Evidence, came: int, index: int, fresh: int) -> Disagreement:
    """Name the difference at place `index` of the later trace, after `came` steps of the evidence."""
    if came == len(evidence.steps):
        return Disagreement(earlier, later, "extra", len(earlier.trace), index)
    place, awaited = evidence.places[came], _name(evidence.steps[came])
    if awaited not in {_name(step) for step in later.trace}:
        kind: _Kind = "missing" if fresh < 0 else "ids"
        return Disagreement(earlier, later, kind, place, index if fresh < 0 else fresh)
    is_known = _name(later.trace[index]) in {_name(step) for step in evidence.steps}
    return Disagreement(earlier, later, "order" if is_known else "extra", place, index)


class _Needed(NamedTuple):
    """How many steps of the evidence must have come before a new step may: in a group, and in sequence."""

    grouped: float
    in_line: float


def _needed(earlier: Entry, evidence: _Evidence) -> _Needed:
    if earlier.target:
        return _Needed(0, 0)
    if earlier.has_result:
        return _Needed(math.inf, math.inf)
    found = frozenset(earlier.found)
    places = list(enumerate(evidence.steps, start=1))
    last_in_line = max((place for place, step in places if not (step.grouped or step.in_task)), default=0)
    first_stop = next((place for place, step in places if step.key in found), 0)
    return _Needed(max(last_in_line, first_stop), len(places))


def _name(step: TracedStep) -> tuple[str, int]:
    return (step.id, step.occurrence)


def _at(trace: tuple[TracedStep, ...], index: int) -> TracedStep | None:
    return trace[index] if index < len(trace) else None


def _quoted(step: TracedStep | None) -> str:
    return repr(step.key) if step else ""
