"""A run as a person reads it: always the newest state, derived from the history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, overload

from inngest_testkit.errors import NotFoundError
from inngest_testkit.records import quick
from inngest_testkit.runs.entries import Entry
from inngest_testkit.runs.flow import Held
from inngest_testkit.runs.model import (
    ErrorInfo,
    HistoryEntry,
    HistoryKind,
    RunStatus,
    StepRecord,
    StepStatus,
    Wait,
)
from inngest_testkit.runs.replay import Replay
from inngest_testkit.runs.timeline import render
from inngest_testkit.runs.why import not_come_to, why_not

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from inngest_testkit.events import Event
    from inngest_testkit.runs.entries import Finding, TypeChange
    from inngest_testkit.runs.journal import Journal, Shape

__all__ = ["DROPPED", "Run", "Steps"]

T = TypeVar("T")

#: Why a run that was there is not.
DROPPED = "it was over and has been dropped, see Engine(keep=...), or the engine was reset"


@quick
@dataclass(frozen=True, slots=True)
class Run:
    """One run of a function.

    The object is a view: after `engine.advance(...)` the same object tells the newer state. Attributes: `id`,
    `function_id`, `status`, `steps` (those that have begun, in that order), `output`, `error`, `events` (that
    started it), `waiting`, `held`, `history`, `started_at`, `ended_at`.
    """

    id: str
    function_id: str
    _journal: Journal = field(repr=False)

    @property
    def _entries(self) -> list[HistoryEntry]:
        return self._known(self._journal.runs.__getitem__)

    def _known(self, look_up: Callable[[str], T]) -> T:
        """Look the run up; another thread may drop it between any two looks."""
        try:
            return look_up(self.id)
        except KeyError:
            if self.id in self._journal.runs:
                raise
            raise NotFoundError("run", self.id, reason=DROPPED) from None

    @property
    def _replay(self) -> Replay:
        return self._known(self._journal.fold)

    def _look(self) -> Replay:
        """Return the state to a reader who learns from it whether the run failed."""
        state = self._replay
        if state.status is RunStatus.FAILED:
            self._failure_seen()
        return state

    def _failure_seen(self) -> None:
        # A view that does not know its function is the engine's own, not a reader's.
        if self.function_id:
            self._journal.observed[self.id] = None

    @property
    def history(self) -> tuple[HistoryEntry, ...]:
        """Every transition so far, in order."""
        self._look()
        return tuple(self._entries)

    @property
    def status(self) -> RunStatus:
        """QUEUED, RUNNING, COMPLETED, FAILED or CANCELLED."""
        return self._look().status

    @property
    def is_over(self) -> bool:
        """Whether nothing more can happen to the run."""
        return self.status.is_over

    @property
    def steps(self) -> Steps:
        """The steps that have begun, by id, in the order in which they began."""
        return Steps(self)

    @property
    def output(self) -> Any:  # noqa: ANN401 - any JSON value, and tests index it freely
        """What an app's function returned; else the output of the step that was completed last. None when none was."""
        last = self._replay.last_output
        return None if last is None else last.value

    @property
    def error(self) -> ErrorInfo | None:
        """What made the run fail: the first step that failed for good, or an edge that could not be evaluated."""
        error = self._replay.error
        if error is not None:
            self._failure_seen()
        return error

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entries of an app function's handler so far: how often the code outside of steps ran, and why."""
        calls = (entry for entry in self._entries if entry.kind is HistoryKind.CALL_ANSWERED)
        return tuple(
            Entry(
                number=number,
                at=entry.at,
                attempt=entry.attempt or 0,
                target=entry.step or "",
                trace=(),
                found=tuple(entry.data["found"]),
                status=entry.data["status"],
            )
            for number, entry in enumerate(calls)
        )

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found in the entries: steps that differ between them, that run twice, that share an id."""
        return tuple(entry.data["finding"] for entry in self._entries if entry.kind is HistoryKind.FINDING)

    @property
    def type_changes(self) -> Mapping[str, tuple[TypeChange, ...]]:
        """The steps whose value changes type in the JSON trip (a tuple becomes a list), with each change."""
        return {f.steps[0]: f.changes for f in self.findings if f.kind == "type-change"}

    @property
    def sent(self) -> tuple[str, ...]:
        """The names of the events that the run's function sent, in order."""
        return tuple(entry.data["name"] for entry in self._entries if entry.kind is HistoryKind.EVENT_SENT)

    @property
    def events(self) -> tuple[Event, ...]:
        """The events that started the run."""
        return self._known(self._journal.run_events.__getitem__)

    @property
    def waiting(self) -> tuple[Wait, ...]:
        """What the run waits for, soonest first; nothing when it is over."""
        return self._replay.waiting

    @property
    def held(self) -> tuple[Held, ...]:
        """The run's work that is due and has to wait for concurrency or throttle, in the order in which it came."""
        return tuple(Held.of_entry(entry, self.function_id) for entry in self._replay.held.values())

    @property
    def started_at(self) -> datetime:
        """When the run was created."""
        entries = self._entries
        if not entries:
            # As another thread may see it.
            raise NotFoundError("run", self.id, reason="it is just being created")
        return entries[0].at

    @property
    def ended_at(self) -> datetime | None:
        """When the run was over; None before."""
        return self._look().ended_at

    def timeline(self, *, color: bool | None = None) -> str:
        """Return what happened, one line a transition, in columns of virtual time.

        `color` asks for terminal colours (needs rich); by default there are none.
        """
        return render(self, color=bool(color))

    def why_not(self, step: str) -> str:
        """Say why a step has not run: a condition was false, a parent failed, it still waits, …."""
        return why_not(self, step)

    @property
    def _shape(self) -> Shape:
        return self._known(self._journal.shapes.__getitem__)

    @property
    def step_ids(self) -> tuple[str, ...]:
        """The ids of all steps of the function, run or not."""
        return tuple(self._shape.step_ids)

    def parents_of(self, step: str) -> tuple[tuple[str, ...], ...]:
        """The parents of each edge into a step."""
        return tuple(tuple(parents) for parents in self._shape.parents_of(step))

    def __repr__(self) -> str:
        steps = "1 step" if len(self.steps) == 1 else f"{len(self.steps)} steps"
        return f"<Run {self.id} of {self.function_id} {self.status.value}, {steps}>"


