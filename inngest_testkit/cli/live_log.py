"""What a running server tells on its terminal: each event and each step of a run as it happens, one line each.

Writing never holds the server up: lines are gathered and written by a thread, and what is too much to read is counted.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, deque
from enum import IntEnum
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from inngest_testkit.durations import format_duration
from inngest_testkit.runs.model import HistoryKind
from inngest_testkit.runs.replay import ENDS
from inngest_testkit.runs.timeline import STYLES, describe, readable

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from inngest_testkit.runs import HistoryEntry, Journal

__all__ = ["INTERNAL", "Level", "LiveLog"]

#: What the names of the server's own events begin with.
INTERNAL = "inngest/"
#: Seconds between two writes, and the lines of one that a person may still read.
_PACE_S, _MOST_LINES = 0.1, 40
#: Lines that wait for a machine that reads too slowly.
_MOST_WAITING = 100_000
#: Steps whose beginning is remembered, to tell how long they took.
_MOST_STEPS = 10_000
_SIGNS = {"ok": "✓", "retry": "↻", "failed": "✕", "waits": "◔", "skipped": "-", "run": "▸", "event": "◆"}
#: The random end of a run's id, which tells runs apart.
_TAIL = 6
_MILLISECOND = 1000


class Level(IntEnum):
    """How much is told; the names are those of the server's `--log-level`."""

    DEBUG = 0
    INFO = 1
    WARN = 2
    ERROR = 3


_LEVELS = {"failed": Level.ERROR, "retry": Level.WARN, "skipped": Level.DEBUG}
_QUIET = {HistoryKind.STEP_PLANNED, HistoryKind.STEP_TAKES, HistoryKind.RUN_STARTED}


