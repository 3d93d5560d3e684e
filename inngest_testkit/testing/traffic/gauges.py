"""How much of something there is, over time: means weighted by time, and maxima, in buckets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from inngest_testkit.durations import format_duration

if TYPE_CHECKING:
    from inngest_testkit.values import JsonValue

__all__ = ["Gauge", "Series"]


@dataclass(frozen=True, slots=True, repr=False)
class Series:
    """A number over the simulated time: `mean` (weighted by time), `max`, and `at_end`.

    `means` and `maxima` tell the same of each bucket of the length `bucket`, from `start`; the last one may be shorter.
    """

    start: datetime
    bucket: timedelta
    mean: float
    max: int
    at_end: int
    means: tuple[float, ...]
    maxima: tuple[int, ...]

    def to_dicts(self) -> list[dict[str, JsonValue]]:
        """Return one row for each bucket as JSON: when it begins, its mean and its maximum."""
        return [
            {"at": (self.start + number * self.bucket).isoformat(), "mean": mean, "max": most}
            for number, (mean, most) in enumerate(zip(self.means, self.maxima, strict=True))
        ]

    def __repr__(self) -> str:
        buckets = f"{len(self.means)} x {format_duration(self.bucket)}"
        return f"<Series mean {self.mean:.3g}, max {self.max}, at end {self.at_end}, {buckets}>"


class Gauge:
    """A number that changes at moments, in whole microseconds from the beginning; it has `length` of them.

    With a `width`, the means and maxima of the buckets of that length are kept. With a `most`, `full` is how long the
    number was that or more.
    """

    __slots__ = ("_areas", "_length", "_maxima", "_most", "_since", "_width", "area", "full", "max", "value")

    def __init__(self, length: int, width: int | None = None, most: int | None = None) -> None:
        self.value = self.max = self.area = self.full = 0
        self._most = most
        self._since, self._length = 0, length
        self._width = length if width is None else width
        count = -(-length // self._width)
        self._areas, self._maxima = [0] * count, [0] * count

    def change(self, by: int, now: int) -> None:
        """Add to the number."""
        if now > self._since:
            self._spend(now)
        self.value += by
        if by > 0:
            if self.value > self.max:
                self.max = self.value
            bucket = now // self._width
            if bucket < len(self._maxima) and self.value > self._maxima[bucket]:
                self._maxima[bucket] = self.value

    def _spend(self, now: int) -> None:
        """Count the time since the last change."""
        value, since, width = self.value, self._since, self._width
        self._since = now
        if not value:
            return
        self.area += value * (now - since)
        if self._most is not None and value >= self._most:
            self.full += now - since
        for bucket in range(since // width, -(-now // width)):
            self._areas[bucket] += value * (min(now, (bucket + 1) * width) - max(since, bucket * width))
            if value > self._maxima[bucket]:
                self._maxima[bucket] = value

    def finish(self) -> int:
        """Count the time up to the end, and return the area under the number: its sum over all microseconds."""
        if self._since < self._length:
            self._spend(self._length)
        return self.area

    def series(self, start: datetime) -> Series:
        """Return what was counted up to the end."""
        area, width = self.finish(), self._width
        lengths = [min(width, self._length - number * width) for number in range(len(self._areas))]
        return Series(
            start,
            timedelta(microseconds=width),
            area / self._length,
            self.max,
            self.value,
            tuple(each / length for each, length in zip(self._areas, lengths, strict=True)),
            tuple(self._maxima),
        )
