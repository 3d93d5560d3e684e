"""Durations as text: Go's syntax with days and weeks; moments as people read them.

Source: recordings/dag README, "Runs and edges" (units ns us ms s m h d w, optional sign, several numbers in a row).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from inngest_testkit.errors import DurationError

__all__ = ["format_duration", "format_moment", "parse_duration", "to_timedelta"]

_MICROSECONDS = {
    "ns": Decimal("0.001"),
    "us": Decimal(1),
    "µs": Decimal(1),
    "μs": Decimal(1),
    "ms": Decimal(1_000),
    "s": Decimal(1_000_000),
    "m": Decimal(60_000_000),
    "h": Decimal(3_600_000_000),
    "d": Decimal(86_400_000_000),
    "w": Decimal(604_800_000_000),
}
_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h|d|w)")
_UNITS = (("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000), ("us", 1))


@lru_cache(maxsize=1024)
def parse_duration(text: str) -> timedelta:
    """Read a duration such as `1h30m`, `3d`, `1.5h`, `-2s` or `0`; microseconds are the finest that is kept.

    Raises `DurationError` for anything else.
    """
    if not isinstance(text, str):
        raise DurationError(text, f"expected text, found {type(text).__name__}")
    body = text[1:] if text[:1] in {"+", "-"} else text
    if body == "0":
        return timedelta()
    if not body:
        raise DurationError(text, "there is no number in it")
    total, end = Decimal(), 0
    while end < len(body):
        part = _PART.match(body, end)
        if part is None:
            raise DurationError(text, _reason(body, end))
        total += Decimal(part[1]) * _MICROSECONDS[part[2]]
        end = part.end()
    try:
        return timedelta(microseconds=round(-total if text[0] == "-" else total))
    except OverflowError:
        raise DurationError(text, "it is longer than a calendar can hold") from None


_WORDS = re.compile(r"([0-9.]+)\s*(sec|min|hour|hr|day|week)[a-z]*|([0-9.]+)\s+(ns|us|ms|s|m|h|d|w)", re.IGNORECASE)


def _reason(body: str, at: int) -> str:
    rest = body[at:]
    written = _WORDS.fullmatch(body)
    if written is not None:
        number, unit = (written[1], written[2][0].lower()) if written[1] else (written[3], written[4])
        return f"write '{number}{unit}'"
    if re.match(r"([0-9]+\.?[0-9]*|\.[0-9]+)$", rest):
        return f"{rest!r} has no unit"
    if re.match(r"[0-9]", rest):
        return f"unknown unit in {rest!r}"
    return f"expected a number at {rest!r}"


def to_timedelta(value: timedelta | str | float) -> timedelta:
    """Read what a user may write for a span: a timedelta, a text (`parse_duration`) or seconds.

    Raises `DurationError` when it is none of them.
    """
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise DurationError(value, f"expected a timedelta, a text or seconds, found {type(value).__name__}")
    try:
        return timedelta(seconds=value)
    except (OverflowError, ValueError):
        raise DurationError(value, "it is longer than a calendar can hold") from None


def format_duration(span: timedelta, *, days: bool = True) -> str:
    """Write a duration so that `parse_duration` reads it back, largest unit first: `3d`, `1h30m`, `0s`.

    Without `days` the largest unit is the hour: `72h`.
    """
    micros = span // timedelta(microseconds=1)
    if micros == 0:
        return "0s"
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    parts = []
    for unit, size in _UNITS if days else _UNITS[1:]:
        count, micros = divmod(micros, size)
        if count:
            parts.append(f"{count}{unit}")
    return sign + "".join(parts)


def format_moment(moment: datetime) -> str:
    """Write a moment to the second, and with its fraction where it has one."""
    fraction = f".{moment:%f}".rstrip("0") if moment.microsecond else ""
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction}"
