"""What the engine's methods give back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from inngest_testkit.errors import NotFoundError
from inngest_testkit.records import quick

if TYPE_CHECKING:
    from inngest_testkit.runs import Run

__all__ = ["Sent"]


@quick
@dataclass(frozen=True, slots=True)
class Sent:
    """What a `send` did: `ids` of the events, in order, and the `runs` that they started."""

    ids: tuple[str, ...]
    runs: tuple[Run, ...]
    #: Why nothing was started; asked only when it matters.
    _why_nothing: Callable[[], str] = field(repr=False, compare=False)

    @property
    def why_nothing(self) -> str:
        """Why no run was started; empty when one was."""
        return "" if self.runs else self._why_nothing()

    @property
    def run(self) -> Run:
        """The one run that was started; raises `NotFoundError` when there are none or several."""
        if len(self.runs) == 1:
            return self.runs[0]
        if not self.runs:
            raise NotFoundError("run", "", message="this send started no run", reason=self.why_nothing)
        started = ", ".join(f"{run.function_id} ({run.id})" for run in self.runs)
        raise NotFoundError(
            "run", "", message=f"this send started {len(self.runs)} runs", reason=f"{started}; use .runs"
        )

    def of(self, function_id: str) -> Sequence[Run]:
        """Return the runs of one function."""
        return tuple(run for run in self.runs if run.function_id == function_id)

    def __repr__(self) -> str:
        count = len(self.ids)
        return f"<Sent {count} event{'' if count == 1 else 's'}, started {list(self.runs)!r}>"
