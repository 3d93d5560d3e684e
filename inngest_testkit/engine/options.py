"""What an engine can be told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from inngest_testkit.clock import Clock, FakeClock
from inngest_testkit.data_store.base import DataStore
from inngest_testkit.drivers.base import Driver
from inngest_testkit.durations import to_timedelta
from inngest_testkit.engine.seams import Chooser, Gate
from inngest_testkit.errors import SetupError
from inngest_testkit.event_stream.base import EventStream
from inngest_testkit.flow.base import FlowStore
from inngest_testkit.queue.base import Queue
from inngest_testkit.sdk.limits import Limits
from inngest_testkit.state.base import StateStore

__all__ = ["Duration", "Keep", "Nondeterminism", "Options"]

#: A span of time as users may write it: a timedelta, a text such as `3d`, or seconds.
Duration: TypeAlias = timedelta | str | float
#: Which runs that are over an engine keeps: all, those that did not complete, or the last so many.
Keep: TypeAlias = Literal["all", "failed"] | int

#: What happens when two entries of a run disagree on their steps.
Nondeterminism: TypeAlias = Literal["warn", "error", "ignore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The arguments of an engine, see `Engine`. Raises `SetupError` for those that make no sense."""

    seed: int | str
    start: datetime | str | None
    clock: Clock | None
    auto: bool
    max_steps: int
    freeze: bool
    keep: Keep
    jitter: bool
    data: DataStore | None
    events: EventStream | None
    queue: Queue | None
    state: StateStore | None
    flow: FlowStore | None
    drivers: Iterable[Driver] | None
    chooser: Chooser | None
    gate: Gate | None
    limits: Limits
    retry_interval: Duration | None
    nondeterminism: Nondeterminism

    def __post_init__(self) -> None:
        if isinstance(self.seed, bool) or not isinstance(self.seed, (int, str)):
            raise SetupError(f"seed must be a whole number or a text, found {self.seed!r}")
        if isinstance(self.max_steps, bool) or not isinstance(self.max_steps, int) or self.max_steps < 1:
            raise SetupError(f"max_steps must be a whole number from 1, found {self.max_steps!r}")
        keep = self.keep
        if keep not in ("all", "failed") and (isinstance(keep, bool) or not isinstance(keep, int) or keep < 0):
            raise SetupError(f"keep must be 'all', 'failed' or how many finished runs to keep, found {keep!r}")
        if not isinstance(self.limits, Limits):
            raise SetupError(f"limits takes Limits(...), found {self.limits!r}")
        if self.nondeterminism not in ("warn", "error", "ignore"):
            raise SetupError(f"nondeterminism must be 'warn', 'error' or 'ignore', found {self.nondeterminism!r}")
        if self.retry_interval is not None and to_timedelta(self.retry_interval) < timedelta():
            raise SetupError(f"retry_interval cannot be negative, found {self.retry_interval!r}")
        if self.clock is not None and self.start is not None:
            raise SetupError("start= is where the engine's own clock starts; with clock= the clock says")
        if self.freeze and not isinstance(self.clock, FakeClock | None):
            raise SetupError(f"freeze=True lets the standard library tell a fake clock's time, found {self.clock!r}")
        for name in ("auto", "freeze", "jitter"):
            if not isinstance(getattr(self, name), bool):
                raise SetupError(f"{name} must be True or False, found {getattr(self, name)!r}")