class LiveLog:
    """Listens to a journal and writes lines; `as_json` writes every transition, as JSON, for machines."""

    def __init__(
        self,
        journal: Journal,
        *,
        as_json: bool = False,
        color: bool = False,
        level: Level = Level.INFO,
        local_time: bool = True,
        write: Callable[[str], object] | None = None,
    ) -> None:
        self._journal, self._as_json, self._color, self._level = journal, as_json, color, level
        self._local_time, self._write = local_time, write or _to_stdout
        self._lines: deque[str] = deque()
        self._left_out: Counter[str] = Counter()
        self._begun: dict[tuple[str, str], datetime] = {}
        #: How many events came from clients and runs, how many runs were created, and how they ended.
        self.counts: Counter[str] = Counter()

    def see(self, entry: HistoryEntry) -> None:
        """Take a transition; a listener of the journal."""
        self._count(entry)
        if self._as_json:
            self._add("transitions", lambda: self._machine(entry), _MOST_WAITING)
            return
        took = self._took(entry)
        kind = self._kind(entry)
        if kind is not None:
            most = _MOST_LINES * 2 if kind == "failed" else _MOST_LINES
            self._add("lines", lambda: self._line(entry, took), most)

    def say(self, text: str = "", style: str = "", **facts: object) -> None:
        """Write a line of the server's own; for machines, the facts."""
        self._lines.append(json.dumps(facts) if self._as_json else _styled(text, style, color=self._color))

    def _add(self, what: str, make: Callable[[], str], most: int) -> None:
        if len(self._lines) < most:
            self._lines.append(make())
        else:
            self._left_out[what] += 1

    def _count(self, entry: HistoryEntry) -> None:
        if entry.kind is HistoryKind.EVENT_RECEIVED:
            self.counts["events"] += not entry.data["name"].startswith(INTERNAL)
        elif entry.kind is HistoryKind.RUN_CREATED:
            self.counts["runs"] += 1
        elif entry.kind in ENDS:
            self.counts[ENDS[entry.kind].value.lower()] += 1

    def _took(self, entry: HistoryEntry) -> timedelta | None:
        """How long a step or a run took that is over now."""
        if entry.kind in ENDS:
            history = self._journal.runs.get(entry.run_id)
            return entry.at - history[0].at if history else None
        key = (entry.run_id, entry.step or "")
        if entry.kind is HistoryKind.STEP_STARTED:
            self._begun[key] = entry.at
            if len(self._begun) > _MOST_STEPS:
                del self._begun[next(iter(self._begun))]
        elif entry.kind in (HistoryKind.STEP_COMPLETED, HistoryKind.STEP_FAILED):
            began = self._begun.pop(key, None)
            return None if began is None else entry.at - began
        return None

    def _kind(self, entry: HistoryEntry) -> str | None:
        """Return the key of the styles for what is told of; None for what is not."""
        told = self._told(entry)
        if told is None:
            return None
        kind = told[0]
        quiet = Level.DEBUG if entry.kind in _QUIET else Level.INFO
        return kind if _LEVELS.get(kind, quiet) >= self._level else None

    def _told(self, entry: HistoryEntry) -> tuple[str, str] | None:
        data = entry.data
        if entry.kind is HistoryKind.EVENT_RECEIVED:
            return None if data["name"].startswith(INTERNAL) else ("event", f"{data['name']}  {data['event_id']}")
        if entry.kind is HistoryKind.EVENT_DROPPED:
            return "retry", f"{data['event']} starts no {data['function_id']}: {data['reason']}"
        if entry.kind is HistoryKind.TRIGGER_FAILED:
            return "failed", f"the trigger of {data['function_id']} could not be evaluated: {data['error']}"
        history = self._journal.runs.get(entry.run_id)
        return describe(entry, history[0].at) if history else None

    def _line(self, entry: HistoryEntry, took: timedelta | None) -> str:
        kind, outcome = self._told(entry) or ("run", "")
        parts = [self._time(entry.at), _SIGNS.get(kind, "·")]
        if entry.run_id:
            parts += [self._journal.functions.get(entry.run_id, ""), entry.run_id[-_TAIL:]]
        if entry.step:
            attempt = f" (attempt {entry.attempt})" if entry.attempt else ""
            parts.append(f"{entry.step}{attempt}")
        parts.append(outcome)
        if took:
            parts.append(f"· {format_duration(readable(took))}")
        text = "  ".join(part for part in parts if part)
        return _styled(text, "bold" if kind == "event" else STYLES.get(kind, ""), color=self._color)

    def _time(self, at: datetime) -> str:
        if not self._local_time:
            return f"{at:%Y-%m-%d %H:%M:%S}"
        local = at.astimezone()
        return f"{local:%H:%M:%S}.{local.microsecond // _MILLISECOND:03}"

    def _machine(self, entry: HistoryEntry) -> str:
        told = entry.to_dict()
        if entry.run_id:
            told["function_id"] = self._journal.functions.get(entry.run_id)
        return json.dumps(told, default=str)

    async def run(self) -> None:
        """Write what comes in, until cancelled."""
        while True:
            await anyio.sleep(_PACE_S)
            if text := self._taken():
                await anyio.to_thread.run_sync(self._write, text)

    def flush(self) -> None:
        """Write what is left."""
        if text := self._taken():
            self._write(text)

    def _taken(self) -> str:
        lines = list(self._lines)
        self._lines.clear()
        left_out, self._left_out = self._left_out, Counter()
        for what, count in left_out.items():
            text = f"  … {count} {what} more"
            machine = json.dumps({"kind": "log.left_out", "count": count})
            lines.append(machine if self._as_json else _styled(text, "dim", color=self._color))
        return "".join(f"{line}\n" for line in lines)


def _to_stdout(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
    sys.stdout.flush()


def _styled(text: str, style: str, *, color: bool) -> str:
    # What comes from outside may hold what a terminal obeys.
    shown = "".join(each if each.isprintable() else "�" for each in text)
    if not color or not style:
        return shown
    from rich.color import ColorSystem
    from rich.style import Style

    return Style.parse(style).render(shown, color_system=ColorSystem.STANDARD)
