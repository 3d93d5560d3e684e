"""What the types of the server's GraphQL hold: each object is a mapping, what costs more than a look is a callable."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from inngest_testkit.api.graphql.spans import span_object
from inngest_testkit.api.reads.events import compact, event_fields
from inngest_testkit.api.reads.functions import app_of, config_of, configuration_of
from inngest_testkit.api.reads.ids import ENVIRONMENT, received_id
from inngest_testkit.api.reads.runs import RunFacts, runs_of_event
from inngest_testkit.api.reads.spans import trace_id, trace_of
from inngest_testkit.functions.model import HttpRuntime
from inngest_testkit.functions.plan import FunctionPlan
from inngest_testkit.ids import workflow_uuid
from inngest_testkit.runs.model import RunStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inngest_testkit.engine.core import Core
    from inngest_testkit.functions.app import Plan
    from inngest_testkit.runs.journal import Received

__all__ = [
    "Object",
    "app_object",
    "event_object",
    "event_v2_object",
    "function_object",
    "function_run_object",
    "occurred_at",
    "page_info",
    "payload",
    "run_object",
]

#: An object of GraphQL: a field is a value, or what is called with the query's info and the field's arguments.
Object: TypeAlias = dict[str, Any]

_FAILURE = "-failure"


def page_info(cursors: Sequence[str], *, has_next: bool, has_previous: bool) -> Object:
    """Return what a page of a list says of itself."""
    return {
        "hasNextPage": has_next,
        "hasPreviousPage": has_previous,
        "startCursor": cursors[0] if cursors else None,
        "endCursor": cursors[-1] if cursors else None,
    }


# -- events


def payload(received: Received) -> str:
    """Return an event as JSON text, as it was sent."""
    return compact(event_fields(received.event))


def occurred_at(received: Received) -> datetime:
    """Return the moment that an event names, its `ts`; that of its receipt when it names none that a date can hold."""
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=received.event.ts or 0)
    except OverflowError:
        return received.at


def event_object(core: Core, received: Received) -> Object:
    """Return an event as an `Event`."""
    event = received.event

    def runs(*_: object) -> list[Object]:
        return [function_run_object(core, each) for each in runs_of_event(core, received.delivery)]

    return {
        "id": received_id(received.delivery, received.at),
        "externalID": event.id or None,
        "name": event.name,
        "createdAt": occurred_at(received) if event.ts else received.at,
        "payload": compact(dict(event.data)),
        "raw": payload(received),
        "status": lambda *_: _event_status(_statuses(core, received)),
        "pendingRuns": lambda *_: sum(not each.is_over for each in _statuses(core, received)),
        "totalRuns": lambda *_: len(_statuses(core, received)),
        "functionRuns": runs,
    }


def _statuses(core: Core, received: Received) -> list[RunStatus]:
    return [each.status for each in runs_of_event(core, received.delivery)]


def _event_status(statuses: Sequence[RunStatus]) -> str:
    """Return what became of an event. Source: the server's code, `event.resolver.go`."""
    failed = sum(status is RunStatus.FAILED for status in statuses)
    if not statuses:
        return "NO_FUNCTIONS"
    if failed:
        return "FAILED" if failed == len(statuses) else "PARTIALLY_FAILED"
    return "COMPLETED" if all(status.is_over for status in statuses) else "RUNNING"


def event_v2_object(core: Core, received: Received) -> Object:
    """Return an event as an `EventV2`."""
    event = received.event
    raw = {"data": dict(event.data), "id": event.id, "name": event.name, "ts": event.ts, "v": event.v}
    return {
        "envID": ENVIRONMENT,
        "id": received_id(received.delivery, received.at),
        "idempotencyKey": event.id,
        "name": event.name,
        "occurredAt": occurred_at(received) if event.ts else received.at,
        "raw": compact(raw),
        "receivedAt": received.at,
        "runs": lambda *_: [run_object(core, each) for each in runs_of_event(core, received.delivery)],
        "version": event.v,
    }


# -- apps and functions


