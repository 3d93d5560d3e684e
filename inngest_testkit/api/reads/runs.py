"""Runs as the reading endpoints tell of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from inngest_testkit.api.reads.functions import app_of, max_attempts
from inngest_testkit.api.reads.ids import ACCOUNT, ENVIRONMENT, received_id, rfc3339
from inngest_testkit.clock import epoch_ms
from inngest_testkit.errors import NotFoundError
from inngest_testkit.functions.app import AppPlan
from inngest_testkit.functions.model import TRIGGER
from inngest_testkit.ids import named_ulid, workflow_uuid
from inngest_testkit.queue.base import ItemKind
from inngest_testkit.runs.journal import Received
from inngest_testkit.runs.model import HistoryKind, RunStatus
from inngest_testkit.runs.replay import ENDS
from inngest_testkit.runs.view import DROPPED, Run
from inngest_testkit.sdk.protocol import Opcode
from inngest_testkit.sdk.request import hashed
from inngest_testkit.values import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from inngest_testkit.engine.core import Core
    from inngest_testkit.functions.app import Plan
    from inngest_testkit.queue.base import PendingItem
    from inngest_testkit.runs.journal import Journal
    from inngest_testkit.runs.model import HistoryEntry, StepRecord, Wait
    from inngest_testkit.values import Json

__all__ = ["RunFacts", "all_runs", "each_there", "find_run", "job_object", "run_object", "runs_of_event", "view_of"]

S = TypeVar("S")
T = TypeVar("T")

#: The status of a run as REST has it. Source: recordings/sdk `rest_reads`; the server's code, `enums.RunStatus`.
_WORDS = {
    RunStatus.QUEUED: "Scheduled",
    RunStatus.RUNNING: "Running",
    RunStatus.COMPLETED: "Completed",
    RunStatus.FAILED: "Failed",
    RunStatus.CANCELLED: "Cancelled",
}
#: What a job is about. Source: recordings/sdk `rest_reads`; the server's code, `queue.Kind`.
_KINDS = {ItemKind.SLEEP: "sleep", ItemKind.PAUSE: "pause", ItemKind.TIMEOUT: "cancel"}
_START, _EDGE = "start", "edge"


@dataclass(frozen=True)
class RunFacts:
    """A run as it was at one moment. `entries` is its history so far, `received` the events that started it."""

    id: str
    plan: Plan
    journal: Journal
    entries: tuple[HistoryEntry, ...]
    received: tuple[Received, ...]
    status: RunStatus
    steps: Mapping[str, StepRecord]
    waiting: tuple[Wait, ...]
    ended_at: datetime | None
    last_output: Json | None

    @property
    def function_id(self) -> str:
        """The function's UUID."""
        return self.plan.workflow_id

    @property
    def app_id(self) -> str:
        """The UUID of the app that the function belongs to."""
        return workflow_uuid(app_of(self.plan))

    @property
    def is_app(self) -> bool:
        """Whether the function is one of an SDK."""
        return isinstance(self.plan, AppPlan)

    @property
    def queued_at(self) -> datetime:
        """When the run was created."""
        return self.entries[0].at

    @cached_property
    def started_at(self) -> datetime | None:
        """When its work began."""
        return next((entry.at for entry in self.entries if entry.kind is HistoryKind.RUN_STARTED), None)

    @property
    def event_ids(self) -> list[str]:
        """The internal ids of the events that started it."""
        return [received_id(each.delivery, each.at) for each in self.received]

    @property
    def event_name(self) -> str | None:
        """The name that all its events have; None when they have several, and for a schedule."""
        names = {each.event.name for each in self.received}
        return names.pop() if len(names) == 1 and self.cron is None else None

    @property
    def _created(self) -> Mapping[str, Any]:
        return self.entries[0].data

    @property
    def version(self) -> int:
        """The version of the function that it executes."""
        return int(self._created["function_version"])

    @property
    def is_batch(self) -> bool:
        """Whether its events were collected."""
        return "events" in self._created

    @property
    def batch_id(self) -> str | None:
        """The id of the batch, a ULID; None when it is none."""
        return named_ulid(epoch_ms(self.queued_at), f"batch of {self.id}") if self.is_batch else None

    @property
    def cron(self) -> str | None:
        """The schedule that started it."""
        text = self._created["trigger"]
        return next((each.schedule.text for each in self.plan.triggers if each.schedule and each.text == text), None)

    @cached_property
    def _end(self) -> HistoryEntry | None:
        return next((entry for entry in reversed(self.entries) if entry.kind in ENDS), None)

    @property
    def output(self) -> Json | None:
        """What it returned, or the error that it failed with; None while it goes on, and when it was cancelled."""
        if self._end is None or self.status is RunStatus.CANCELLED:
            return None
        if self.status is RunStatus.COMPLETED:
            return self.last_output
        if "output" in self._end.data:
            given: Json = self._end.data["output"]
            return given
        error = self._end.data["error"]
        return encode({"name": error.name, "message": error.message, "stack": error.stack})

    @cached_property
    def uses_ai(self) -> bool:
        """Whether a step asked a model."""
        return any(entry.data.get("op") == Opcode.AI_GATEWAY for entry in self.entries)

    @property
    def parent_id(self) -> str | None:
        """The run that invoked this one."""
        given: Any = self.received[0].event.data.get("_inngest") if self.received else None
        correlation = given.get("correlation_id") if isinstance(given, dict) else None
        parent = str(correlation or "").partition(".")[0]
        return parent if parent in self.journal.runs else None


