"""The plugin's ini options and flags, read and checked once for a session."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["ACTIONS", "OPTIONS", "Options", "add_options", "did_you_mean", "read_options"]

#: What may be done about something found when a test has passed.
ACTIONS = ("warn", "error", "ignore")
_TIMELINES = ("failed", "all", "none")


class Options(NamedTuple):
    """What a session asks for; `seed_from` names the source of `seed`."""

    functions: tuple[Path, ...]
    start: str | None
    seed: str | None
    seed_from: str
    unobserved_failures: str
    unused_mocks: str
    timeline: str


OPTIONS = pytest.StashKey[Options]()


def add_options(parser: pytest.Parser) -> None:
    """Declare the options."""
    parser.addini(
        "inngest_functions",
        "files and folders, relative to rootdir, whose functions every engine has",
        type="linelist",
    )
    parser.addini("inngest_start", "where the engines' clocks start, such as 2024-01-31T09:00:00Z")
    parser.addini("inngest_seed", "the seed of every engine, instead of one made from the test's node id")
    parser.addini(
        "inngest_unobserved_failures",
        f"what to do about a run that failed without the test looking at it: {_listed(ACTIONS)}",
        default="warn",
    )
    parser.addini(
        "inngest_unused_mocks", f"what to do about a mock that never answered: {_listed(ACTIONS)}", default="warn"
    )
    parser.addini(
        "inngest_timeline", f"which tests' reports carry the runs' timelines: {_listed(_TIMELINES)}", default="failed"
    )
    _add_flags(parser.getgroup("inngest", "inngest-testkit"))


def _add_flags(group: pytest.OptionGroup) -> None:
    group.addoption("--inngest-seed", metavar="SEED", help="the seed of every engine whose test does not set one")
    group.addoption(
        "--inngest-unobserved-failures",
        choices=ACTIONS,
        help="what to do about a run that failed without the test looking at it (default: warn)",
    )
    group.addoption(
        "--inngest-unused-mocks", choices=ACTIONS, help="what to do about a mock that never answered (default: warn)"
    )
    group.addoption(
        "--inngest-timeline",
        choices=_TIMELINES,
        help="which tests' reports carry the runs' timelines (default: failed)",
    )


def read_options(config: pytest.Config) -> Options:
    """Read the options; raises `pytest.UsageError` for a value that cannot be."""
    flag = config.getoption("inngest_seed")
    return Options(
        functions=_functions(config),
        start=_start(config),
        seed=flag or config.getini("inngest_seed") or None,
        seed_from="--inngest-seed" if flag else "the ini option inngest_seed",
        unobserved_failures=_choice(config, "inngest_unobserved_failures", ACTIONS),
        unused_mocks=_choice(config, "inngest_unused_mocks", ACTIONS),
        timeline=_choice(config, "inngest_timeline", _TIMELINES),
    )


def _choice(config: pytest.Config, name: str, allowed: Sequence[str]) -> str:
    flag = config.getoption(name)
    if flag is not None:
        return str(flag)
    value = str(config.getini(name)).strip()
    if value not in allowed:
        raise pytest.UsageError(
            f"ini option {name} is {value!r}; allowed: {_listed(allowed)}{did_you_mean(value, allowed)}"
        )
    return value


def _functions(config: pytest.Config) -> tuple[Path, ...]:
    paths = tuple(config.rootpath / line for line in config.getini("inngest_functions"))
    for path in paths:
        if not path.exists():
            raise pytest.UsageError(
                f"ini option inngest_functions: there is no file or folder {str(path)!r}; "
                f"paths are relative to rootdir, {str(config.rootpath)!r}"
            )
    return paths


def _start(config: pytest.Config) -> str | None:
    text = str(config.getini("inngest_start")).strip()
    if not text:
        return None
    try:
        aware = datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        aware = False
    if not aware:
        raise pytest.UsageError(
            f"ini option inngest_start is {text!r}; allowed: a moment in ISO 8601 with its time zone, "
            "such as 2024-01-31T09:00:00Z"
        )
    return text


def _listed(values: Sequence[str]) -> str:
    return f"{', '.join(values[:-1])} or {values[-1]}"


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return the end of a message about an unknown name: the nearest of those known, if one is near."""
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
