"""The ids and moments of the reading endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inngest_testkit.clock import epoch_ms
from inngest_testkit.ids import named_ulid

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["ACCOUNT", "ENVIRONMENT", "NOBODY", "is_ulid", "received_id", "rfc3339"]

#: The dev server's one account and environment, and what it tells where it looks neither up. Source: `rest_reads`.
ACCOUNT = "00000000-0000-4000-a000-000000000000"
ENVIRONMENT = "00000000-0000-4000-b000-000000000000"
NOBODY = "00000000-0000-0000-0000-000000000000"

_LENGTH = 26
#: What begins the name of a delivery that has a ULID of its own.
_NAMED = ("send/", "execute/")


def is_ulid(text: str) -> bool:
    """Whether the server reads a text as a ULID: it looks at the length, and at the first digit."""
    return len(text) == _LENGTH and text[0] in "01234567"


def received_id(delivery: str, at: datetime) -> str:
    """Return the internal id of an event that was received at a moment: of a client's, what it was told in `ids`."""
    for named in _NAMED:
        own = delivery.removeprefix(named)
        if own != delivery and is_ulid(own):
            return own
    return named_ulid(epoch_ms(at), delivery)


def rfc3339(moment: datetime) -> str:
    """Write a moment in UTC as the servers do, such as `2024-01-01T09:00:00.25Z`."""
    text = moment.isoformat().removesuffix("+00:00")
    return (text.rstrip("0") if moment.microsecond else text) + "Z"