def find_run(core: Core, run_id: str) -> RunFacts:
    """Return a run; raises `NotFoundError`. Whoever asks learns of its failure, as a reader of `engine.runs()` does."""
    journal, wanted = core.journal, run_id.upper()
    try:
        plan: Any = journal.shapes[wanted]
        entries = tuple(journal.runs[wanted])
        state, created = journal.fold(wanted), entries[0].at
        received = tuple(
            journal.received.get(delivery) or Received(delivery, event, created)
            for delivery, event in zip(journal.received_of(wanted), journal.run_events[wanted], strict=False)
        )
    except (KeyError, IndexError):
        raise NotFoundError("run", run_id, reason=f"this engine does not have it; or {DROPPED}") from None
    if state.status is RunStatus.FAILED:
        journal.observed[wanted] = None
    waits = list(state.waits.values())
    return RunFacts(
        id=wanted,
        plan=plan,
        journal=journal,
        entries=entries,
        received=received,
        status=state.status,
        steps=dict(state.steps),
        waiting=tuple(sorted(waits, key=lambda wait: wait.until)),
        ended_at=state.ended_at,
        last_output=state.last_output,
    )


def view_of(core: Core, run_id: str) -> Run:
    """Return the view of a run.

    Raises `NotFoundError`, also when another thread drops it meanwhile, or has only begun to create it.
    """
    core.known(run_id)
    function = core.journal.functions.get(run_id)
    if function is None or not core.journal.runs.get(run_id):
        raise NotFoundError("run", run_id, reason=DROPPED)
    return Run(run_id, function, core.journal)


def each_there(read: Callable[[S], T], runs: Iterable[S]) -> Iterator[T]:
    """Yield what is read of each run, but of those for which that raises `NotFoundError`.

    So a list leaves out what another thread drops meanwhile, or has only begun to create.
    """
    for run in runs:
        try:
            found = read(run)
        except NotFoundError:
            continue
        yield found


def all_runs(core: Core) -> list[RunFacts]:
    """Return every run, in order of creation."""
    return list(each_there(partial(find_run, core), list(core.journal.runs)))


def runs_of_event(core: Core, delivery: str) -> list[RunFacts]:
    """Return the runs that an event is in, by its delivery."""
    return list(each_there(partial(find_run, core), core.journal.runs_of(delivery)))


def run_object(facts: RunFacts, environment: str) -> dict[str, Any]:
    """Return a run as `/v1/runs/{id}` shows it. The server does not fill in the version."""
    shown: dict[str, Any] = {
        "run_id": facts.id,
        "run_started_at": rfc3339(facts.queued_at),
        "function_id": facts.function_id,
        "function_version": 0,
        "environment_id": environment,
        "event_id": facts.event_ids[0],
        "batch_id": facts.batch_id,
        "cron": facts.cron,
        "status": _WORDS[facts.status],
        "ended_at": None if facts.ended_at is None else rfc3339(facts.ended_at),
    }
    output = facts.output
    if output is not None:
        shown["output"] = output.value
    return {key: value for key, value in shown.items() if value is not None or key not in ("batch_id", "cron")}


def job_object(facts: RunFacts, pending: PendingItem, position: int) -> dict[str, Any]:
    """Return a queued item of a run as `/v1/runs/{id}/jobs` shows it."""
    item, at = pending.item, epoch_ms(pending.at)
    kind = _KINDS.get(item.kind) or (_EDGE if facts.started_at else _START)
    identifier = {
        "runID": facts.id,
        "wID": facts.function_id,
        "wv": facts.version,
        "evtID": facts.event_ids[0],
        "eventIDs": facts.event_ids,
        "aID": ACCOUNT,
        "wsID": ENVIRONMENT,
        "appID": facts.app_id,
    }
    outgoing = item.edge or TRIGGER
    if facts.is_app and item.step:
        outgoing = hashed(item.step)
    data = {
        "wsID": ENVIRONMENT,
        "kind": kind,
        "identifier": identifier,
        "atts": item.attempt,
        "maxAtts": max_attempts(facts.plan),
        "payload": {"edge": {"incoming": "step" if facts.is_app else item.step, "outgoing": outgoing}},
    }
    return {
        "JobID": item.id,
        "at": rfc3339(pending.at),
        "position": position,
        "kind": kind,
        "attempt": item.attempt,
        "Raw": {"id": item.id, "at": at, "wt": at, "wfID": facts.function_id, "wsID": ENVIRONMENT, "data": data},
    }
