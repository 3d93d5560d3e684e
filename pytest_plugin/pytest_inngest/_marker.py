"""What `@pytest.mark.inngest(...)` says about a test's engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from pytest_inngest._options import ACTIONS, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MARKER", "marked", "place", "refuse"]

#: The marker as `pytest --markers` shows it.
MARKER = (
    "inngest(*, seed, start, functions, auto, freeze, jitter, keep, max_steps, unobserved_failures, unused_mocks): "
    "how the engine of a test is made, and what is checked when the test has passed. Of several markers (function, "
    "class, module) the closest wins, key by key. `functions` takes Function objects and paths, relative to the test's "
    "folder or to rootdir; the rest of the engine's keys are those of inngest_testkit.Engine."
)
_KEYS = (
    "auto",
    "freeze",
    "functions",
    "jitter",
    "keep",
    "max_steps",
    "seed",
    "start",
    "unobserved_failures",
    "unused_mocks",
)
_CHECKS = ("unobserved_failures", "unused_mocks")


def marked(item: pytest.Item) -> dict[str, Any]:
    """Return what the markers of a test say; fails the test for what they cannot say."""
    __tracebackhide__ = True
    merged: dict[str, Any] = {}
    for marker in item.iter_markers("inngest"):
        _check(item, marker.args, marker.kwargs)
        for key, value in marker.kwargs.items():
            merged.setdefault(key, value)
    return merged


def _check(item: pytest.Item, args: tuple[object, ...], given: Mapping[str, object]) -> None:
    __tracebackhide__ = True
    if args:
        shown = ", ".join(repr(arg) for arg in args)
        refuse(item, f"takes keyword arguments only, found {shown}; known: {', '.join(_KEYS)}")
    for key, value in given.items():
        if key not in _KEYS:
            refuse(item, f"has no argument {key!r}; known: {', '.join(_KEYS)}{did_you_mean(key, _KEYS)}")
        if key in _CHECKS and value not in ACTIONS:
            refuse(item, f"{key} is {value!r}; allowed: {', '.join(ACTIONS)}{did_you_mean(str(value), ACTIONS)}")


def refuse(item: pytest.Item, reason: str, *, subject: str = "@pytest.mark.inngest") -> NoReturn:
    """Fail a test for how its engine was asked for."""
    __tracebackhide__ = True
    pytest.fail(f"{place(item)}: {subject} {reason}", pytrace=False)


def place(item: pytest.Item) -> str:
    """Say where a test stands, in a form that editors follow."""
    file, line, name = item.location
    return f"{file}:{name}" if line is None else f"{file}:{line + 1}: {name}"
