"""Functions from files that change: loaded again, and put in the place of those that were there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from inngest_testkit.errors import SetupError
from inngest_testkit.functions.loader import FILE_NAMES, load_functions

if TYPE_CHECKING:
    from collections.abc import Callable

    from inngest_testkit.api.host import Host
    from inngest_testkit.functions.loader import LoadedFunction
    from inngest_testkit.functions.model import Function

__all__ = ["Changes", "FolderFunctions"]

#: Milliseconds after which a watcher that saw nothing looks whether it is to stop.
_LOOK_MS = 500


@dataclass(frozen=True, slots=True)
class Changes:
    """The functions, by id, that a reload added, changed and removed; `ignored` are fields that mean nothing."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def __str__(self) -> str:
        parts = [("added", self.added), ("changed", self.changed), ("removed", self.removed)]
        return "; ".join(f"{word} {', '.join(names)}" for word, names in parts if names)


class FolderFunctions:
    """The functions of a folder or file, in an engine."""

    def __init__(self, path: Path, host: Host) -> None:
        self._path, self._host = path, host
        #: Those that the engine has from there, by id.
        self.functions: dict[str, Function] = {}
        self._stopped = anyio.Event()

    def stop(self) -> None:
        """Let `watch` end; a thread of it that waits for changes can only be told, not cancelled."""
        self._stopped.set()

    async def refresh(self) -> Changes:
        """Let the engine have what is there now: changed functions get a new version, those that are gone are retired.

        Raises `InvalidFunctionsError` with every problem of every file; the engine keeps what it has then.
        """
        loaded = await anyio.to_thread.run_sync(load_functions, self._path)
        found = {each.function.id: each.function for each in loaded}
        before = self.functions
        added = tuple(name for name in found if name not in before)
        changed = tuple(name for name in found if name in before and before[name] != found[name])
        removed = tuple(name for name in before if name not in found)
        if added or changed or removed:
            new = [found[name] for name in (*added, *changed)]
            await self._host.call(lambda core: core.replace(new, removed))
        self.functions = found
        return Changes(added, changed, removed, _ignored(loaded, {*added, *changed}))

    async def watch(self, told: Callable[[Changes], None], broken: Callable[[SetupError], None]) -> None:
        """Refresh whenever a file changes, until `stop`."""
        from watchfiles import Change, DefaultFilter, awatch

        usual = DefaultFilter()

        def concerns(change: Change, path: str) -> bool:
            name = Path(path)
            # A folder that came or went is told as such, without the files in it.
            is_folder = change is not Change.modified and (not name.suffix or name.is_dir())
            return usual(change, path) and (name.name in FILE_NAMES or is_folder)

        watched = self._path if self._path.is_dir() else self._path.parent
        last, is_first = "", True
        async for seen in awatch(
            watched,
            watch_filter=concerns,
            stop_event=self._stopped,
            rust_timeout=_LOOK_MS,
            yield_on_timeout=True,
        ):
            # What changed between loading and watching was seen by neither.
            if not seen and not is_first:
                continue
            is_first = False
            try:
                changes = await self.refresh()
            except SetupError as error:
                if str(error) != last:
                    broken(error)
                last = str(error)
            else:
                if changes or last:
                    told(changes)
                last = ""


def _ignored(loaded: tuple[LoadedFunction, ...], fresh: set[str]) -> tuple[str, ...]:
    return tuple(field for each in loaded if each.function.id in fresh for field in each.ignored)
