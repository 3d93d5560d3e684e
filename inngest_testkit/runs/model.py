"""The records that a run is made of."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from inngest_testkit.records import quick
from inngest_testkit.runs.entries import Finding
from inngest_testkit.values import Json, JsonValue

__all__ = [
    "EMPTY",
    "OVER",
    "Attempt",
    "ErrorInfo",
    "HistoryEntry",
    "HistoryKind",
    "RunStatus",
    "StepRecord",
    "StepStatus",
    "Wait",
]

#: The data of an entry that has none; shared, because most have none.
EMPTY: Mapping[str, Any] = MappingProxyType({})


class RunStatus(StrEnum):
    """Where a run stands; the names are the server's."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_over(self) -> bool:
        """Whether nothing more can happen to the run."""
        return self in OVER


#: Where a run stands to which nothing more can happen.
OVER = frozenset({RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED})


class StepStatus(StrEnum):
    """Where a step that has begun stands."""

    RUNNING = "RUNNING"
    WAITING = "WAITING"
    RETRYING = "RETRYING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class HistoryKind(StrEnum):
    """The transitions of a run, and (without a run) of the engine."""

    RUN_CREATED = "run.created"
    RUN_STARTED = "run.started"
    HELD = "held"
    RUN_COMPLETED = "run.completed"
    RUN_FAILED = "run.failed"
    RUN_CANCELLED = "run.cancelled"
    EDGE_TAKEN = "edge.taken"
    EDGE_NOT_TAKEN = "edge.not_taken"
    CALL_ANSWERED = "call.answered"
    CALL_FAILED = "call.failed"
    STEP_VISITED_AGAIN = "step.visited_again"
    STEP_PLANNED = "step.planned"
    STEP_STARTED = "step.started"
    STEP_TAKES = "step.takes"
    STEP_COMPLETED = "step.completed"
    STEP_FAILED = "step.failed"
    SLEEP_BEGAN = "sleep.began"
    PAUSE_SAVED = "pause.saved"
    PAUSE_RESUMED = "pause.resumed"
    PAUSE_TIMED_OUT = "pause.timed_out"
    PAUSE_CONSUMED = "pause.consumed"
    FINDING = "finding"
    EVENT_SENT = "event.sent"
    EVENT_RECEIVED = "event.received"
    EVENT_DROPPED = "event.dropped"
    TRIGGER_FAILED = "trigger.failed"


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """An error as JSON can hold it: the exception's `name`, its `message`, and the `stack` as text.

    `place` is the line of the step's code that raised it, such as `flows.py:4 in pay`; empty when there is none.
    """

    name: str
    message: str
    stack: str = ""
    place: str = ""

    @classmethod
    def from_exception(cls, error: BaseException) -> ErrorInfo:
        """Describe an exception; of a group, its members too."""
        stack = "".join(traceback.format_exception(error))
        return cls(type(error).__name__, _storable(_message(error)), _storable(stack), _place(error))

    def to_dict(self) -> dict[str, JsonValue]:
        """Return the error as JSON."""
        return {"name": self.name, "message": self.message, "stack": self.stack, "place": self.place}

    def __str__(self) -> str:
        return f"{self.name}: {self.message}" if self.message else self.name

    def __repr__(self) -> str:
        return f"ErrorInfo({str(self)!r})"


def _storable(text: str) -> str:
    """A text may hold half a surrogate pair, which no store takes."""
    return text.encode(errors="replace").decode()


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception as second:  # noqa: BLE001 - an exception's own code may be broken
        return f"(its message cannot be shown: {type(second).__name__})"
    if isinstance(error, BaseExceptionGroup):
        members = "; ".join(f"{type(each).__name__}: {_message(each)}" for each in error.exceptions)
        return f"{text}: {members}"
    return text


def _place(error: BaseException) -> str:
    """The innermost line outside of this package and of what is installed."""
    found = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        path = Path(frame.f_code.co_filename)
        if not _PACKAGES & set(path.parts) and not path.parts[0].startswith("<"):
            found = f"{path.name}:{line} in {frame.f_code.co_name}"
    return found


#: Folders whose code is not the user's.
_PACKAGES = {"inngest_testkit", "site-packages", "asyncio"}


