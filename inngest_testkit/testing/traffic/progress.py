"""A bar that shows how far a simulation has come, where somebody looks at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from inngest_testkit.clock import unfrozen_now
from inngest_testkit.errors import MissingExtraError, SetupError

if TYPE_CHECKING:
    from inngest_testkit.runs.model import HistoryEntry

__all__ = ["Bar", "bar_for"]

#: Real time between two updates.
_EVERY = timedelta(seconds=0.1)
#: Entries between two looks at the real clock.
_ENTRIES = 64


class Bar(AbstractContextManager["Bar"]):
    """Shows the virtual time by the history that is written; `say` tells what else to show."""

    def __init__(self, begin: datetime, until: datetime, say: Callable[[], str]) -> None:
        rich = _rich()
        self._begin, self._until, self._say = begin, until, say
        self._bar = rich.Progress(
            rich.TextColumn("{task.description}"),
            rich.BarColumn(),
            rich.TaskProgressColumn(),
            rich.TextColumn("{task.fields[said]}"),
            rich.TimeElapsedColumn(),
            console=rich.Console(stderr=True),
            # No thread, and no clock that the engine may freeze.
            auto_refresh=False,
            get_time=lambda: unfrozen_now().timestamp(),
            transient=True,
        )
        self._task = self._bar.add_task("simulating", total=(until - begin).total_seconds(), said="")
        self._heard, self._shown = 0, unfrozen_now()

    def hear(self, entry: HistoryEntry) -> None:
        """Take an entry of the journal, and update the bar if it is time."""
        self._heard += 1
        if self._heard % _ENTRIES:
            return
        now = unfrozen_now()
        # The machine's clock may be set back.
        if abs(now - self._shown) >= _EVERY:
            self._shown = now
            self._show(entry.at)

    def _show(self, at: datetime) -> None:
        done = min(at, self._until) - self._begin
        what = "simulating" if at <= self._until else "draining"
        said = f"{at:%Y-%m-%d %H:%M}, {self._say()}"
        self._bar.update(self._task, completed=done.total_seconds(), description=what, said=said)
        self._bar.refresh()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


def bar_for(asked: bool | None, begin: datetime, until: datetime, say: Callable[[], str]) -> Bar | None:  # noqa: FBT001
    """Return a bar if it is asked for, or (None) if standard error is a terminal and rich is there.

    Raises `MissingExtraError` when one is asked for and rich is not there.
    """
    if asked not in (None, True, False):
        raise SetupError(f"progress must be True, False or None (on a terminal), found {asked!r}")
    if asked is False or (asked is None and not sys.stderr.isatty()):
        return None
    try:
        return Bar(begin, until, say)
    except ImportError:
        if asked is None:
            return None
        raise MissingExtraError("a progress bar", "cli") from None


def _rich() -> Any:  # noqa: ANN401 - a module
    import rich.progress  # late: an extra, and only people look at it

    return rich.progress
