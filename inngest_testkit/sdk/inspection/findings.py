"""What is found in a run's handler, entry by entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inngest_testkit.runs.entries import Finding
from inngest_testkit.sdk.inspection.audit import type_changes
from inngest_testkit.sdk.inspection.determinism import find_disagreement, supersedes
from inngest_testkit.sdk.inspection.duplicates import find_collisions, find_duplicates
from inngest_testkit.sdk.inspection.gather import concurrent_steps, gather_message
from inngest_testkit.sdk.protocol import hash_step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from inngest_testkit.runs.entries import Entry, FindingKind, TracedStep, TypeChange
    from inngest_testkit.sdk.inspection.determinism import Disagreement

__all__ = ["Inspector"]

_SHOWN = 5
_RESULT, _OPERATIONS = 200, 206


class Inspector:
    """Looks at the entries of one run, in the order in which they end, and tells what is new.

    Keeps one entry to compare with. It is the last one without a target: it has all that those before it had, unless an
    error ended it early, and then the one before stays. A targeted entry is compared with it and not kept, since others
    may be under way at the same time. An entry that began before the kept one and ends after it is compared as the
    earlier of the two; a targeted one proves less that way. The cost of an entry grows with its own trace, not with the
    number of entries.
    """

    def __init__(self) -> None:
        #: How many entries it has taken.
        self.entered = 0
        self._reference: Entry | None = None
        self._answered: set[str] = set()
        self._reported: set[tuple[FindingKind, object]] = set()
        self._has_gathered = False
        self._came_to: set[str] = set()

    def enter(
        self,
        entry: Entry,
        values: Mapping[str, object],
        failed: Callable[[str], bool] = lambda key: False,
    ) -> tuple[Finding, ...]:
        """Take an entry, and what steps returned in it by hashed id.

        `failed` says whether the step of a key had failed for good when the entry began.
        Return what was not found before: each kind once for a step (all uses of its id), "nondeterminism" and
        "gather" also once for a place in the trace.
        """
        self.entered += 1
        if self._is_next_step(entry, values):
            self._reference = entry
            self._answered.update(entry.found)
            return ()
        self._came_to.update(step.key for step in entry.trace)
        found = (
            *self._gathered(entry),
            *self._disagreements(entry, failed),
            *self._duplicates(entry),
            *self._changes(entry, values),
        )
        self._answered.update(entry.found)
        return found

    def _is_next_step(self, entry: Entry, values: Mapping[str, object]) -> bool:
        """Whether the entry came one step further than the last, in sequence: there is nothing to find then.

        What almost every entry is, told without looking at each step.
        """
        known, trace = self._reference, entry.trace
        if entry.target or self._has_gathered or len(entry.found) > 1 or entry.status not in (_RESULT, _OPERATIONS):
            return False
        if known is not None and known.status != _OPERATIONS:
            return False
        length = 0 if known is None else len(known.trace)
        if len(trace) > length + 1 or (known is not None and trace[:length] != known.trace):
            return False
        if len(trace) == length + 1:
            step = trace[length]
            key = step.key
            if step.grouped or step.in_task or key in self._came_to:
                return False
            self._came_to.add(key)
        return not any(type_changes(value) for value in values.values())

    def _disagreements(self, entry: Entry, failed: Callable[[str], bool]) -> Iterator[Finding]:
        known = self._reference
        if known is None:
            self._reference = None if entry.target else entry
            return
        # One that began earlier and ends later had fewer memos.
        earlier, later = (entry, known) if entry.number < known.number else (known, entry)
        difference = find_disagreement(earlier, later)
        if later is entry and supersedes(entry, known):
            self._reference = entry
        if difference is None or self._is_of_tasks(difference) or _is_cut_short(difference, failed):
            return
        if not self._is_new("nondeterminism", difference.index):
            return
        steps = dict.fromkeys(step.key for step in (difference.expected, difference.came) if step)
        yield Finding("nondeterminism", str(difference), tuple(steps), disagreement=difference)

    def _is_of_tasks(self, difference: Disagreement) -> bool:
        """Whether the difference is one of timing between tasks, which were reported as such."""
        return self._has_gathered and any(step and step.in_task for step in (difference.expected, difference.came))

    def _gathered(self, entry: Entry) -> Iterator[Finding]:
        steps = concurrent_steps(entry, self._answered)
        self._has_gathered = self._has_gathered or bool(steps)
        # By place as well: a gather whose ids change would otherwise be found at each entry.
        subjects = (entry.trace.index(steps[0]), *map(_key, steps)) if steps else ()
        news = [self._is_new("gather", subject) for subject in subjects]
        if news and all(news):
            yield Finding("gather", gather_message(steps), tuple(map(_key, steps)))

    def _duplicates(self, entry: Entry) -> Iterator[Finding]:
        for duplicate in (*find_duplicates(entry.trace, entry.found), *find_collisions(entry.trace)):
            if self._is_new("duplicate", (duplicate.kind, duplicate.shared)):
                yield Finding("duplicate", str(duplicate), duplicate.keys)

    def _changes(self, entry: Entry, values: Mapping[str, object]) -> Iterator[Finding]:
        for hashed, value in values.items():
            changes = type_changes(value)
            if not changes:
                continue
            step = next((step for step in entry.trace if hash_step(step.key) == hashed), None)
            key = step.key if step else hashed
            # One finding for all rounds of a loop.
            if self._is_new("type-change", step.id if step else hashed):
                yield Finding("type-change", _changes_message(key, changes), (key,), changes=changes)

    def _is_new(self, kind: FindingKind, what: object) -> bool:
        if (kind, what) in self._reported:
            return False
        self._reported.add((kind, what))
        return True


def _is_cut_short(difference: Disagreement, failed: Callable[[str], bool]) -> bool:
    """Whether a failed branch ended its group's walk, so that the branches behind it are not come to any more."""
    expected, before = difference.expected, difference.later.trace[: difference.later_index]
    return expected is not None and expected.grouped and bool(before) and before[-1].grouped and failed(before[-1].key)


def _key(step: TracedStep) -> str:
    return step.key


def _changes_message(key: str, changes: Sequence[TypeChange]) -> str:
    shown = "; ".join(str(change) for change in changes[:_SHOWN])
    more = f"; and {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
    return (
        f"step {key!r}: {shown}{more}, since what a step returns goes through JSON.\n"
        "Return what JSON has (dict with str keys, list, str, int, float, bool, None), or convert after the step."
    )
