"""Fold a history into the state that it tells."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from inngest_testkit.runs.model import (
    Attempt,
    ErrorInfo,
    HistoryEntry,
    HistoryKind,
    RunStatus,
    StepRecord,
    StepStatus,
    Wait,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from inngest_testkit.values import Json

__all__ = ["Replay", "replay"]

#: What a run's last transition makes of it.
ENDS = {
    HistoryKind.RUN_COMPLETED: RunStatus.COMPLETED,
    HistoryKind.RUN_FAILED: RunStatus.FAILED,
    HistoryKind.RUN_CANCELLED: RunStatus.CANCELLED,
}


@dataclass(slots=True)
class Replay:
    """The state that a history tells; `waits` by the edge or step they belong to, `held` by the work that is held."""

    status: RunStatus = RunStatus.QUEUED
    steps: dict[str, StepRecord] = field(default_factory=dict)
    waits: dict[str, Wait] = field(default_factory=dict)
    held: dict[str, HistoryEntry] = field(default_factory=dict)
    last_output: Json | None = None
    error: ErrorInfo | None = None
    ended_at: datetime | None = None

    def copy(self) -> Replay:
        """Return a state of its own, which folding further entries into this one does not change."""
        return replace(self, steps=dict(self.steps), waits=dict(self.waits), held=dict(self.held))

    @property
    def waiting(self) -> tuple[Wait, ...]:
        """The waits, soonest first."""
        return tuple(sorted(self.waits.values(), key=lambda wait: wait.until))


def replay(state: Replay, entries: Iterable[HistoryEntry]) -> Replay:
    """Fold further entries of a run into the state that the earlier ones told, and return it."""
    for entry in entries:
        fold = _FOLDS.get(entry.kind)
        if fold is not None:
            fold(state, entry)
    return state


def _started(state: Replay, entry: HistoryEntry) -> None:
    state.status = RunStatus.RUNNING
    state.held.clear()


def _held(state: Replay, entry: HistoryEntry) -> None:
    state.held[entry.data["edge"]] = entry


def _ended(state: Replay, entry: HistoryEntry) -> None:
    state.status, state.ended_at = ENDS[entry.kind], entry.at
    state.error = entry.data.get("error", state.error)
    state.last_output = entry.data.get("output", state.last_output)
    state.waits.clear()
    state.held.clear()


def _edge_taken(state: Replay, entry: HistoryEntry) -> None:
    until = entry.data.get("until")
    if until is not None and entry.step is not None:
        state.waits[entry.data["edge"]] = Wait("time", entry.step, until)


def _pause_saved(state: Replay, entry: HistoryEntry) -> None:
    data = entry.data
    kind, event = ("invoke", data["invokes"]) if "invokes" in data else ("event", data["event"])
    if "signal" in data:
        kind, event = "signal", data["signal"]
    state.waits[data["edge"]] = Wait(kind, entry.step or "", data["until"], event, data["match"], data["on_timeout"])
    _waits(state, entry)


def _sleep_began(state: Replay, entry: HistoryEntry) -> None:
    state.waits[entry.data["edge"]] = Wait("sleep", entry.step or "", entry.data["until"])
    _waits(state, entry)


def _waits(state: Replay, entry: HistoryEntry) -> None:
    """A step of an app's function waits; an edge's child has not begun."""
    record = state.steps.get(entry.step or "")
    if record is not None and record.status is StepStatus.RUNNING:
        state.steps[record.id] = replace(record, status=StepStatus.WAITING)


def _call_failed(state: Replay, entry: HistoryEntry) -> None:
    state.held.pop(entry.data["edge"], None)
    state.waits[entry.data["edge"]] = Wait("retry", entry.step or "", entry.data["retry_at"])


def _call_answered(state: Replay, entry: HistoryEntry) -> None:
    state.held.pop(entry.data["edge"], None)
    state.waits.pop(entry.data["edge"], None)


def _wait_over(state: Replay, entry: HistoryEntry) -> None:
    state.waits.pop(entry.data["edge"], None)


def _step_started(state: Replay, entry: HistoryEntry) -> None:
    step = entry.step or ""
    state.waits.pop(entry.data.get("edge", ""), None)
    state.held.pop(entry.data.get("edge", ""), None)
    state.waits.pop(step, None)
    record = state.steps.get(step)
    attempt = Attempt(entry.attempt or 0, entry.at)
    if record is None:
        state.steps[step] = StepRecord(step, StepStatus.RUNNING, (attempt,))
    elif record.status is StepStatus.COMPLETED or _is_in_flight(record, attempt):
        return
    else:
        state.steps[step] = replace(record, status=StepStatus.RUNNING, attempts=(*record.attempts, attempt))


def _is_in_flight(record: StepRecord, attempt: Attempt) -> bool:
    """A step that was opened again after a worker was lost has still begun once."""
    last = record.attempts[-1]
    return last.number == attempt.number and last.ended_at is None


def _step_takes(state: Replay, entry: HistoryEntry) -> None:
    step = entry.step or ""
    state.held.pop(entry.data.get("edge", ""), None)
    state.waits[step] = Wait("step", step, entry.data["until"])


def _step_completed(state: Replay, entry: HistoryEntry) -> None:
    step = entry.step or ""
    state.waits.pop(step, None)
    record = state.steps[step]
    attempts = (*record.attempts[:-1], replace(record.attempts[-1], ended_at=entry.at))
    output = entry.data["output"]
    # What an app's function returns is its run's output, whatever its steps return.
    if "app" not in entry.data:
        state.last_output = output
    state.waits.pop(f"step/{step}", None)
    state.steps[step] = replace(record, status=StepStatus.COMPLETED, attempts=attempts, encoded_output=output)


def _step_failed(state: Replay, entry: HistoryEntry) -> None:
    step = entry.step or ""
    state.waits.pop(step, None)
    record, error, retry_at = state.steps[step], entry.data["error"], entry.data.get("retry_at")
    last = replace(record.attempts[-1], ended_at=entry.at, error=error, retry_at=retry_at)
    status = StepStatus.FAILED if retry_at is None else StepStatus.RETRYING
    state.steps[step] = replace(record, status=status, attempts=(*record.attempts[:-1], last))
    if retry_at is not None:
        state.waits[step] = Wait("retry", step, retry_at)
    elif state.error is None and "app" not in entry.data:
        # An app's function may catch it.
        state.error = error


_FOLDS: dict[HistoryKind, Callable[[Replay, HistoryEntry], None]] = {
    HistoryKind.RUN_STARTED: _started,
    HistoryKind.HELD: _held,
    HistoryKind.RUN_COMPLETED: _ended,
    HistoryKind.RUN_FAILED: _ended,
    HistoryKind.RUN_CANCELLED: _ended,
    HistoryKind.EDGE_TAKEN: _edge_taken,
    HistoryKind.SLEEP_BEGAN: _sleep_began,
    HistoryKind.CALL_FAILED: _call_failed,
    HistoryKind.CALL_ANSWERED: _call_answered,
    HistoryKind.PAUSE_SAVED: _pause_saved,
    HistoryKind.PAUSE_RESUMED: _wait_over,
    HistoryKind.PAUSE_TIMED_OUT: _wait_over,
    HistoryKind.PAUSE_CONSUMED: _wait_over,
    HistoryKind.STEP_VISITED_AGAIN: _wait_over,
    HistoryKind.STEP_STARTED: _step_started,
    HistoryKind.STEP_TAKES: _step_takes,
    HistoryKind.STEP_COMPLETED: _step_completed,
    HistoryKind.STEP_FAILED: _step_failed,
}
