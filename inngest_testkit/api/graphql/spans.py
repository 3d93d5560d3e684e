"""A run's trace as GraphQL tells it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from inngest_testkit.api.reads.ids import received_id
from inngest_testkit.api.reads.spans import Span, output_id, span_id, trace_id
from inngest_testkit.lifecycle.steps import step_token
from inngest_testkit.runs.model import HistoryKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inngest_testkit.api.reads.runs import RunFacts
    from inngest_testkit.engine.core import Core
    from inngest_testkit.runs.journal import Journal
    from inngest_testkit.runs.model import HistoryEntry

__all__ = ["span_object"]

_MILLISECOND = timedelta(milliseconds=1)


def span_object(core: Core, facts: RunFacts, span: Span) -> dict[str, Any]:
    """Return a span of a run's trace as a `RunTraceSpan`."""
    over = span.started_at is not None and span.ended_at is not None and span.is_over
    parent = span.parent
    return {
        "appID": facts.app_id,
        "functionID": facts.function_id,
        "runID": facts.id,
        "run": lambda *_: _run(core, facts),
        "spanID": span_id(facts.id, span.key),
        "traceID": trace_id(facts.id),
        "name": span.name,
        "status": span.status,
        "attempts": span.attempts,
        "duration": (span.ended_at - span.started_at) // _MILLISECOND if over else None,  # type: ignore[operator]
        "outputID": output_id(facts.id, span),
        "queuedAt": span.queued_at,
        "startedAt": span.started_at,
        "endedAt": span.ended_at,
        "childrenSpans": lambda *_: [span_object(core, facts, child) for child in span.children],
        "stepOp": span.op,
        "stepID": span.step_id,
        "stepInfo": lambda *_: _step_info(facts, span),
        "stepType": span.op or "",
        "isRoot": parent is None,
        "parentSpanID": None if parent is None else span_id(facts.id, parent.key),
        "parentSpan": lambda *_: None if parent is None else span_object(core, facts, parent),
    }


def _run(core: Core, facts: RunFacts) -> dict[str, Any]:
    from inngest_testkit.api.graphql.objects import function_run_object

    return function_run_object(core, facts)


def _step_info(facts: RunFacts, span: Span) -> dict[str, Any] | None:
    """Return what a step waits for, or waited for; None for one that does not wait."""
    told = {entry.kind: entry for entry in span.entries}
    if span.op == "SLEEP":
        slept = told.get(HistoryKind.SLEEP_BEGAN) or told.get(HistoryKind.EDGE_TAKEN)
        return None if slept is None else {"__typename": "SleepStepInfo", "sleepUntil": slept.data["until"]}
    saved = told.get(HistoryKind.PAUSE_SAVED)
    if saved is None:
        return None
    resumed, timed_out = told.get(HistoryKind.PAUSE_RESUMED), HistoryKind.PAUSE_TIMED_OUT in told
    waited = {"timeout": saved.data["until"], "timedOut": timed_out if resumed or timed_out else None}
    if span.op == "INVOKE":
        return {"__typename": "InvokeStepInfo", **waited, **_invocation(facts, span, saved.data)}
    if span.op == "WAIT_FOR_SIGNAL":
        return {"__typename": "WaitForSignalStepInfo", **waited, "signal": saved.data["signal"]}
    found = None if resumed is None else _found(facts.journal, resumed)
    awaited = {"eventName": saved.data["event"], "expression": saved.data["match"], "foundEventID": found}
    return {"__typename": "WaitForEventStepInfo", **waited, **awaited}


def _invocation(facts: RunFacts, span: Span, saved: Mapping[str, Any]) -> dict[str, Any]:
    journal = facts.journal
    delivery = f"{facts.id}/{step_token(span.step or '')}/pause/invoked"
    runs = journal.runs_of(f"{delivery}/invoked")
    # Of a batch, each step that invoked it is told by an event of its own.
    ends = [journal.received.get(f"{run}/finished") for run in runs]
    returned = next((received_id(end.delivery, end.at) for end in ends if end is not None), None)
    sent = journal.received.get(delivery)
    return {
        "triggeringEventID": received_id(delivery, saved["until"] if sent is None else sent.at),
        "functionID": saved["invokes"],
        "runID": runs[0] if runs else None,
        "returnEventID": returned,
    }


def _found(journal: Journal, resumed: HistoryEntry) -> str | None:
    """Return the internal id of the event that ended a wait: the last of its name and id that came by then."""
    for received in reversed(list(journal.received.values())):
        event = received.event
        if (event.name, event.id) == (resumed.data["event"], resumed.data["event_id"]) and received.at <= resumed.at:
            return received_id(received.delivery, received.at)
    return None
