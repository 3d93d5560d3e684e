"""Why a step of a run has not run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inngest_testkit.errors import suggestion
from inngest_testkit.runs.flow import held_by
from inngest_testkit.runs.model import HistoryKind, RunStatus, StepStatus

if TYPE_CHECKING:
    from inngest_testkit.runs.model import HistoryEntry, Wait
    from inngest_testkit.runs.view import Run

__all__ = ["not_come_to", "why_not"]

_TRIGGER = "$trigger"
_OUTCOMES = (
    HistoryKind.EDGE_NOT_TAKEN,
    HistoryKind.PAUSE_TIMED_OUT,
    HistoryKind.PAUSE_CONSUMED,
)


def why_not(run: Run, step: str) -> str:
    """Say in one line why `step` has not run, or that it has."""
    if step in run.steps:
        record = run.steps[step]
        if record.ended_at is None and run.is_over:
            return f"it was under way, and its result is dropped: {_over(run) or 'the run is completed'}"
        return f"it has run: {record!r}"
    if not run.step_ids:
        near = suggestion(step, run.steps, label="steps that it came to")
        return f"it has not run: {not_come_to(run, step)}{near}"
    if step not in run.step_ids:
        return f"function {run.function_id!r} has no such step" + suggestion(step, run.step_ids, label="known steps")
    held = _held(run, step)
    reasons = [*held, *_waits(run, step), *_outcomes(run, step)] or _parents(run, step)
    over = _over(run)
    return "it has not run: " + "; ".join([*reasons, *([over] if over else [])])


def not_come_to(run: Run, step: str) -> str:
    """Say why a run of an app's function, whose steps only its code knows, has not come to a step."""
    if any(entry.kind is HistoryKind.STEP_PLANNED and entry.step == step for entry in run.history):
        found = "the function came to it, and it is due but has not been worked yet"
    else:
        found = "the function has not come to it"
    waits = [*map(_hindrance, run.waiting), *_held(run)]
    over = _over(run) or ("the run is completed" if run.is_over else "")
    return "; ".join([found, *waits, *([over] if over else [])])


def _hindrance(wait: Wait) -> str:
    until = f"until {wait.until:%Y-%m-%d %H:%M:%S}"
    match wait.kind:
        case "event":
            return f"step {wait.step!r} waits for event {wait.event!r}, {until}"
        case "invoke":
            return f"step {wait.step!r} waits for its run of {wait.event!r}, {until}"
        case "sleep":
            return f"step {wait.step!r} sleeps {until}"
        case "retry":
            return f"{f'step {wait.step!r}' if wait.step else 'the function'} is not tried again {until}"
    return f"step {wait.step!r} is under way {until}"


def _held(run: Run, step: str | None = None) -> list[str]:
    """Say what flow control holds back: the whole run, and the step (None: any)."""
    texts = []
    for held in run.held:
        if step is None or held.step in ("", step):
            what = "the run" if not held.step else "it" if step == held.step else f"step {held.step!r}"
            texts.append(f"{what} waits {held_by(held)}")
    return texts


def _waits(run: Run, step: str) -> list[str]:
    texts = []
    for wait in run.waiting:
        if wait.step == step:
            what = f"for event {wait.event!r}" if wait.event else "for its time"
            turned = " (it runs if the event does not come)" if wait.on_timeout else ""
            texts.append(f"it still waits {what}, until {wait.until:%Y-%m-%d %H:%M:%S}{turned}")
    return texts


def _outcomes(run: Run, step: str) -> list[str]:
    latest: dict[str, HistoryEntry] = {}
    for entry in run.history:
        if entry.step == step and entry.kind in _OUTCOMES:
            latest[entry.data["edge"]] = entry
    return [_outcome(entry) for entry in latest.values()]


def _outcome(entry: HistoryEntry) -> str:
    data = entry.data
    if entry.kind is HistoryKind.EDGE_NOT_TAKEN:
        return f"the condition of {data['edge']} was false: {data['if']}"
    if entry.kind is HistoryKind.PAUSE_CONSUMED:
        return f"event {data['event']!r} came in time, and {data['edge']} is for when it does not"
    return f"event {data['event']!r} did not come in time for {data['edge']}"


def _parents(run: Run, step: str) -> list[str]:
    texts = []
    for parents in run.parents_of(step):
        missing = [parent for parent in parents if parent != _TRIGGER and not _done(run, parent)]
        for parent in missing:
            record = run.steps.get(parent)
            if record is None:
                texts.append(f"its parent {parent!r} has not run")
            elif record.status is StepStatus.FAILED:
                texts.append(f"its parent {parent!r} failed: {record.error}")
            else:
                texts.append(f"its parent {parent!r} is not done: {record.status.value}")
    return texts or ["it is due but has not been worked yet"]


def _done(run: Run, step: str) -> bool:
    record = run.steps.get(step)
    return record is not None and record.status is StepStatus.COMPLETED


def _over(run: Run) -> str:
    if run.status is RunStatus.CANCELLED:
        return "the run was cancelled"
    if run.status is RunStatus.FAILED and run.error is not None:
        return f"the run failed: {run.error}"
    return ""