class Steps(Mapping[str, StepRecord]):
    """A run's steps by id. A missing one raises `NotFoundError`, which says why it has not run."""

    __slots__ = ("_run",)

    def __init__(self, run: Run) -> None:
        self._run = run

    @property
    def _records(self) -> Mapping[str, StepRecord]:
        return self._run._replay.steps  # noqa: SLF001 - two halves of one view

    def __getitem__(self, key: str | tuple[str, int]) -> StepRecord:
        __tracebackhide__ = True
        record = self.get(_name(key))
        if record is None:
            raise self._missing(*(key if isinstance(key, tuple) else (key, 0)))
        return record

    def _missing(self, step: str, occurrence: int) -> NotFoundError:
        if occurrence and step in self:
            uses = 1 + sum(_name((step, number)) in self for number in range(1, occurrence))
            return NotFoundError("occurrence", occurrence, reason=f"step {step!r} began {_times(uses)} in this run")
        ids = self._run.step_ids
        if step in ids:
            return NotFoundError(
                "step", step, message=f"step {step!r} of {self._run!r}", reason=self._run.why_not(step)
            )
        if not ids:
            missing = f"there is no step {step!r} in {self._run!r}"
            return NotFoundError("step", step, self, message=missing, reason=not_come_to(self._run, step))
        return NotFoundError("step", step, ids, reason=f"function {self._run.function_id!r} does not have it")

    def __contains__(self, key: object) -> bool:
        return (_name(key) if isinstance(key, tuple) else key) in self._records

    @overload
    def get(self, key: str, /) -> StepRecord | None: ...
    @overload
    def get(self, key: str, /, default: StepRecord) -> StepRecord: ...
    @overload
    def get(self, key: str, /, default: T) -> StepRecord | T: ...
    def get(self, key: str, /, default: object = None) -> object:
        """Return the step's record, or `default` when it has not begun."""
        record = self._records.get(key)
        if record is None:
            return default
        if record.status is StepStatus.FAILED:
            self._run._failure_seen()  # noqa: SLF001 - two halves of one view
        return record

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{key!r}: {record!r}" for key, record in self.items()) + "}"


def _name(key: str | tuple[str, int]) -> str:
    """Return the key of one use of a step's id; the first has the id itself."""
    step, occurrence = key if isinstance(key, tuple) else (key, 0)
    return f"{step}:{occurrence}" if occurrence else step


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
