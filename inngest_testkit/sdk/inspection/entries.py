"""One entry of a run's handler: when it was called, what steps it came to, what it answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from inngest_testkit.sdk.protocol import TracedStep

__all__ = ["Entry"]

_RESULT, _OPERATIONS = 200, 206


@dataclass(frozen=True, slots=True, repr=False)
class Entry:
    """One entry of a handler.

    `number` counts the run's entries from 0 in the order in which the calls began, which is the order in which their
    memos grew. `target` is the key of the step that was called for, or "". `trace` lists the steps that the handler
    came to, memoised or not; `found` the keys of the steps that the answer named. `status` is the answer's: 206 for
    operations, 200 for the result, anything else is an error.
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
