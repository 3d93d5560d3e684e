"""Patterns of event names in the triggers of apps' functions.

Source: recordings/sdk README, "Triggers": `*` counts only at the end and directly after `/` or `.`, where it stands
for anything, also for nothing; elsewhere a pattern is accepted and never matches.
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["pattern_prefix", "prefixes_of"]

_BEFORE_STAR = ("/", ".")


def pattern_prefix(name: str) -> str | None:
    """Return what the names that a trigger's event name matches begin with; None when it is no pattern."""
    return name[:-1] if name.endswith("*") and name[:-1].endswith(_BEFORE_STAR) else None


def prefixes_of(name: str) -> Iterator[str]:
    """Yield every beginning of an event's name that a pattern may have as its prefix."""
    return (name[: index + 1] for index, letter in enumerate(name) if letter in _BEFORE_STAR)
