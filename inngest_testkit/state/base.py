"""The contract of a state store: runs, step outputs, pauses and histories.

Every write can be repeated: a store takes one that it already has as done. `contracts.state` tests all of it.
Source: recordings/dag README, "State store contract".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from inngest_testkit.records import quick
from inngest_testkit.runs.model import OVER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inngest_testkit.events import Event
    from inngest_testkit.runs.model import ErrorInfo, HistoryEntry, RunStatus
    from inngest_testkit.values import Json

__all__ = ["PAUSE_LEASE", "NewRun", "Pause", "PauseKind", "RunState", "StateStore", "WaitKey", "signal_event"]

#: How long a leased pause is kept from other workers.
PAUSE_LEASE = timedelta(seconds=5)


@quick
@dataclass(frozen=True, slots=True)
class NewRun:
    """What a run is created with. `key` is the idempotency key, `cause` the delivery of the event that asks for it.

    `batch` holds the events after the first. `priority` is in seconds, `keys` are the values of the keys by which flow
    control counts the run, and `lock` what it keeps other runs from while it is alive.
    """

    run_id: str
    function_id: str
    function_version: int
    workflow_id: str
    key: str
    cause: str
    event: Json
    created_at: datetime
    #: The app that the function belongs to; empty for a DAG function.
    app_id: str = ""
    batch: tuple[Json, ...] = ()
    priority: int = 0
    keys: tuple[str, ...] = ()
    lock: str = ""


@quick
@dataclass(frozen=True, slots=True)
class RunState:
    """A run as it was when it was loaded; later writes do not show in it.

    `outputs` and `errors` are by step id, `outputs` in the order in which they were saved; `size` is the bytes of all
    outputs; `failed` the steps that failed for good, in that order; `pending` is how many pieces of work are not
    finalised. Of an app's function, an output is the memo that its calls carry.
    """

    run: NewRun
    status: RunStatus
    pending: int
    outputs: Mapping[str, Json]
    errors: Mapping[str, ErrorInfo]
    failed: Sequence[str]
    size: int = 0
    #: The version of the protocol that the app answered with, -1 before its first answer.
    request_version: int = -1

    @property
    def is_over(self) -> bool:
        """Whether the run has ended."""
        return self.status in OVER


@dataclass(frozen=True, slots=True)
class WaitKey:
    """An equality that a pause's event must fulfil: the value at `path` of the event has this `key`."""

    path: tuple[str, ...]
    key: str


class PauseKind(StrEnum):
    """What waits for the event."""

    #: An edge of a DAG function.
    EDGE = "edge"
    #: A step of an app's function that waits for an event.
    WAIT = "wait"
    #: A step of an app's function that waits for the run that it invoked.
    INVOKE = "invoke"
    #: A step of an app's function that waits for a signal; `event` is `signal_event` of its name.
    SIGNAL = "signal"
    #: A run that the event cancels.
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Pause:
    """An edge or a step of a run that waits for an event.

    `id` is derived from run and edge; `match` is the expression's text; `index`, if any, is a condition on the event
    that `match` (or `correlation`) implies, so that a store need not offer the pause to events that fail it. Of a step,
    `child` is its key and `edge` what the run counts as pending; `correlation` is what the event that ends an invoked
    run names, `race` whether the step belongs to a parallel group in race mode.
    """

    id: str
    run_id: str
    edge: str
    parent: str
    child: str
    event: str
    match: str | None
    expires: datetime
    on_timeout: bool
    index: WaitKey | None = None
    function_id: str = ""
    kind: PauseKind = PauseKind.EDGE
    correlation: str = ""
    race: bool = False


def signal_event(signal: str) -> str:
    """Return what a pause for a signal has as the event's name; no event is taken for it."""
    return f"signal/{signal}"


class StateStore(Protocol):
    """Keeps runs. Unknown run ids raise `NotFoundError`, unless a method says otherwise."""

    async def create(self, run: NewRun) -> RunState:
        """Create a run with nothing pending.

        Raises `IdentifierExistsError` when a run of another cause has the key, which was created less than 24 hours
        (`IDEMPOTENCY_PERIOD`) before, deleted or not. Repeated with the same key and cause, also under a new run id, it
        changes nothing and returns the state of the run that is there.
        """
        ...

    async def load(self, run_id: str) -> RunState:
        """Return a snapshot of the run."""
        ...

    async def schedule(self, run_id: str, token: str) -> bool:
        """Count a piece of work as pending; False when the token is known, pending or finalised, or the run is over."""
        ...

    async def is_scheduled(self, run_id: str, token: str) -> bool:
        """Whether the token is known, pending or finalised."""
        ...

    async def claim(self, run_id: str, step: str, token: str) -> bool:
        """Give a step to the first token that asks; True for that token, also again, and False for others."""
        ...

    async def save_output(self, run_id: str, step: str, output: Json) -> bool:
        """Store a step's output and drop its error; False when it has an output, which stays."""
        ...

    async def save_request_version(self, run_id: str, version: int) -> None:
        """Keep the version of the protocol that the run's app answered with."""
        ...

    async def save_error(self, run_id: str, step: str, error: ErrorInfo, *, final: bool) -> None:
        """Store a step's error, unless the step has an output; `final` marks the step as failed for good."""
        ...

    async def finalise(self, run_id: str, token: str) -> int:
        """Count a piece of work as done; return how many are pending.

        Repeated, or unknown, it lowers nothing; an unknown token is known from then on, as done.
        """
        ...

    async def end(self, run_id: str, status: RunStatus) -> bool:
        """End the run: nothing is pending, its pauses are gone. False when it was over."""
        ...

    async def save_pause(self, pause: Pause) -> bool:
        """Keep a pause; False when a pause of this id was ever saved, or its run is over."""
        ...

    async def lease_pause(self, pause_id: str, now: datetime, *, owner: str) -> None:
        """Keep a pause from all but its owner for `PAUSE_LEASE`; the owner may lease it again.

        Raises `PauseNotFoundError` (unknown, consumed, or expired before `now`) or `PauseLeasedError`.
        """
        ...

    async def pause_leased_until(self, pause_id: str, now: datetime) -> datetime | None:
        """Return when the lease of a pause ends; None when it is not leased at `now`, or not there."""
        ...

    async def consume_pause(self, pause_id: str) -> None:
        """Remove a pause, expired or not; raises `PauseNotFoundError` when it is unknown or consumed."""
        ...

    async def pauses_by_event(self, name: str, event: Event | None = None) -> Sequence[Pause]:
        """Return the pauses for an event's name, oldest first, expired ones included.

        With the event, a store may leave out those whose `index` the event fails.
        """
        ...

    async def pause_by_step(self, run_id: str, parent: str) -> Pause:
        """Return the oldest pause whose parent is that step; raises `PauseNotFoundError`."""
        ...

    async def pause_by_id(self, pause_id: str) -> Pause:
        """Return a pause that was not consumed, also an expired one; raises `PauseNotFoundError`."""
        ...

    async def append(self, entry: HistoryEntry, *, once: bool = False) -> bool:
        """Append to the history of the entry's run; `once`: not when the same transition is in it (then False)."""
        ...

    async def history(self, run_id: str) -> Sequence[HistoryEntry]:
        """Return a run's history, oldest first."""
        ...

    async def delete(self, run_id: str) -> None:
        """Forget a run, but not its idempotency key while that counts; nothing happens when it is unknown."""
        ...
