"""Distributions of spans, for what steps take: `engine.mock("import", "fetch", takes=traffic.exponential("2s"))`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from inngest_testkit.errors import SetupError
from inngest_testkit.testing.traffic.rates import read_span

if TYPE_CHECKING:
    from random import Random

    from inngest_testkit.engine.options import Duration

__all__ = [
    "Exponential",
    "LogNormal",
    "Normal",
    "Sampled",
    "Uniform",
    "exponential",
    "lognormal",
    "normal",
    "sampled",
    "uniform",
]


@dataclass(frozen=True, slots=True)
class Exponential:
    """Spans without a memory: most are short, few are long."""

    mean: timedelta

    def draw(self, random: Random, /) -> timedelta:
        """Return the next span."""
        return _span(random.expovariate(1.0) * self.mean.total_seconds())


@dataclass(frozen=True, slots=True)
class Uniform:
    """Spans between two bounds, each as likely."""

    low: timedelta
    high: timedelta

    def draw(self, random: Random, /) -> timedelta:
        """Return the next span."""
        return _span(random.uniform(self.low.total_seconds(), self.high.total_seconds()))


@dataclass(frozen=True, slots=True)
class LogNormal:
    """Spans of which half are below `median`; `sigma` is the deviation of their logarithm."""

    median: timedelta
    sigma: float

    def draw(self, random: Random, /) -> timedelta:
        """Return the next span."""
        try:
            return _span(random.lognormvariate(math.log(self.median.total_seconds()), self.sigma))
        except OverflowError:
            return timedelta.max


@dataclass(frozen=True, slots=True)
class Normal:
    """Spans around a mean; what would be negative is 0."""

    mean: timedelta
    deviation: timedelta

    def draw(self, random: Random, /) -> timedelta:
        """Return the next span."""
        return _span(max(0.0, random.normalvariate(self.mean.total_seconds(), self.deviation.total_seconds())))


@dataclass(frozen=True, slots=True)
class Sampled:
    """Spans that were measured, each as likely."""

    values: tuple[timedelta, ...]

    def draw(self, random: Random, /) -> timedelta:
        """Return the next span."""
        return random.choice(self.values)


def exponential(mean: Duration) -> Exponential:
    """Draw spans from an exponential distribution. Raises `SetupError` unless `mean` is longer than 0s."""
    return Exponential(read_span(mean, where="traffic.exponential: mean", above=True))


def uniform(low: Duration, high: Duration) -> Uniform:
    """Draw spans between two bounds. Raises `SetupError` when they are negative or the wrong way round."""
    least, most = read_span(low, where="traffic.uniform: low"), read_span(high, where="traffic.uniform: high")
    if least > most:
        raise SetupError(f"traffic.uniform: low is {low!r}, longer than high, {high!r}; swap them")
    return Uniform(least, most)


def lognormal(*, median: Duration, sigma: float) -> LogNormal:
    """Draw spans from a log-normal distribution, the usual shape of response times.

    Half of the spans are below `median`; with `sigma` 0.5 the 95th percentile is 2.3 times the median, with 1 it is
    5.2 times. Raises `SetupError` unless `median` is longer than 0s and `sigma` a number from 0.
    """
    if isinstance(sigma, bool) or not isinstance(sigma, (int, float)) or not (math.isfinite(sigma) and sigma >= 0):
        raise SetupError(f"traffic.lognormal: sigma is a number from 0, such as 0.5, found {sigma!r}")
    return LogNormal(read_span(median, where="traffic.lognormal: median", above=True), sigma)


def normal(mean: Duration, deviation: Duration) -> Normal:
    """Draw spans from a normal distribution, cut at 0s. Raises `SetupError` when one is negative."""
    return Normal(
        read_span(mean, where="traffic.normal: mean"), read_span(deviation, where="traffic.normal: deviation")
    )


def sampled(values: Iterable[Duration]) -> Sampled:
    """Draw from measured spans, each as likely. Raises `SetupError` when there are none, or one is negative."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise SetupError(f"traffic.sampled: it takes a list of spans, found {values!r}; write [{values!r}]")
    spans = tuple(read_span(value, where=f"traffic.sampled: value {number}") for number, value in enumerate(values))
    if not spans:
        raise SetupError("traffic.sampled: there is no value to draw from")
    return Sampled(spans)


def _span(seconds: float) -> timedelta:
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        return timedelta.max
