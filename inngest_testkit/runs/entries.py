"""What is seen of a handler: its entries, the steps that it came to in each, and what was found in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Entry", "Finding", "FindingKind", "TracedStep", "TypeChange", "step_key"]

FindingKind = Literal["nondeterminism", "gather", "duplicate", "type-change"]

_RESULT, _OPERATIONS = 200, 206


def step_key(step: str, occurrence: int = 0) -> str:
    """Return the text whose hash is a step's id: the id as written, `:n` appended for the use number n (from 0)."""
    return f"{step}:{occurrence}" if occurrence else step


@dataclass(frozen=True, slots=True)
class TracedStep:
    """One step that a handler came to: its id as the user wrote it, and which use of that id it is (from 0).

    `grouped`: inside `group.parallel`. `in_task`: in an asyncio task other than the handler's own.
    """

    id: str
    occurrence: int = 0
    grouped: bool = False
    in_task: bool = False

    @property
    def key(self) -> str:
        """The text whose hash is the step's id on the wire."""
        return step_key(self.id, self.occurrence)


@dataclass(frozen=True, slots=True, repr=False)
class Entry:
    """One entry of a handler.

    `number` counts the run's entries from 0 in the order in which the calls began, which is the order in which their
    memos grew. `target` is the key of the step that was called for, or "". `trace` lists the steps that the handler
    came to, memoised or not; `found` the keys of the steps that the answer named. `status` is the answer's: 206 for
    operations, 200 for the result, anything else is an error. A run's history keeps no traces.
    """

    number: int
    at: datetime
    attempt: int
    target: str
    trace: tuple[TracedStep, ...]
    found: tuple[str, ...]
    status: int

    @property
    def is_cut(self) -> bool:
        """Whether an error ended the entry, so that it may have missed steps that it would have come to."""
        return self.status not in {_RESULT, _OPERATIONS}

    @property
    def has_result(self) -> bool:
        """Whether the handler came to its end."""
        return self.status == _RESULT

    @property
    def label(self) -> str:
        """The entry in a few words, such as "entry 2 (attempt 1, for 'charge')"."""
        facts = ([f"attempt {self.attempt}"] if self.attempt else []) + (
            [f"for {self.target!r}"] if self.target else []
        )
        return f"entry {self.number}" + (f" ({', '.join(facts)})" if facts else "")

    def __repr__(self) -> str:
        steps = ", ".join(step.key for step in self.trace) or "no step"
        answer = "result" if self.has_result else f"error {self.status}" if self.is_cut else ", ".join(self.found)
        return f"<{self.label} at {self.at.isoformat()}: {steps} -> {answer or 'nothing'}>"


@dataclass(frozen=True, slots=True)
class TypeChange:
    """One change: `path` into the value as the step returned it, what was there `before` and what is `after`."""

    path: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.path}: {self.before} becomes {self.after}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: its kind, what to tell the user, and the keys of the steps it is about.

    `disagreement` comes with "nondeterminism", `changes` with "type-change".
    """

    kind: FindingKind
    message: str
    steps: tuple[str, ...]
    disagreement: object = None
    changes: tuple[TypeChange, ...] = ()

    def __str__(self) -> str:
        return self.message
