"""What is printed, and how it fits: timelines and the summary on stdout, errors, notes and hints on stderr.

On a terminal, long outcomes continue below their own column. What goes into a pipe or a file is never wrapped.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from inngest_testkit.durations import format_duration
from inngest_testkit.errors import InvalidConfigurationError, InvalidFunctionsError, TestkitError
from inngest_testkit.runs import RunStatus
from inngest_testkit.runs.timeline import STYLES, Row, rows, title

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from inngest_testkit.runs import ErrorInfo, Run
    from inngest_testkit.runs.model import Attempt, StepRecord
    from inngest_testkit.values import JsonValue

__all__ = ["CommandFailedError", "Screen", "print_run", "reported", "runs_to_json", "summary"]

_NARROWEST = 24
_MARK = {"Error": "bold red", "Warning": "yellow", "Note": "cyan", "Hint": "cyan"}


class CommandFailedError(TestkitError):
    """What was asked for was tried, and failed: a build, a server that is not there or refuses."""


@dataclass(frozen=True, slots=True)
class Screen:
    """Where to print: `width` is None where nothing is to be wrapped; `color` and `error_color` for each stream."""

    width: int | None = None
    color: bool = False
    error_width: int | None = None
    error_color: bool = False

    @classmethod
    def of_stdout(cls, *, no_color: bool = False) -> Screen:
        """Look at what stdout and stderr are; `NO_COLOR` and a dumb terminal mean no colours."""
        colors = not (no_color or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb")
        wide = shutil.get_terminal_size().columns
        out, error = sys.stdout.isatty(), sys.stderr.isatty()
        return cls(
            width=wide if out else None,
            color=out and colors,
            error_width=wide if error else None,
            error_color=error and colors,
        )

    def write(self, text: str, style: str = "") -> None:
        """Print lines on stdout."""
        _emit(text, style if self.color else "", error=False)

    def tell(self, kind: str, text: str) -> None:
        """Print an `Error`, `Warning`, `Note` or `Hint` on stderr; its lines stay as they are, but for their width."""
        for number, line in enumerate(f"{kind}: {text}".splitlines()):
            for part in _wrapped(line, self.error_width, "  "):
                label = f"{kind}:" if number == 0 and self.error_color and part.startswith(f"{kind}:") else ""
                _emit(part, _MARK[kind] if label else "", error=True, only=label)


def _emit(text: str, style: str, *, error: bool, only: str = "") -> None:
    """Print a text in a style, or `only` its beginning."""
    stream = sys.stderr if error else sys.stdout
    if style:
        from rich.console import Console
        from rich.text import Text

        shown = Text(text)
        shown.stylize(style, 0, len(only) or len(text))
        Console(file=stream, force_terminal=True, highlight=False).print(shown, soft_wrap=True)
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    stream.flush()


@contextmanager
def reported(screen: Screen) -> Iterator[None]:
    """Print the library's errors, which are mistakes in what was given, and end with status 2; 1 for what failed."""
    try:
        yield
    except (InvalidFunctionsError, InvalidConfigurationError) as error:
        count = "1 problem" if len(error.problems) == 1 else f"{len(error.problems)} problems"
        where = "functions" if isinstance(error, InvalidFunctionsError) else "configuration"
        screen.tell("Error", f"{count} in the {where}:")
        for problem in error.problems:
            _emit(problem, "", error=True)
        raise typer.Exit(2) from None
    except TestkitError as error:
        screen.tell("Error", str(error))
        raise typer.Exit(1 if isinstance(error, CommandFailedError) else 2) from None


def print_run(run: Run, screen: Screen) -> None:
    """Print a run's timeline."""
    for line in _headline(title(run), screen.width):
        screen.write(line, "bold")
    table = rows(run)
    for line, kind in _table(table, screen.width):
        screen.write(line, STYLES.get(kind, ""))