def app_object(core: Core, app_id: str) -> Object:
    """Return an app, with what it said of itself when it registered."""
    registration = core.serving.registrations.get(app_id)
    language, _, version = (registration.sdk if registration else "").partition(":")
    plans = [plan for plan in list(core.plans.values()) if app_of(plan) == app_id]
    return {
        "id": workflow_uuid(app_id),
        "externalID": app_id,
        "name": app_id,
        "sdkLanguage": language,
        "sdkVersion": version,
        "framework": (registration.framework if registration else "") or None,
        "url": (registration.url if registration else "") or None,
        "method": "SERVE",
        "functionCount": len(plans),
        "functions": lambda *_: [function_object(core, plan) for plan in plans],
    }


def function_object(core: Core, plan: Plan) -> Object:
    """Return a function of either kind."""
    function, flow = plan.function, plan.flow
    config = config_of(plan, None)
    limits = () if flow is None else [each.limit for each in flow.concurrency if each.key is None]

    def failure_handler(*_: object) -> Object | None:
        handler = core.plans.get(f"{function.id}{_FAILURE}")
        return None if handler is None else function_object(core, handler)

    return {
        "id": plan.workflow_id,
        "name": function.name,
        "slug": function.id,
        "config": compact(config),
        "configuration": lambda *_: configuration_of(plan),
        "concurrency": min(limits, default=0),
        "triggers": [
            {"type": "CRON", "value": each.cron, "condition": None}
            if each.cron is not None
            else {"type": "EVENT", "value": each.event or "", "condition": each.expression}
            for each in function.triggers
        ],
        "url": _url(plan, config),
        "failureHandler": failure_handler,
        "appID": workflow_uuid(app_of(plan)),
        "app": lambda *_: app_object(core, app_of(plan)),
    }


def _url(plan: Plan, config: Object) -> str:
    """Return where a function is called: its one step's address, or that of the first step that has one."""
    if isinstance(plan, FunctionPlan):
        runtimes = (step.runtime for step in plan.function.steps)
        return next((each.url for each in runtimes if isinstance(each, HttpRuntime)), "")
    return next((str(step["uri"] or "") for step in config["steps"]), "")


# -- runs


def _output(facts: RunFacts) -> str | None:
    output = facts.output
    return None if output is None else compact(output.value)


def run_object(core: Core, facts: RunFacts) -> Object:
    """Return a run as a `FunctionRunV2`."""
    return {
        "id": facts.id,
        "appID": facts.app_id,
        "app": lambda *_: app_object(core, app_of(facts.plan)),
        "functionID": facts.function_id,
        "function": lambda *_: function_object(core, facts.plan),
        "traceID": trace_id(facts.id),
        "queuedAt": facts.queued_at,
        "startedAt": facts.started_at,
        "endedAt": facts.ended_at,
        "status": facts.status.value,
        "sourceID": facts.parent_id,
        "triggerIDs": facts.event_ids,
        "eventName": facts.event_name,
        "isBatch": facts.is_batch,
        "batchCreatedAt": facts.queued_at if facts.is_batch else None,
        "cronSchedule": facts.cron,
        "output": lambda *_: _output(facts),
        "trace": lambda *_, preview=None: span_object(core, facts, trace_of(facts)),
        "hasAI": facts.uses_ai,
    }


def function_run_object(core: Core, facts: RunFacts) -> Object:
    """Return a run as a `FunctionRun`."""
    events = [each for each in facts.received if each.delivery in core.journal.received]
    waits = [wait for wait in facts.waiting if wait.kind == "event"]
    return {
        "id": facts.id,
        "functionID": facts.function_id,
        "function": lambda *_: function_object(core, facts.plan),
        "event": lambda *_: event_object(core, events[0]) if events else None,
        "events": lambda *_: [event_object(core, each) for each in events],
        "eventID": facts.event_ids[0],
        "batchID": facts.batch_id,
        "batchCreatedAt": facts.queued_at if facts.is_batch else None,
        "status": facts.status.value,
        "waitingFor": {
            "eventName": waits[0].event,
            "expression": waits[0].match,
            "expiryTime": waits[0].until,
        }
        if waits
        else None,
        "startedAt": facts.queued_at,
        "finishedAt": facts.ended_at,
        "output": lambda *_: _output(facts),
        "cron": facts.cron,
    }
