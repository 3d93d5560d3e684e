"""How often something happens, so many in a span, and how long something lasts, as users write it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

from inngest_testkit.durations import to_timedelta
from inngest_testkit.errors import DurationError, SetupError

if TYPE_CHECKING:
    from inngest_testkit.engine.options import Duration

__all__ = ["MICROSECOND", "Rate", "read_rate", "read_span"]

MICROSECOND = timedelta(microseconds=1)
_TEXT = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*/\s*(\S+)\s*")
_REMEDY = "write how many in which span, such as '100/h', '1/s' or '5/30s', or a number for so many per second"


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` in a `span`. `rate.per("1h")` tells how many that are in another span; `str(rate)` reads `100/h`."""

    count: Fraction | int
    span: timedelta

    def per(self, span: Duration) -> float:
        """Return how many there are in a span."""
        return float(self.count * Fraction(to_timedelta(span) // MICROSECOND, self.span // MICROSECOND))

    def __str__(self) -> str:
        for unit in ("s", "h", "d"):
            often = self.per(f"1{unit}")
            if often >= 1:
                return f"{_shown(often)}/{unit}"
        return f"{_shown(often)}/d" if often else "0"

    def __repr__(self) -> str:
        return f"<Rate {self}>"


def _shown(often: float) -> str:
    return f"{often:,.0f}" if often >= 1000 else f"{often:.3g}"


def read_rate(given: str | float, *, where: str) -> Rate:
    """Read a rate as users write it; raises `SetupError`, beginning with `where`, for what is none."""
    if isinstance(given, str):
        found = _TEXT.fullmatch(given)
        if found is None and _TEXT.fullmatch(given.strip().removeprefix("-")):
            raise _refused(where, given, "it is not positive")
        if found is None:
            raise _refused(where, given, "it is not a number, a slash and a span")
        count = Fraction(found[1])
        try:
            span = to_timedelta(found[2] if found[2][0] in "0123456789." else f"1{found[2]}")
        except DurationError as error:
            raise _refused(where, given, f"after the slash, {error}") from None
    elif isinstance(given, bool) or not isinstance(given, (int, float)) or not math.isfinite(given):
        raise _refused(where, given, f"found {type(given).__name__}")
    else:
        count, span = Fraction(repr(given)), timedelta(seconds=1)
    if count <= 0 or span <= timedelta():
        raise _refused(where, given, "it is not positive")
    return Rate(count, span)


def read_span(given: Duration, *, where: str, above: bool = False) -> timedelta:
    """Read a span of at least 0s, or `above` it; raises `SetupError`, beginning with `where`, for what is none."""
    try:
        span = to_timedelta(given)
    except DurationError as error:
        raise SetupError(f"{where}: {error}") from None
    if span < timedelta() or (above and not span):
        raise SetupError(f"{where} is a span {'longer than' if above else 'of at least'} 0s, found {given!r}")
    return span


def _refused(where: str, given: object, reason: str) -> SetupError:
    return SetupError(f"{where}: {given!r} is not a rate: {reason}; {_REMEDY}")
