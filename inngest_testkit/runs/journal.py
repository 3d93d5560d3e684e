"""The engine's copy of every history; what views, timelines and reports read."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from inngest_testkit.events import INVOKED
from inngest_testkit.runs.model import HistoryKind
from inngest_testkit.runs.replay import ENDS, Replay, replay

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from inngest_testkit.events import Event
    from inngest_testkit.runs.model import HistoryEntry

__all__ = ["Journal", "Listener", "Received", "Shape"]

#: What is told of entries, in the thread that writes them down.
Listener: TypeAlias = "Callable[[HistoryEntry], None]"


# Runs whose folded state is kept, those asked for last.
_FOLDS_KEPT = 64


class Shape(Protocol):
    """What a view needs to know of the function that a run executes."""

    @property
    def step_ids(self) -> Collection[str]:
        """The ids of all its steps, in the order they were written."""
        ...

    def parents_of(self, step: str) -> Sequence[Sequence[str]]:
        """The parents of each edge into a step; an edge from several needs them all."""
        ...


@dataclass(frozen=True, slots=True)
class Received:
    """An event as it was received: `delivery` tells it from all others, also from those with its id."""

    delivery: str
    event: Event
    at: datetime


#: Events, and entries that belong to no run, that a bounded journal keeps: the last so many.
BOUND = 10_000


class Journal:
    """Histories by run, in the order in which the runs were created, and the engine's own entries.

    `runs` maps a run's id to its entries, `engine` lists the entries that belong to no run, `received` all events by
    their deliveries, `functions`, `shapes` and `run_events` what each run executes and the events that started it,
    `causes` the delivery that did, and `started` the runs that a delivery started; see `received_of` and `runs_of` for
    all events of a run, and all runs of an event.
    """

    def __init__(self, *, bounded: bool = False) -> None:
        self.runs: dict[str, list[HistoryEntry]] = {}
        most = BOUND if bounded else None
        self.engine: deque[HistoryEntry] = deque(maxlen=most)
        self.received: dict[str, Received] = {}
        self._most = most
        self.shapes: dict[str, Shape] = {}
        self.functions: dict[str, str] = {}
        self.run_events: dict[str, tuple[Event, ...]] = {}
        self.causes: dict[str, str] = {}
        self.started: dict[str, list[str]] = {}
        #: Of runs whose events came otherwise than by the delivery that started them: by which, and the reverse.
        self._received_of: dict[str, tuple[str, ...]] = {}
        self._also_in: dict[str, list[str]] = {}
        #: Runs that are not over, in order.
        self.open_runs: dict[str, None] = {}
        #: The failed runs whose failure a reader of `Run` has seen.
        self.observed: dict[str, None] = {}
        #: Told of each entry as it is written down; see `listen`.
        self.listeners: tuple[Listener, ...] = ()
        self._listening = threading.Lock()
        self._folds: dict[str, tuple[int, Replay | None]] = {}
        #: A run may be read in another thread than the engine's.
        self._folding = threading.Lock()
        self._recent: deque[HistoryEntry] = deque(maxlen=12)
        self._is_shared = False

    def listen(self, listener: Listener) -> None:
        """Tell a listener of each entry from now on; any thread may ask for it."""
        with self._listening:
            self.listeners = (*self.listeners, listener)

    def unlisten(self, listener: Listener) -> None:
        """Tell a listener of no further entry; raises `ValueError` for one that is not there."""
        with self._listening:
            left = list(self.listeners)
            left.remove(listener)
            # Another, so that whoever goes through them misses none.
            self.listeners = tuple(left)

    def share(self) -> None:
        """Let other threads read while entries are written: what `fold` returned once changes no more."""
        self._is_shared = True

    def clear(self) -> None:
        """Drop everything; whoever listens goes on listening."""
        kept: list[dict[str, Any] | deque[HistoryEntry]] = [self.runs, self.received, self.shapes, self.functions]
        kept += [self.run_events, self.causes, self.started, self.open_runs, self.observed, self.engine, self._recent]
        kept += [self._received_of, self._also_in]
        for each in kept:
            each.clear()
        with self._folding:
            self._folds.clear()

    def open(
        self,
        run_id: str,
        function_id: str,
        shape: Shape,
        events: tuple[Event, ...],
        cause: str,
        received: tuple[str, ...] = (),
    ) -> None:
        """Begin a run's history; nothing happens when it has begun.

        `cause` names the delivery that started it, `received` those by which its events came, if they are others.
        """
        if run_id not in self.runs:
            self.functions[run_id] = function_id
            self.shapes[run_id] = shape
            self.run_events[run_id] = events
            self.causes[run_id] = cause
            # Last, so that whoever finds a run finds all of it.
            self.runs[run_id] = []
            self.open_runs[run_id] = None
            self.started.setdefault(cause, []).append(run_id)
            if received:
                self._received_of[run_id] = received
                for delivery in received:
                    self._also_in.setdefault(delivery, []).append(run_id)

    def received_of(self, run_id: str) -> tuple[str, ...]:
        """Return the deliveries by which a run's events came, in their order."""
        return self._received_of.get(run_id) or (self.causes[run_id],)

    def runs_of(self, delivery: str) -> list[str]:
        """Return the runs that an event is in, also those of batches."""
        return list(dict.fromkeys([*self.started.get(delivery, ()), *self._also_in.get(delivery, ())]))

    def receive(self, received: Received) -> None:
        """Write an event down as received."""
        self.received[received.delivery] = received
        if self._most is not None and len(self.received) > self._most:
            del self.received[next(iter(self.received))]

    def append(self, entry: HistoryEntry) -> None:
        """Write an entry down."""
        self._recent.append(entry)
        if entry.run_id:
            history = self.runs.get(entry.run_id)
            if history is not None:
                history.append(entry)
                if entry.kind in ENDS:
                    self.open_runs.pop(entry.run_id, None)
        else:
            self.engine.append(entry)
        for listen in self.listeners:
            listen(entry)

    def fold(self, run_id: str) -> Replay:
        """Return the state that a run's history tells; only what is new is folded.

        Raises `KeyError` for a run that is not there.
        """
        with self._folding:
            # Read in here: what a run that is dropped meanwhile told must not be kept.
            entries = self.runs[run_id]
            length, state = self._folds.pop(run_id, (0, None))
            new = entries[length:]
            if state is not None and new and self._is_shared:
                state = state.copy()
            state = replay(state or Replay(), new)
            self._folds[run_id] = (length + len(new), state)
            if len(self._folds) > _FOLDS_KEPT:
                del self._folds[next(iter(self._folds))]
        return state

    def has(self, entry: HistoryEntry) -> bool:
        """Whether the run's history tells of this transition."""
        return any(entry.same_transition(other) for other in self.runs.get(entry.run_id, ()))

    def forget(self, run_id: str) -> None:
        """Drop a run's history."""
        self.runs.pop(run_id, None)
        with self._folding:
            self._folds.pop(run_id, None)
        self.functions.pop(run_id, None)
        self.shapes.pop(run_id, None)
        self.run_events.pop(run_id, None)
        self.observed.pop(run_id, None)
        cause = self.causes.pop(run_id, None)
        if cause is not None:
            self.started[cause].remove(run_id)
            if not self.started[cause]:
                del self.started[cause]
        for delivery in self._received_of.pop(run_id, ()):
            self._also_in[delivery].remove(run_id)
            if not self._also_in[delivery]:
                del self._also_in[delivery]

    def unobserved_failures(self) -> list[str]:
        """Return the runs that failed and that nobody has looked at since, in order of creation."""
        return [
            run_id
            for run_id, entries in list(self.runs.items())
            if run_id not in self.observed
            and any(entry.kind is HistoryKind.RUN_FAILED for entry in reversed(entries))
            # What an invoked run came to is told to the step that invoked it.
            and all(event.name != INVOKED for event in self.run_events[run_id])
        ]

    def recent(self, count: int = 12) -> list[str]:
        """Return the last entries of all runs as text."""
        entries = islice(reversed(self._recent), count)
        return [self._line(entry) for entry in reversed(list(entries))]

    def _line(self, entry: HistoryEntry) -> str:
        parts = [f"{entry.at:%Y-%m-%d %H:%M:%S}", entry.kind.value]
        if entry.step:
            parts.append(entry.step)
        if entry.kind is HistoryKind.EVENT_RECEIVED:
            parts.append(str(entry.data.get("name")))
        if entry.run_id:
            parts.append(f"of {self.functions.get(entry.run_id, 'a run that was dropped')}, run {entry.run_id}")
        return "  ".join(parts)
