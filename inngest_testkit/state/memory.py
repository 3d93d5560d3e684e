"""The state store in this process's memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

from inngest_testkit.errors import (
    IdentifierExistsError,
    NotFoundError,
    PauseLeasedError,
    PauseNotFoundError,
)
from inngest_testkit.expressions import equality_key, lookup
from inngest_testkit.functions.flow_control import IDEMPOTENCY_PERIOD
from inngest_testkit.runs.model import ErrorInfo, HistoryEntry, RunStatus
from inngest_testkit.state.base import PAUSE_LEASE, NewRun, Pause, RunState, WaitKey

if TYPE_CHECKING:
    from datetime import datetime

    from inngest_testkit.events import Event
    from inngest_testkit.values import Json

__all__ = ["MemoryStateStore"]

T = TypeVar("T")


#: Entries that are copied as fast as they are looked at through a snapshot.
_FEW = 8


class _Snapshot(Mapping[str, T], Generic[T]):
    """The first `length` entries of a dict that only grows, each with its place: a copy that costs nothing."""

    __slots__ = ("_entries", "_length", "_places")

    def __init__(self, entries: dict[str, T], places: dict[str, int]) -> None:
        self._entries, self._places, self._length = entries, places, len(entries)

    def __getitem__(self, key: str) -> T:
        if self._places[key] >= self._length:
            raise KeyError(key)
        return self._entries[key]

    def __contains__(self, key: object) -> bool:
        place = self._places.get(key)  # type: ignore[call-overload]
        return place is not None and place < self._length

    def __iter__(self) -> Iterator[str]:
        return islice(self._entries, self._length)

    def __len__(self) -> int:
        return self._length


#: The only status here of a run that is not over; taken out of its enumeration once, which is slow.
_RUNNING = RunStatus.RUNNING


@dataclass(slots=True)
class _Record:
    """One run as the store keeps it."""

    run: NewRun
    status: RunStatus = _RUNNING
    outputs: dict[str, Json] = field(default_factory=dict)
    #: The place of each output, once they are more than a few.
    places: dict[str, int] = field(default_factory=dict)
    errors: Mapping[str, ErrorInfo] = field(default_factory=dict)
    failed: tuple[str, ...] = ()
    size: int = 0
    request_version: int = -1
    pending: int = 0
    #: token -> whether it is pending
    tokens: dict[str, bool] = field(default_factory=dict)
    claims: dict[str, str] = field(default_factory=dict)
    pauses: dict[str, None] = field(default_factory=dict)
    history: list[HistoryEntry] = field(default_factory=list)

    def snapshot(self) -> RunState:
        outputs = self.outputs
        return RunState(
            self.run,
            self.status,
            self.pending,
            dict(outputs) if len(outputs) <= _FEW else _Snapshot(outputs, self._placed()),
            self.errors,
            self.failed,
            self.size,
            self.request_version,
        )

    def _placed(self) -> dict[str, int]:
        if not self.places:
            self.places = {key: place for place, key in enumerate(self.outputs)}
        return self.places


@dataclass(slots=True)
class _Waiting:
    """The pauses for one event name: all of them, and by the conditions that their events must fulfil."""

    unindexed: dict[str, int] = field(default_factory=dict)
    #: path -> key -> pause id -> sequence
    indexed: dict[tuple[str, ...], dict[str, dict[str, int]]] = field(default_factory=dict)

    def bucket(self, index: WaitKey | None) -> dict[str, int]:
        if index is None:
            return self.unindexed
        return self.indexed.setdefault(index.path, {}).setdefault(index.key, {})

    def drop(self, pause: Pause) -> None:
        self.bucket(pause.index).pop(pause.id, None)
        if pause.index is not None:
            by_key = self.indexed[pause.index.path]
            if not by_key[pause.index.key]:
                del by_key[pause.index.key]
            if not by_key:
                del self.indexed[pause.index.path]

    def buckets(self, event: Event | None) -> Iterator[dict[str, int]]:
        yield self.unindexed
        for path, by_key in self.indexed.items():
            if event is None:
                yield from by_key.values()
                continue
            key = equality_key(lookup(path, {"async": _Fields(event)}))
            if key is not None and key in by_key:
                yield by_key[key]


class _Fields(Mapping[str, object]):
    """An event's fields as expressions see them, without copying its data."""

    __slots__ = ("_event",)

    def __init__(self, event: Event) -> None:
        self._event = event

    def __getitem__(self, key: str) -> object:
        if key in ("data", "user"):
            return getattr(self._event, key)
        return self._event.to_dict()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._event.to_dict())

    def __len__(self) -> int:
        return len(self._event.to_dict())


