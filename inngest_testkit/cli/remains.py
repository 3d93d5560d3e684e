"""What is left of a server that kept everything in memory: a small file that says what was lost with it.

The file is written at most once a second, as a whole or not at all, and only its owner can read it.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from inngest_testkit.clock import WallClock

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from inngest_testkit.runs import Journal

__all__ = ["FOLDER", "MOST_RUNS", "LostRun", "Note", "Remains"]

#: The folder of the file, below the one that the server is started in.
FOLDER = ".inngest-testkit"
#: Runs that are listed; all are counted.
MOST_RUNS = 1000
#: Seconds between two notes, and after which one is written though nothing changed.
_PACE_S, _LATEST_S = 1.0, 5.0
#: Runs that are named in words.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class LostRun:
    """A run that was not over; `event` is the name of the event that started it, `since` when it was created."""

    id: str
    function: str
    event: str
    since: str

    def __str__(self) -> str:
        return f"{self.function} {self.id}" + (f" ({self.event})" if self.event else "")


@dataclass(frozen=True, slots=True)
class Note:
    """What a server wrote down of itself; moments are ISO 8601. `open_count` counts also the runs not in `open`."""

    pid: int
    started_at: str
    noted_at: str
    stopped: bool
    events_accepted: int
    runs_created: int
    runs_finished: int
    open_count: int
    open: tuple[LostRun, ...] = field(default=())

    @property
    def words(self) -> str:
        """Say what was lost; empty when nothing was."""
        until = f"{datetime.fromisoformat(self.noted_at).astimezone():%H:%M:%S}"
        if self.stopped and not self.open_count:
            return ""
        how = f"ran here was stopped at {until}" if self.stopped else f"ran here until {until} was killed"
        lost = self._lost()
        after = "" if self.stopped else "; events accepted after its last note, up to one second, are not listed"
        return f"the server that {how}: {lost}{after}"

    def _lost(self) -> str:
        if not self.open_count:
            return "no run was open"
        named = ", ".join(str(run) for run in self.open[:_NAMED])
        more = self.open_count - min(len(self.open), _NAMED)
        rest = f" and {more} more" if more else ""
        count = "1 run was not over and is" if self.open_count == 1 else f"{self.open_count} runs were not over and are"
        return f"{count} lost: {named}{rest}"


class Remains:
    """The file of the server on a port, below a folder."""

    def __init__(self, folder: Path, port: int) -> None:
        self.file = folder / FOLDER / f"dev-{port}.json"
        self._started_at = WallClock().now()
        self._last = ""
        self._written_at = self._started_at

    def read(self) -> Note | None:
        """Return the note of the server before; None without one. Raises `ValueError` for an unreadable one."""
        try:
            text = self.file.read_text(errors="replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ValueError(f"{self.file} cannot be read: {error.strerror or error}") from None
        try:
            fields = json.loads(text)
            note = Note(**{**fields, "open": tuple(LostRun(**run) for run in fields["open"])})
            datetime.fromisoformat(note.noted_at)
        except (TypeError, KeyError, ValueError):
            raise ValueError(f"{self.file} is not a note of a server; delete it") from None
        return note

    def note(self, journal: Journal, counts: Counter[str], *, stopped: bool = False) -> Note:
        """Return what there is to note down now."""
        listed = [
            LostRun(
                id=run_id,
                function=journal.functions[run_id],
                event=next((event.name for event in journal.run_events[run_id]), ""),
                since=journal.runs[run_id][0].at.isoformat() if journal.runs[run_id] else "",
            )
            for run_id in islice(journal.open_runs, MOST_RUNS)
        ]
        return Note(
            pid=os.getpid(),
            started_at=self._started_at.isoformat(),
            noted_at=WallClock().now().isoformat(),
            stopped=stopped,
            events_accepted=counts["events"],
            runs_created=counts["runs"],
            runs_finished=counts["completed"] + counts["failed"] + counts["cancelled"],
            open_count=len(journal.open_runs),
            open=tuple(listed),
        )

    def write(self, note: Note) -> None:
        """Write a note in the place of the last one. Raises `OSError`."""
        folder = self.file.parent
        folder.mkdir(exist_ok=True)
        ignored = folder / ".gitignore"
        if not ignored.exists():
            ignored.write_text("*\n")
        # Made with mode 0600.
        handle, name = tempfile.mkstemp(prefix=f"{self.file.name}.", dir=folder)
        try:
            with os.fdopen(handle, "w") as file:
                json.dump(asdict(note), file)
            Path(name).replace(self.file)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise

    async def keep(self, journal: Journal, counts: Counter[str], failed: Callable[[OSError], None]) -> None:
        """Write a note whenever something changed, until cancelled; `failed` is told once that it cannot be written."""
        while True:
            note = self.note(journal, counts)
            told = f"{note.events_accepted} {note.runs_created} {note.runs_finished} {note.open_count}"
            now = WallClock().now()
            if told != self._last or (now - self._written_at).total_seconds() >= _LATEST_S:
                self._last, self._written_at = told, now
                try:
                    await anyio.to_thread.run_sync(self.write, note)
                except OSError as error:
                    failed(error)
                    return
            await anyio.sleep(_PACE_S)

    def end(self, journal: Journal, counts: Counter[str]) -> None:
        """Leave a note of a clean stop; none when nothing is lost by it."""
        note = self.note(journal, counts, stopped=True)
        with contextlib.suppress(OSError):
            if note.open_count:
                self.write(note)
            else:
                self.file.unlink(missing_ok=True)
