"""Runs as the page reads them: a list, newest first, and one of them with all that is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inngest_testkit.api.page.graph import graph_of
from inngest_testkit.api.page.values import error_view, limit_of, moment, text_of
from inngest_testkit.clock import FakeClock
from inngest_testkit.errors import NotFoundError
from inngest_testkit.runs import Run, RunStatus
from inngest_testkit.runs.timeline import rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from inngest_testkit.engine.core import Core
    from inngest_testkit.runs import Held
    from inngest_testkit.runs.model import Attempt, StepRecord, Wait

__all__ = ["run_detail", "run_list", "status_view"]

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
    for view in _matching(core, asked.get("function", ""), asked.get("text", "").casefold()):
        # A look at a list tells nobody of a failure: only what a test reads counts as seen.
        if status and view.status != status:
            continue
        if len(found) == most:
            return {"runs": found, "more": True}
        found.append(_summary(core, view))
    return {"runs": found, "more": False}


def _matching(core: Core, function_id: str, text: str) -> Iterator[Run]:
    journal = core.journal
    for run_id in reversed(list(journal.runs)):
        function = journal.functions[run_id]
        if function_id and function != function_id:
            continue
        names = (event.name for event in journal.run_events[run_id])
        if not text or any(text in each.casefold() for each in (run_id, function, *names)):
            yield _view(core, run_id)


def _view(core: Core, run_id: str) -> Run:
    """A view without its function is not a reader's: that a failure was seen on the page is not noted."""
    return Run(run_id, "", core.journal)


def _summary(core: Core, view: Run) -> dict[str, Any]:
    waiting = view.waiting
    return {
        "id": view.id,
        "function": core.journal.functions[view.id],
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
    core.run(run_id)
    view = _view(core, run_id)
    lines = rows(view)
    return {
        **_summary(core, view),
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
        "graph": graph_of(view, core.journal.shapes[run_id]),
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
