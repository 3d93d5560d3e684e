"""An event that a function asks for, as the rules see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from inngest_testkit.records import quick

if TYPE_CHECKING:
    from datetime import datetime

    from inngest_testkit.events import Event

__all__ = ["Arrival"]


@quick
@dataclass(frozen=True, slots=True)
class Arrival:
    """An event for which a trigger of a function was met.

    `delivery` names how it came, `key` is the event's part of the idempotency key (none: the delivery), `at` when a run
    is due if not now. `once`: it was delivered before. `received` is the delivery by which the event itself came, where
    `delivery` tells several that it caused apart.
    """

    event: Event
    trigger: str
    delivery: str
    received_at: datetime
    key: str | None = None
    at: datetime | None = None
    once: bool = False
    received: str = ""
