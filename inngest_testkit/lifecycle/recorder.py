"""Write transitions down: in the run's history, and in the engine's journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inngest_testkit.runs.model import EMPTY, HistoryEntry, HistoryKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inngest_testkit.clock import Clock
    from inngest_testkit.events import Event
    from inngest_testkit.runs.journal import Journal
    from inngest_testkit.state.base import StateStore

__all__ = ["Recorder"]


class Recorder:
    """Appends each transition at the clock's time.

    `once` is for work that is delivered again: what the history already has is not written twice.
    """

    def __init__(self, clock: Clock, state: StateStore, journal: Journal) -> None:
        self._clock, self._state, self._journal = clock, state, journal

    async def run(
        self,
        kind: HistoryKind,
        run_id: str,
        step: str | None = None,
        attempt: int | None = None,
        data: Mapping[str, Any] = EMPTY,
        *,
        once: bool = False,
    ) -> None:
        """Append a transition of a run."""
        entry = HistoryEntry(self._clock.now(), kind, run_id, step, attempt, data)
        await self._state.append(entry, once=once)
        # The journal asks for itself: it may lack what the store has, when the engine was stopped in between.
        if not once or not self._journal.has(entry):
            self._journal.append(entry)

    def dropped(
        self,
        rule: str,
        reason: str,
        function_id: str,
        event: Event,
        cause: str,
        *,
        key: str = "",
        run_id: str = "",
        once: bool = False,
    ) -> None:
        """Append that a rule keeps an event from starting a function; `run_id` is the run that it gives way to."""
        data = {"rule": rule, "key": key, "reason": reason, "function_id": function_id, "event_id": event.id}
        data |= {"event": event.name, "cause": cause, "run_id": run_id}
        if not once or not any(_is_drop(entry, data) for entry in self._journal.engine):
            self.engine(HistoryKind.EVENT_DROPPED, data)

    def engine(self, kind: HistoryKind, data: Mapping[str, Any]) -> None:
        """Append a transition that belongs to no run."""
        self._journal.append(HistoryEntry(self._clock.now(), kind, data=data))


def _is_drop(entry: HistoryEntry, data: Mapping[str, Any]) -> bool:
    """Whether an entry says already what became of a delivery."""
    return entry.kind is HistoryKind.EVENT_DROPPED and all(
        entry.data[name] == data[name] for name in ("function_id", "cause", "rule")
    )
