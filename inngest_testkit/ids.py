"""Ids that depend on nothing but a seed and the clock."""

from __future__ import annotations

import hashlib
import random
import uuid
from typing import TYPE_CHECKING

from inngest_testkit.clock import epoch_ms

if TYPE_CHECKING:
    from datetime import datetime

    from inngest_testkit.clock import Clock

__all__ = ["Ids", "named_ulid", "ulid_ms", "ulid_of", "workflow_uuid"]

_RANDOM_BITS = 80
_LIMIT = 1 << _RANDOM_BITS
# Source: the ULID specification, Crockford's base 32; two digits at a time.
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LAST_PAIR = 1023
_SHIFTS = tuple(range(120, -1, -10))
_PAIRS = [high + low for high in _DIGITS for low in _DIGITS]


def _base32(number: int, pairs: int) -> str:
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS[-pairs:]])


def ulid_of(ms: int, random_bits: int) -> str:
    """Return the ULID of a moment, in milliseconds since 1970 (48 bits), and 80 random bits."""
    return _base32(ms << _RANDOM_BITS | random_bits, 13)


class Ids:
    """ULIDs and UUIDs from one seeded generator.

    A ULID's time part is the clock's, its random part comes from the seed, and within one millisecond
    each is greater than the last, so ids sort in the order in which they were made.
    """

    def __init__(self, seed: int | str, clock: Clock) -> None:
        self.seed = seed
        self.random = random.Random()  # noqa: S311 - reproducible on purpose
        self._clock = clock
        self.restart()

    def restart(self) -> None:
        """Begin again: the same ids follow as from a new generator."""
        self.random.seed(f"inngest-testkit:{self.seed}")
        #: A clock that moves only when told gives the same moment again.
        self._last_now: datetime | None = None
        self._ms = self._last_ms = -1
        self._last_random = 0
        #: The last id without its last two digits.
        self._head = ""

    def ulid(self) -> str:
        """Return the next ULID, 26 characters."""
        now = self._clock.now()
        if now is not self._last_now:
            self._last_now, self._ms = now, epoch_ms(now)
        ms = self._ms
        if ms == self._last_ms and self._last_random + 1 < _LIMIT:
            self._last_random += 1
            if self._last_random & _LAST_PAIR:
                return self._head + _PAIRS[self._last_random & _LAST_PAIR]
        else:
            # The top bit stays clear, so that a millisecond has room for 2**79 more.
            self._last_ms, self._last_random = ms, self.random.getrandbits(_RANDOM_BITS - 1)
        self._head = _base32(ms << 70 | self._last_random >> 10, 12)
        return self._head + _PAIRS[self._last_random & _LAST_PAIR]

    def uuid(self) -> uuid.UUID:
        """Return the next random UUID (version 4)."""
        return uuid.UUID(int=self.random.getrandbits(128), version=4)


def named_ulid(ms: int, name: str) -> str:
    """Return the ULID of what has a name and a moment, `ms` in milliseconds since 1970: the same for the same two."""
    tail = int.from_bytes(hashlib.sha256(name.encode(errors="surrogatepass")).digest()[:10])
    return _base32(ms << 70 | tail >> 10, 12) + _PAIRS[tail & _LAST_PAIR]


def ulid_ms(ulid: str) -> int | None:
    """Return the moment of a ULID in milliseconds since 1970; None for what is none."""
    number = 0
    for digit in ulid[:10]:
        value = _DIGITS.find(digit)
        if value < 0:
            return None
        number = number << 5 | value
    return number


def workflow_uuid(function_id: str) -> str:
    """Return a function's workflow id: UUID version 5 of its id in the OID name space.

    Source: recordings/dag README, "Defaults, ids, DSN" (`hello` -> 4d71d03f-f19b-5d9e-8523-9628ba18063c).
    """
    return str(uuid.uuid5(uuid.NAMESPACE_OID, function_id))
