"""The jitter of a cron trigger: how late its run begins, so that not everybody's runs begin at the full minute.

The server derives it from the id of the schedule's job; here it comes from the engine's seed, and from nothing that
happened before. Source: the server's code, `pkg/execution/cron` and `CronTrigger.Validate`; no recording has it.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING

from inngest_testkit.durations import parse_duration
from inngest_testkit.errors import DurationError

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["LONGEST", "SHORTEST", "jitter_problem", "lateness", "parse_jitter"]

#: The bounds of a jitter; a run is never less late than the first.
SHORTEST, LONGEST = timedelta(seconds=1), timedelta(minutes=5)
_NONE = timedelta()
_MILLISECOND = timedelta(milliseconds=1)


def parse_jitter(text: str | None) -> timedelta:
    """Read a jitter that has no problem: a duration; zero for None, `0` and empty text."""
    return parse_duration(text) if text is not None and text.strip() else _NONE


def jitter_problem(text: object) -> str | None:
    """Say what is wrong with a jitter, and the remedy; None when it can be used."""
    if not isinstance(text, str):
        return f"expected a duration as text, found {text!r}; write it in quotes, such as '30s'"
    try:
        jitter = parse_jitter(text)
    except DurationError as error:
        return f"{text!r} isn't a valid jitter duration: {error}"
    if jitter and not SHORTEST <= jitter <= LONGEST:
        return f"cron jitter must be at least 1s and at most 5m; found {text!r}, write '0' for none"
    return None


def lateness(jitter: timedelta, seed: int | str, function_id: str, schedule: str, moment: datetime) -> timedelta:
    """Return by how much the run of a schedule's moment is late: zero without jitter, else from 1 s to below `jitter`.

    In whole milliseconds, and the same for the same seed, function, schedule and moment, whatever else happens.
    """
    if not jitter:
        return _NONE
    choices = (jitter - SHORTEST) // _MILLISECOND
    identity = "\n".join((f"inngest-testkit:{seed}", function_id, schedule, moment.isoformat()))
    number = int.from_bytes(blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
    return SHORTEST + (number % choices if choices else 0) * _MILLISECOND
