"""What flow control did, as a person reads it: what it dropped, and what it holds back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from inngest_testkit.durations import format_moment
from inngest_testkit.runs.model import HistoryKind

if TYPE_CHECKING:
    from datetime import datetime

    from inngest_testkit.runs.model import HistoryEntry

__all__ = ["Dropped", "Held", "held_by"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Dropped:
    """An event that started nothing, or a run that was cancelled, because of a rule of its function.

    `rule` is `idempotency`, `rate_limit`, `debounce`, `singleton`, `timeouts.start` or `timeouts.finish`; `key` the
    value that the rule counts by, empty without a key; `run_id` the run that was `cancelled`, or for which the event
    made way, if there is one.
    """

    at: datetime
    rule: str
    key: str
    reason: str
    function_id: str
    event_id: str
    run_id: str = ""
    cancelled: bool = False

    @classmethod
    def of_event(cls, entry: HistoryEntry) -> Dropped:
        """Read an `EVENT_DROPPED` entry."""
        data = entry.data
        return cls(
            at=entry.at,
            rule=data["rule"],
            key=data["key"],
            reason=data["reason"],
            function_id=data["function_id"],
            event_id=data["event_id"],
            run_id=data["run_id"],
        )

    @classmethod
    def of_run(cls, entry: HistoryEntry, function_id: str, event_id: str) -> Dropped | None:
        """Read how a run ended; None when no rule of flow control ended it."""
        rule = entry.data.get("rule", "cancel")
        if entry.kind is not HistoryKind.RUN_CANCELLED or rule == "cancel":
            return None
        reason = entry.data["reason"]
        return cls(
            at=entry.at,
            rule=rule,
            key="",
            reason=reason,
            function_id=function_id,
            event_id=event_id,
            run_id=entry.run_id,
            cancelled=True,
        )

    def __str__(self) -> str:
        key = f" {self.key!r}" if self.key else ""
        what = f"cancelled run {self.run_id}" if self.cancelled else f"dropped event {self.event_id}"
        return f"{format_moment(self.at)} {self.rule}{key} {what} of {self.function_id}: {self.reason}"

    def __repr__(self) -> str:
        return f"<Dropped {self}>"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Held:
    """Work that is due and has to wait because of a rule, or events that a rule collects.

    `rule` is `concurrency`, `throttle`, `debounce` or `batch`; `key` the value that it counts by, empty without a key;
    `until` when it goes on if nothing else happens, None when that depends on others; `ahead` how many were in line
    before it when it came. `step` is empty for a whole run, and `run_id` for events that have no run yet (`event_ids`).
    """

    rule: str
    key: str
    function_id: str
    since: datetime
    until: datetime | None = None
    ahead: int = 0
    run_id: str = ""
    step: str = ""
    event_ids: tuple[str, ...] = ()

    @classmethod
    def of_entry(cls, entry: HistoryEntry, function_id: str) -> Held:
        """Read a `HELD` entry."""
        data = entry.data
        return cls(
            rule=data["rule"],
            key=data["key"],
            function_id=function_id,
            since=entry.at,
            until=data["until"],
            ahead=data["ahead"],
            run_id=entry.run_id,
            step=entry.step or "",
        )

    def __str__(self) -> str:
        what = f"step {self.step!r} of {self.function_id}" if self.step else self.function_id
        events = f" with {len(self.event_ids)} events" if len(self.event_ids) > 1 else ""
        return f"{what} waits{events} {held_by(self)}"

    def __repr__(self) -> str:
        return f"<Held {self}>"


def held_by(held: Held) -> str:
    """Say what holds something back, and until when."""
    key = f" {held.key!r}" if held.key else ""
    until = "" if held.until is None else f" until {format_moment(held.until)}"
    ahead = f", {held.ahead} ahead of it" if held.ahead else ""
    return f"for {held.rule}{key}{until}{ahead}"