@quick
@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One transition: when (virtual time), what, of which run, step and attempt, and its particulars.

    `data` holds plain values, moments, `ErrorInfo` and `Json`; `to_dict()` gives all of it as JSON.
    """

    at: datetime
    kind: HistoryKind
    run_id: str = ""
    step: str | None = None
    attempt: int | None = None
    data: Mapping[str, Any] = field(default_factory=lambda: EMPTY)

    def same_transition(self, other: HistoryEntry) -> bool:
        """Whether both tell of one transition, whenever it was written down."""
        return (
            self.kind is other.kind
            and self.step == other.step
            and (self.attempt == other.attempt or self.kind is HistoryKind.STEP_COMPLETED)
            and self.data.get("edge") == other.data.get("edge")
            and self.data.get("event_id") == other.data.get("event_id")
            and self.data.get("function_id") == other.data.get("function_id")
        )

    def to_dict(self) -> dict[str, JsonValue]:
        """Return the entry as JSON, with its keys in a fixed order."""
        return {
            "at": self.at.isoformat(),
            "kind": self.kind.value,
            "run_id": self.run_id,
            "step": self.step,
            "attempt": self.attempt,
            "data": {key: _plain(self.data[key]) for key in sorted(self.data)},
        }

    def __repr__(self) -> str:
        parts = [f"{self.at:%Y-%m-%d %H:%M:%S}", self.kind.value]
        if self.step is not None:
            parts.append(self.step)
        if self.attempt:
            parts.append(f"attempt {self.attempt}")
        return f"<{' '.join(parts)}>"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One execution of a step: `number` counts from 0; without an end it is in flight."""

    number: int
    started_at: datetime
    ended_at: datetime | None = None
    error: ErrorInfo | None = None
    retry_at: datetime | None = None

    @property
    def duration(self) -> timedelta | None:
        """How long it took in virtual time; None while it is in flight."""
        return None if self.ended_at is None else self.ended_at - self.started_at

    def __repr__(self) -> str:
        outcome = "in flight" if self.ended_at is None else str(self.error) if self.error else "ok"
        return f"<Attempt {self.number} {outcome}>"


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What became of one step of a run. `output` decodes anew at each access."""

    id: str
    status: StepStatus
    attempts: tuple[Attempt, ...]
    encoded_output: Json | None = None

    @property
    def output(self) -> Any:  # noqa: ANN401 - any JSON value, and tests index it freely
        """The step's output as a later step sees it (plain JSON); None when there is none."""
        return None if self.encoded_output is None else self.encoded_output.value

    @property
    def error(self) -> ErrorInfo | None:
        """The last attempt's error, if it failed."""
        return self.attempts[-1].error if self.attempts else None

    @property
    def started_at(self) -> datetime:
        """When the first attempt began."""
        return self.attempts[0].started_at

    @property
    def ended_at(self) -> datetime | None:
        """When the step was completed or failed for good; None before."""
        over = self.status in (StepStatus.COMPLETED, StepStatus.FAILED)
        return self.attempts[-1].ended_at if over else None

    def __repr__(self) -> str:
        count = f" after {len(self.attempts)} attempts" if len(self.attempts) > 1 else ""
        return f"<StepRecord {self.id} {self.status.value}{count}>"


@dataclass(frozen=True, slots=True)
class Wait:
    """What a run waits for before `step` can begin, and until when.

    `kind` is `time` (an edge's wait), `sleep`, `event` (an event, or its time-out), `signal` (the signal that `event`
    names), `invoke` (the run of the function that `event` names), `retry` (the next attempt) or `step` (a step in
    flight). For `event`, `event` and `match` say what would end the wait, and `on_timeout` which way round.
    """

    kind: str
    step: str
    until: datetime
    event: str | None = None
    match: str | None = None
    on_timeout: bool = False

    def __repr__(self) -> str:
        what = f" for {self.event!r}" if self.event else ""
        return f"<Wait {self.kind} of {self.step}{what} until {self.until:%Y-%m-%d %H:%M:%S}>"


def _plain(value: object) -> JsonValue:
    if isinstance(value, Json):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, ErrorInfo):
        return {"name": value.name, "message": value.message}
    if isinstance(value, Finding):
        return {"kind": value.kind, "message": value.message, "steps": list(value.steps)}
    return value  # type: ignore[return-value]
