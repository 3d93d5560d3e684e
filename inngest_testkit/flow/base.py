"""The contract of a flow store: what flow control remembers between events and between steps.

It has two parts. Entries are values under a key, written only over the version that was read; the rules of events
(rate limit, debounce, batch, singleton) keep what they know there. The gate lets items of runs through or has them wait
in line: concurrency and throttle. Every write can be repeated: whoever was let through is let through again, and what
waits has one place in one line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from inngest_testkit.flow.gcra import Pace

__all__ = ["Entry", "FlowStore", "Hold", "Line", "PacedKey", "Slot", "Ticket", "Wake"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A value that a rule keeps, and its version, 0 where there is none. Values are immutable."""

    value: Any
    version: int


@dataclass(frozen=True, slots=True)
class Slot:
    """One of the `limit` places that a key has; `run`: the run keeps it until it is over.

    `value` is the part of the key that its expression gave, for people.
    """

    key: str
    limit: int
    run: bool = False
    value: str = ""


@dataclass(frozen=True, slots=True)
class PacedKey:
    """A key whose items start at a pace; `value` as in `Slot`."""

    key: str
    pace: Pace
    value: str = ""


@dataclass(frozen=True, slots=True)
class Ticket:
    """An item that asks to be let through.

    `holder` is who has the places until they are released, `item_id` the item that waits. Who has the lower `score`
    comes first, then the lower `tie`, then who came first.
    """

    holder: str
    run_id: str
    item_id: str
    score: float
    slots: tuple[Slot, ...] = ()
    paced: PacedKey | None = None
    function_id: str = ""
    step: str = ""
    tie: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a ticket waits: `rule` is `concurrency` or `throttle`; `ahead` is how many waited there when it came.

    `until` is when it will be let through, where that is known, if nobody overtakes it or leaves.
    `new` is False for one that waited in the same line before.
    """

    rule: str
    key: str
    value: str
    until: datetime | None
    ahead: int
    new: bool


@dataclass(frozen=True, slots=True)
class Wake:
    """The first in line of a key, and when it may ask again."""

    key: str
    item_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Line:
    """A ticket that waits, since when, and why."""

    ticket: Ticket
    since: datetime
    hold: Hold


class FlowStore(Protocol):
    """Keeps what flow control knows."""

    async def load(self, key: str, now: datetime) -> Entry:
        """Return what is kept under a key; version 0 and None when nothing is, or when its time is over."""
        ...

    async def save(self, key: str, value: object, version: int, until: datetime | None = None) -> bool:
        """Keep a value; False, and nothing happens, when the key has another version by now.

        None removes the entry. From `until` on it means nothing, and counts as removed.
        """
        ...

    async def admit(self, ticket: Ticket, now: datetime) -> Hold | None:
        """Let a ticket through when its slots have places, its pace allows, and nobody waits there who comes first.

        None: it has its places. Asked again by the same holder it still has them, and is let through without any when
        it gave them back. Otherwise it waits in the line of the first key that has none.
        """
        ...

    async def release(self, run_id: str, holder: str) -> None:
        """Give the places of a holder back, other than those of its run; nothing happens when it has none."""
        ...

    async def end(self, run_id: str) -> None:
        """Give everything back that a run has, and take what waits of it out of its line."""
        ...

    async def wakes(self, now: datetime) -> Sequence[Wake]:
        """Return the first in line of every key that may have room since `woken` was last said of it."""
        ...

    async def woken(self, key: str) -> None:
        """Note that the first in line of a key will ask again."""
        ...

    async def leave(self, item_id: str) -> None:
        """Take an item out of its line; nothing happens when it is in none."""
        ...

    def waiting(self) -> Sequence[Line]:
        """Return what waits, as far as this process knows, in order of arrival. For people and tests."""
        ...

    def entries(self, prefix: str) -> Sequence[tuple[str, object]]:
        """Return the entries whose keys begin so, as far as this process knows. For people and tests."""
        ...