def _table(table: Sequence[Row], width: int | None) -> Iterator[tuple[str, str]]:
    """Give each line with its kind; columns as in `Run.timeline()`."""
    heads = Row("at", "step", "attempt", "outcome", "run")
    at, step, attempt = (
        max(len(getattr(row, column)) for row in [*table, heads]) for column in ("at", "step", "attempt")
    )
    indent = " " * (at + step + attempt + 8)
    for row in [heads, *table]:
        line = f"  {row.at:>{at}}  {row.step:<{step}}  {row.attempt:>{attempt}}  {row.outcome}".rstrip()
        for part in _wrapped(line, width, indent):
            yield part, row.kind


def _wrapped(line: str, width: int | None, indent: str) -> list[str]:
    """Break a line that is wider than the screen; what follows is indented, if that leaves room enough."""
    if width is None or len(line) <= width:
        return [line]
    if width - len(indent) < _NARROWEST:
        indent = "    "
    # A column's own blanks are no place to break: they stay in front of the first word.
    head = line[: len(indent)]
    room = max(width - len(indent), 1)
    parts = textwrap.wrap(line[len(indent) :], room, break_on_hyphens=False, drop_whitespace=True) or [""]
    return [head + parts[0], *(indent + part for part in parts[1:])]


def _headline(text: str, width: int | None) -> Iterator[str]:
    """Break a title that is too wide between its parts."""
    line = ""
    for part in text.split(" · "):
        longer = f"{line} · {part}" if line else part
        if line and width is not None and len(longer) > width:
            yield line
            longer = f"    {part}"
        line = longer
    yield from _wrapped(line, width, "    ")


def summary(runs: Sequence[Run], started_at: datetime, now: datetime) -> str:
    """Write the line below all timelines: how many runs, what became of them, how much virtual time."""
    counts = {status: sum(run.status is status for run in runs) for status in RunStatus}
    waiting = counts[RunStatus.QUEUED] + counts[RunStatus.RUNNING]
    parts = [
        f"{count} {word}"
        for count, word in (
            (counts[RunStatus.COMPLETED], "completed"),
            (counts[RunStatus.FAILED], "failed"),
            (counts[RunStatus.CANCELLED], "cancelled"),
            (waiting, "still waiting"),
        )
        if count
    ]
    total = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    told = f"{total}: {', '.join(parts)}" if parts else "no runs"
    return f"{told} · {format_duration(now - started_at)} of virtual time, until {now:%Y-%m-%d %H:%M:%S}"


def runs_to_json(runs: Sequence[Run], *, seed: int, started_at: datetime, now: datetime) -> str:
    """Write the runs as JSON; keys and their order are fixed."""
    document = {
        "seed": seed,
        "started_at": started_at.isoformat(),
        "now": now.isoformat(),
        "runs": [_run(run) for run in runs],
    }
    return json.dumps(document, indent=2)


def _run(run: Run) -> dict[str, object]:
    return {
        "id": run.id,
        "function": run.function_id,
        "status": run.status.value,
        "started_at": run.started_at.isoformat(),
        "ended_at": _iso(run.ended_at),
        "events": [event.to_dict() for event in run.events],
        "output": run.output,
        "error": _error(run.error),
        "steps": {name: _step(record) for name, record in run.steps.items()},
        "waiting": [
            {
                "kind": wait.kind,
                "step": wait.step,
                "until": wait.until.isoformat(),
                "event": wait.event,
                "match": wait.match,
                "on_timeout": wait.on_timeout,
            }
            for wait in run.waiting
        ],
        "history": [entry.to_dict() for entry in run.history],
    }


def _step(record: StepRecord) -> dict[str, object]:
    return {
        "status": record.status.value,
        "attempts": [_attempt(attempt) for attempt in record.attempts],
        "output": record.output,
        "error": _error(record.error),
        "started_at": record.started_at.isoformat(),
        "ended_at": _iso(record.ended_at),
    }


def _attempt(attempt: Attempt) -> dict[str, JsonValue]:
    return {
        "number": attempt.number,
        "started_at": attempt.started_at.isoformat(),
        "ended_at": _iso(attempt.ended_at),
        "error": _error(attempt.error),
        "retry_at": _iso(attempt.retry_at),
    }


def _error(error: ErrorInfo | None) -> dict[str, JsonValue] | None:
    return None if error is None else {"name": error.name, "message": error.message}


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
