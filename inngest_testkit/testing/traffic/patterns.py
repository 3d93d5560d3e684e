"""When the events of a stream come: offsets from its beginning, in whole microseconds, that never descend."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Protocol

from inngest_testkit.testing.traffic.rates import MICROSECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import timedelta
    from random import Random

    from inngest_testkit.testing.traffic.rates import Rate

__all__ = ["Bursts", "Constant", "Pattern", "Poisson"]


class Pattern(Protocol):
    """The offsets of a stream's events."""

    def offsets(self, random: Random) -> Iterable[int]:
        """Yield the offsets in microseconds, ascending, without an end or with one."""
        ...


@dataclass(frozen=True, slots=True)
class Constant:
    """One event every `rate.span / rate.count`, the first at once; no rounding adds up."""

    rate: Rate

    def offsets(self, random: Random) -> Iterator[int]:
        """See `Pattern.offsets`."""
        gap = (self.rate.span // MICROSECOND) / self.rate.count
        over, under = gap.as_integer_ratio()
        return (number * over // under for number in count())


@dataclass(frozen=True, slots=True)
class Poisson:
    """Events that know nothing of each other: the gaps are exponential."""

    rate: Rate

    def offsets(self, random: Random) -> Iterator[int]:
        """See `Pattern.offsets`."""
        often, at = float(self.rate.count) / (self.rate.span // MICROSECOND), 0
        while True:
            at += round(random.expovariate(often))
            yield at


@dataclass(frozen=True, slots=True)
class Bursts:
    """`size` events at once, again `every` so often (None: once)."""

    size: int
    every: timedelta | None

    def offsets(self, random: Random) -> Iterator[int]:
        """See `Pattern.offsets`."""
        if self.every is None:
            return (0 for _ in range(self.size))
        every = self.every // MICROSECOND
        return (number // self.size * every for number in count())
