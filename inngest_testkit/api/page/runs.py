"""Runs as the page reads them: a list, newest first, and one of them with all that is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inngest_testkit.api.page.graph import graph_of
from inngest_testkit.api.page.values import error_view, limit_of, moment, text_of
from inngest_testkit.api.reads.runs import each_there, view_of
from inngest_testkit.clock import FakeClock
from inngest_testkit.errors import NotFoundError
from inngest_testkit.runs import Run, RunStatus
from inngest_testkit.runs.timeline import rows
from inngest_testkit.runs.view import DROPPED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inngest_testkit.engine.core import Core
    from inngest_testkit.runs import Held
    from inngest_testkit.runs.model import Attempt, StepRecord, Wait

__all__ = ["run_detail", "run_list", "status_view", "unseen"]

#: Lines of a timeline that are sent, the last ones.
_MOST_LINES = 1000


def status_view(core: Core, _: Mapping[str, str]) -> dict[str, Any]:
    """Return the engine's time and how much there is: `virtual`, `now`, `next_due`, `runs`, `open`, `functions`."""
    return {
        "virtual": isinstance(core.clock, FakeClock),
        "now": moment(core.clock.now()),
        "next_due": moment(core.next_due),
        "runs": len(core.journal.runs),
        "open": len(core.journal.open_runs),
        "functions": len(core.plans),
    }


def run_list(core: Core, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return the newest runs with a `status`, of a `function`, and with a `text` in ids or events' names.

    `more` says whether there are more than the `limit`. Raises `NotFoundError` for an unknown status.
    """
    status = asked.get("status", "")
    if status and status not in set(RunStatus):
        raise NotFoundError("status", status, [each.value for each in RunStatus])
    most = limit_of(asked)
    found: list[dict[str, Any]] = []
    function, text = asked.get("function", ""), asked.get("text", "").casefold()

    def read(run_id: str) -> dict[str, Any] | None:
        owner, view = view_of(core, run_id).function_id, unseen(core, run_id)
        asked_for = not function or owner == function
        if asked_for and text:
            names = (event.name for event in view.events)
            asked_for = any(text in each.casefold() for each in (run_id, owner, *names))
        return _summary(owner, view) if asked_for and (not status or view.status == status) else None

    for summary in each_there(read, reversed(list(core.journal.runs))):
        if summary is None:
            continue
        if len(found) == most:
            return {"runs": found, "more": True}
        found.append(summary)
    return {"runs": found, "more": False}


def unseen(core: Core, run_id: str) -> Run:
    """Return a view of a run that is not a reader's: only what a test reads of a failure counts as seen."""
    return Run(run_id, "", core.journal)


def _summary(owner: str, view: Run) -> dict[str, Any]:
    waiting = view.waiting
    return {
        "id": view.id,
        "function": owner,
        "status": view.status.value,
        "started_at": moment(view.started_at),
        "ended_at": moment(view.ended_at),
        "events": [event.name for event in view.events[:3]],
        "waits": _wait(waiting[0]) if waiting else None,
        "held": [_held(held) for held in view.held[:1]],
        "error": str(view.error or "")[:200],
    }


def run_detail(core: Core, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return a run: its summary, steps, waits, timeline, graph and events. Raises `NotFoundError`."""
    run_id = asked["run_id"]
    owner, view = view_of(core, run_id).function_id, unseen(core, run_id)
    shape = core.journal.shapes.get(run_id)
    if shape is None:
        raise NotFoundError("run", run_id, reason=DROPPED)
    lines = rows(view)
    return {
        **_summary(owner, view),
        "error": error_view(view.error),
        "output": None if view.output is None else text_of(view.output),
        "events": [text_of(event.to_dict()) | {"name": event.name} for event in view.events[:20]],
        "steps": [_step(record) for record in view.steps.values()],
        "waiting": [_wait(wait) for wait in view.waiting],
        "held": [_held(held) for held in view.held],
        "timeline": [
            {"at": line.at, "step": line.step, "attempt": line.attempt, "outcome": line.outcome, "kind": line.kind}
            for line in lines[-_MOST_LINES:]
        ],
        "lines_left_out": max(0, len(lines) - _MOST_LINES),
        "graph": graph_of(view, shape),
    }


def _step(record: StepRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "status": record.status.value,
        "output": None if record.encoded_output is None else text_of(record.output),
        "error": error_view(record.error),
        "started_at": moment(record.started_at),
        "ended_at": moment(record.ended_at),
        "attempts": [_attempt(attempt) for attempt in record.attempts],
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "started_at": moment(attempt.started_at),
        "ended_at": moment(attempt.ended_at),
        "retry_at": moment(attempt.retry_at),
        "error": error_view(attempt.error),
    }


def _wait(wait: Wait) -> dict[str, Any]:
    return {
        "kind": wait.kind,
        "step": wait.step,
        "until": moment(wait.until),
        "event": wait.event,
        "match": wait.match,
        "on_timeout": wait.on_timeout,
    }


def _held(held: Held) -> dict[str, Any]:
    return {"rule": held.rule, "key": held.key, "step": held.step, "until": moment(held.until)}