class _Runs(dict[str, _Record]):
    """The runs by id; looking up one that is not there raises `NotFoundError`."""

    def __missing__(self, run_id: str) -> _Record:
        raise NotFoundError("run", run_id)


class MemoryStateStore:
    """Keeps runs in dicts. Loading a run costs the same however many steps it has."""

    never_suspends = True

    def __init__(self) -> None:
        self._empty()

    def _empty(self) -> None:
        self._runs = _Runs()
        #: Idempotency keys with run and cause, those created first at the front.
        self._keys: OrderedDict[str, tuple[str, str, datetime]] = OrderedDict()
        self._pauses: dict[str, Pause] = {}
        self._leases: dict[str, tuple[str, datetime]] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._sequence = 0

    async def reset(self) -> None:
        """Drop everything, as if it were new."""
        self._empty()

    async def create(self, run: NewRun) -> RunState:
        """See `StateStore.create`."""
        self._expire_keys(run.created_at)
        run_id, cause, _ = self._keys.get(run.key, (run.run_id, run.cause, None))
        if cause != run.cause:
            raise IdentifierExistsError(run.key, run_id)
        record = self._runs.get(run_id)
        if record is None:
            record = self._runs[run.run_id] = _Record(run)
            self._keys.pop(run.key, None)
            self._keys[run.key] = (run.run_id, run.cause, run.created_at)
        return record.snapshot()

    def _expire_keys(self, now: datetime) -> None:
        while self._keys:
            key = next(iter(self._keys))
            if now - self._keys[key][2] < IDEMPOTENCY_PERIOD:
                return
            del self._keys[key]

    async def load(self, run_id: str) -> RunState:
        """See `StateStore.load`."""
        return self._runs[run_id].snapshot()

    async def schedule(self, run_id: str, token: str) -> bool:
        """See `StateStore.schedule`."""
        record = self._runs[run_id]
        if token in record.tokens or record.status is not _RUNNING:
            return False
        record.tokens[token] = True
        record.pending += 1
        return True

    async def is_scheduled(self, run_id: str, token: str) -> bool:
        """See `StateStore.is_scheduled`."""
        return token in self._runs[run_id].tokens

    async def claim(self, run_id: str, step: str, token: str) -> bool:
        """See `StateStore.claim`."""
        return self._runs[run_id].claims.setdefault(step, token) == token

    async def save_output(self, run_id: str, step: str, output: Json) -> bool:
        """See `StateStore.save_output`."""
        record = self._runs[run_id]
        if step in record.outputs:
            return False
        if record.places:
            record.places[step] = len(record.outputs)
        record.outputs[step] = output
        record.size += len(output.raw)
        if step in record.errors:
            record.errors = {key: error for key, error in record.errors.items() if key != step}
        return True

    async def save_request_version(self, run_id: str, version: int) -> None:
        """See `StateStore.save_request_version`."""
        self._runs[run_id].request_version = version

    async def save_error(self, run_id: str, step: str, error: ErrorInfo, *, final: bool) -> None:
        """See `StateStore.save_error`."""
        record = self._runs[run_id]
        if step in record.outputs:
            return
        # A new mapping each time, so that snapshots keep theirs.
        record.errors = {**record.errors, step: error}
        if final and step not in record.failed:
            record.failed = (*record.failed, step)

    async def finalise(self, run_id: str, token: str) -> int:
        """See `StateStore.finalise`."""
        record = self._runs[run_id]
        if record.status is not _RUNNING:
            return 0
        if record.tokens.get(token):
            record.pending -= 1
        record.tokens[token] = False
        return record.pending

    async def end(self, run_id: str, status: RunStatus) -> bool:
        """See `StateStore.end`."""
        record = self._runs[run_id]
        if record.status is not _RUNNING:
            return False
        record.status, record.pending = status, 0
        if record.pauses:
            for pause_id in [key for key in record.pauses if key in self._pauses]:
                await self.consume_pause(pause_id)
        # Nothing is asked of them once the run is over.
        for kept in (record.tokens, record.claims, record.pauses):
            kept.clear()
        return True

    async def save_pause(self, pause: Pause) -> bool:
        """See `StateStore.save_pause`."""
        record = self._runs[pause.run_id]
        if pause.id in record.pauses or record.status.is_over:
            return False
        record.pauses[pause.id] = None
        self._sequence += 1
        self._pauses[pause.id] = pause
        self._waiting.setdefault(pause.event, _Waiting()).bucket(pause.index)[pause.id] = self._sequence
        return True

    async def lease_pause(self, pause_id: str, now: datetime, *, owner: str) -> None:
        """See `StateStore.lease_pause`."""
        pause = self._pauses.get(pause_id)
        if pause is None or pause.expires < now:
            raise PauseNotFoundError(pause_id)
        holder, until = self._leases.get(pause_id, (owner, now))
        if holder != owner and until > now:
            raise PauseLeasedError(pause_id, until)
        self._leases[pause_id] = (owner, now + PAUSE_LEASE)

    async def pause_leased_until(self, pause_id: str, now: datetime) -> datetime | None:
        """See `StateStore.pause_leased_until`."""
        _, until = self._leases.get(pause_id, ("", now))
        return until if until > now else None

    async def consume_pause(self, pause_id: str) -> None:
        """See `StateStore.consume_pause`."""
        pause = self._pauses.pop(pause_id, None)
        if pause is None:
            raise PauseNotFoundError(pause_id)
        self._leases.pop(pause_id, None)
        waiting = self._waiting[pause.event]
        waiting.drop(pause)
        if not waiting.unindexed and not waiting.indexed:
            del self._waiting[pause.event]

    async def pauses_by_event(self, name: str, event: Event | None = None) -> Sequence[Pause]:
        """See `StateStore.pauses_by_event`."""
        waiting = self._waiting.get(name)
        if waiting is None:
            return ()
        # Another thread than the engine's may ask, while one is saved or consumed.
        found = [list(bucket.items()) for bucket in waiting.buckets(event) if bucket]
        buckets = [[(sequence, key) for key, sequence in bucket] for bucket in found]
        return [pause for _, key in merge(*buckets) if (pause := self._pauses.get(key)) is not None]

    async def pause_by_step(self, run_id: str, parent: str) -> Pause:
        """See `StateStore.pause_by_step`."""
        record = self._runs.get(run_id)
        for pause_id in record.pauses if record else ():
            pause = self._pauses.get(pause_id)
            if pause is not None and pause.parent == parent:
                return pause
        raise PauseNotFoundError(f"of run {run_id} after step {parent!r}")

    async def pause_by_id(self, pause_id: str) -> Pause:
        """See `StateStore.pause_by_id`."""
        pause = self._pauses.get(pause_id)
        if pause is None:
            raise PauseNotFoundError(pause_id)
        return pause

    async def append(self, entry: HistoryEntry, *, once: bool = False) -> bool:
        """See `StateStore.append`."""
        history = self._runs[entry.run_id].history
        if once and any(entry.same_transition(other) for other in history):
            return False
        history.append(entry)
        return True

    async def history(self, run_id: str) -> Sequence[HistoryEntry]:
        """See `StateStore.history`."""
        return tuple(self._runs[run_id].history)

    async def delete(self, run_id: str) -> None:
        """See `StateStore.delete`."""
        record = self._runs.get(run_id)
        if record is not None:
            await self.end(run_id, RunStatus.CANCELLED)
            del self._runs[run_id]
