"""Percentiles of spans that are seen once each, in bounded memory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

from inngest_testkit.errors import NotFoundError

__all__ = ["ACCURACY", "DISTINCT", "Percentiles", "Tally"]

#: How far a percentile may be off, as a share of itself, once more than `DISTINCT` different spans were seen.
ACCURACY = 0.01
#: Different spans that are counted one by one.
DISTINCT = 2000

_GROWTH = (1 + ACCURACY) / (1 - ACCURACY)
_LOG_GROWTH = math.log(_GROWTH)
_PERCENTS = (50, 95, 99)


@dataclass(frozen=True, slots=True, repr=False)
class Percentiles:
    """What spans came to: `count`, and `mean`, `p50`, `p95`, `p99` and `max` as timedeltas.

    A percentile is by nearest rank: the smallest span that so many percent of all do not exceed. `count`, `mean` and
    `max` are exact; the percentiles are exact (`exact`) as long as at most 2 000 different spans were seen, and off by
    at most 1 % of themselves (and the microsecond to which they are rounded) beyond. Without any span, reading one
    raises `NotFoundError`, so that no test passes because nothing happened; `count` is 0 then.
    """

    what: str
    count: int
    exact: bool
    _spans: tuple[timedelta, ...]

    def _span(self, index: int) -> timedelta:
        if not self._spans:
            raise NotFoundError("span", "", message=f"there is no {self.what}: nothing was measured")
        return self._spans[index]

    @property
    def mean(self) -> timedelta:
        """The sum by the count, to the microsecond."""
        return self._span(0)

    @property
    def p50(self) -> timedelta:
        """The median."""
        return self._span(1)

    @property
    def p95(self) -> timedelta:
        """What 95 of 100 do not exceed."""
        return self._span(2)

    @property
    def p99(self) -> timedelta:
        """What 99 of 100 do not exceed."""
        return self._span(3)

    @property
    def max(self) -> timedelta:
        """The longest."""
        return self._span(4)

    def to_dict(self) -> dict[str, float | int | None]:
        """Return the figures as JSON, spans in seconds, None for what there is not."""
        names = ("mean", "p50", "p95", "p99", "max")
        spans = self._spans or (None,) * len(names)
        seconds = {
            name: None if span is None else span.total_seconds() for name, span in zip(names, spans, strict=True)
        }
        return {"count": self.count, **seconds}

    def __repr__(self) -> str:
        if not self._spans:
            return "<Percentiles of nothing>"
        return f"<Percentiles of {self.count}: p50 {self.p50}, p95 {self.p95}, p99 {self.p99}, max {self.max}>"


class Tally:
    """Counts spans, in whole microseconds from 0.

    Up to `DISTINCT` different spans each have a counter. Beyond, the counters are those of a logarithmic histogram
    (the idea of DDSketch): bucket i holds what lies in (g**(i-1), g**i] with g = (1 + a) / (1 - a), and stands for
    2 * g**i / (g + 1), which is off by at most the share a of every span in it. Spans of up to a thousand years need
    fewer than 2 000 buckets.
    """

    __slots__ = ("_counts", "_zeros", "count", "is_exact", "max", "sum")

    def __init__(self) -> None:
        self.count = self.sum = self.max = 0
        self.is_exact = True
        self._zeros = 0
        #: By span as long as the counts are exact, by bucket from then on.
        self._counts: dict[int, int] = {}

    def add(self, span: int) -> None:
        """Count a span."""
        self.count += 1
        self.sum += span
        if span > self.max:
            self.max = span
        if not span:
            self._zeros += 1
            return
        counts = self._counts
        key = span if self.is_exact else _bucket(span)
        counts[key] = counts.get(key, 0) + 1
        if self.is_exact and len(counts) > DISTINCT:
            self._blur()

    def _blur(self) -> None:
        exact, self._counts, self.is_exact = self._counts, {}, False
        for span, count in exact.items():
            key = _bucket(span)
            self._counts[key] = self._counts.get(key, 0) + count

    def __len__(self) -> int:
        """How many counters there are."""
        return len(self._counts)

    def percentiles(self, what: str) -> Percentiles:
        """Return what was counted; `what` names it in messages, such as "waiting time of runs of 'import'"."""
        if not self.count:
            return Percentiles(what, 0, exact=True, _spans=())
        found = (self.sum // self.count, *self._ranked([-(-self.count * p // 100) for p in _PERCENTS]), self.max)
        spans = tuple(timedelta(microseconds=span) for span in found)
        return Percentiles(what, self.count, exact=self.is_exact, _spans=spans)

    def _ranked(self, ranks: list[int]) -> list[int]:
        """Return the spans of some ranks, which ascend."""
        found, passed = [], self._zeros
        keys = iter(sorted(self._counts))
        span = 0
        for rank in ranks:
            while passed < rank:
                key = next(keys)
                passed += self._counts[key]
                span = key if self.is_exact else min(self.max, round(2 * _GROWTH**key / (_GROWTH + 1)))
            found.append(span)
        return found


def _bucket(span: int) -> int:
    return math.ceil(math.log(span) / _LOG_GROWTH)
