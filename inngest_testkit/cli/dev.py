"""`inngest-testkit dev`: the dev server, with functions from disk and apps that register, until it is stopped."""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio

from inngest_testkit.api import ApiSettings
from inngest_testkit.cli.live_log import Level, LiveLog
from inngest_testkit.cli.reload import FolderFunctions
from inngest_testkit.cli.remains import Remains
from inngest_testkit.clock import FakeClock, WallClock, as_utc
from inngest_testkit.drivers.registry import Drivers
from inngest_testkit.engine import AsyncEngine
from inngest_testkit.errors import InvalidFunctionsError, MissingExtraError, SetupError
from inngest_testkit.lifecycle import TriggerExpressionWarning

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Sequence

    from anyio.abc import TaskGroup

    from inngest_testkit.api.face import Face
    from inngest_testkit.api.server import Address
    from inngest_testkit.cli.output import Screen
    from inngest_testkit.cli.reload import Changes
    from inngest_testkit.functions.model import Function
    from inngest_testkit.runs.journal import Journal

__all__ = ["DevOptions", "run_dev"]

_log = logging.getLogger("inngest_testkit")

#: Seconds between two looks for warnings of the engine, which in real time has no call that would emit them.
_WARNINGS_S = 1.0
#: Problems of files that are printed before the rest is counted.
_MOST_LINES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class DevOptions:
    """The options of the command, as given."""

    path: Path = field(default_factory=Path)
    sdk_urls: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: int = 8288
    virtual_time: bool = False
    start: str | None = None
    seed: int = 0
    require_keys: bool = False
    event_keys: tuple[str, ...] = ()
    signing_key: str | None = None
    retry_interval: int | None = None
    poll_interval: int = 5
    no_poll: bool = False
    keep: int = 10_000
    no_reload: bool = False
    remote_control: bool = False
    allowed_hosts: tuple[str, ...] = ()
    log_level: Level = Level.INFO
    as_json: bool = False


def run_dev(options: DevOptions, screen: Screen) -> int:
    """Serve until SIGINT or SIGTERM; return the exit status. Raises the library's errors for what is wrong with it."""
    try:
        from inngest_testkit.api.face import Face
        from inngest_testkit.api.host import host_of
        from inngest_testkit.api.server import Address, listen
    except ImportError as error:
        if not (error.name or "").startswith("inngest_testkit"):
            raise MissingExtraError("the dev server", "server") from error
        raise
    settings = ApiSettings(
        strict=options.require_keys,
        event_keys=options.event_keys,
        signing_key=options.signing_key,
        hosts=options.allowed_hosts,
        remote_control=options.remote_control,
    )
    for url in options.sdk_urls:
        if not _is_address(url):
            raise SetupError(f"--sdk-url {url!r} is no address; write one such as http://127.0.0.1:3000/api/inngest")
    if options.path.suffix == ".py":
        raise SetupError(
            f"{str(options.path)!r} is Python: functions of an SDK are served by an app, so start the app and give its "
            "address: --sdk-url http://127.0.0.1:8000/api/inngest"
        )
    if options.start is not None and not options.virtual_time:
        raise SetupError("--start is where a virtual clock starts; it goes with --virtual-time")
    clock = FakeClock(None if options.start is None else as_utc(options.start)) if options.virtual_time else WallClock()
    engine = AsyncEngine(
        clock=clock, seed=options.seed, keep=options.keep, retry_interval=options.retry_interval or None
    )
    sock = listen(options.host, options.port)
    try:
        address = Address(options.host, sock.getsockname()[1], settings)
        dev = DevServer(options, screen, Face(host_of(engine), settings), address)
        with _warnings_told(dev.warn), _logging_told(dev):
            anyio.run(dev.run, sock, backend_options={"use_uvloop": _has_uvloop()})
    finally:
        sock.close()
    return 0


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _has_uvloop() -> bool:
    from importlib.util import find_spec

    return find_spec("uvloop") is not None


class DevServer:
    """One run of the command."""

    def __init__(self, options: DevOptions, screen: Screen, face: Face, address: Address) -> None:
        self._options, self._screen, self._face = options, screen, face
        self.url = address.url
        self._functions = FolderFunctions(options.path, face.host)
        self._remains = Remains(Path.cwd(), address.port)
        self._log = LiveLog(
            self._journal,
            as_json=options.as_json,
            color=screen.color,
            level=options.log_level,
            local_time=not options.virtual_time,
        )

    @property
    def _journal(self) -> Journal:
        return self._face.host.core.journal

    async def run(self, sock: socket.socket) -> None:
        """Serve on a socket until stopped."""
        from inngest_testkit.api.app import app_of
        from inngest_testkit.api.foreground import FaceServer

        server = FaceServer(app_of(self._face))
        # From the first word on: who reads that the server is there may stop it.
        with server.capture_signals():
            loaded = await self._functions.refresh()
            self._tell_lost()
            self._tell_start(loaded)
            self._journal.listen(self._log.see)
            try:
                async with anyio.create_task_group() as tasks:
                    self._start_tasks(tasks)
                    await server.serve(sockets=[sock])
                    self._functions.stop()
                    tasks.cancel_scope.cancel()
                await self._face.host.call(lambda core: core.close())
            finally:
                self._remains.end(self._journal, self._log.counts)
                self._tell_end()
                self._log.flush()

    def _start_tasks(self, tasks: TaskGroup) -> None:
        tasks.start_soon(self._log.run)
        tasks.start_soon(self._emit_warnings)
        tasks.start_soon(partial(self._remains.keep, self._journal, self._log.counts, self._tell_unnoted))
        if not self._options.no_reload:
            tasks.start_soon(self._watch)
        if self._options.sdk_urls:
            tasks.start_soon(self._discover)

    async def _discover(self) -> None:
        from inngest_testkit.api.discovery import keep_synced

        poll = None if self._options.no_poll else float(self._options.poll_interval)
        await keep_synced(self._face, self._options.sdk_urls, poll_s=poll)

    async def _watch(self) -> None:
        try:
            await self._functions.watch(self._tell_changes, self._tell_broken)
        except OSError as error:
            self.warn(f"changes of functions are not seen, restart after one: {error}")

    async def _emit_warnings(self) -> None:
        while True:
            await anyio.sleep(_WARNINGS_S)
            self._face.host.core.emit_warnings()

    # -- what is told

    def warn(self, text: str) -> None:
        """Tell a warning."""
        if self._options.as_json:
            self._log.say(text, kind="server.warning", message=text)
        else:
            self._screen.tell("Warning", text)

    def note(self, text: str) -> None:
        """Tell something worth knowing."""
        self._log.say(text, "cyan", kind="server.note", message=text)

    def _tell_lost(self) -> None:
        try:
            note = self._remains.read()
        except ValueError as error:
            self.warn(f"what a server before this one lost is not known: {error}")
            return
        if note is None or not note.words:
            return
        if self._options.as_json:
            self._log.say(
                kind="server.lost",
                message=note.words,
                noted_at=note.noted_at,
                stopped=note.stopped,
                lost=note.open_count,
                runs=[asdict(run) for run in note.open],
            )
        else:
            self._screen.tell("Warning", note.words)

    def _tell_unnoted(self, error: OSError) -> None:
        what = error.strerror or error
        self.warn(f"{self._remains.file} cannot be written ({what}): after a kill nothing will tell what was lost")

    def _tell_start(self, loaded: Changes) -> None:
        for text in (*loaded.ignored, *self._without_driver(loaded.added)):
            self.warn(text)
        functions = [self._functions.functions[name] for name in sorted(self._functions.functions)]
        if self._options.as_json:
            self._log.say(
                kind="server.started",
                url=self.url,
                event_api=f"{self.url}/e/",
                virtual_time=self._options.virtual_time,
                functions=[function.id for function in functions],
            )
            self._log.flush()
            return
        for line, style in self._start_lines(functions):
            self._log.say(line, style)
        self._log.flush()

    def _start_lines(self, functions: Sequence[Function]) -> Iterator[tuple[str, str]]:
        options = self._options
        time = (
            f"virtual time from {self._face.host.core.clock.now():%Y-%m-%d %H:%M:%S} UTC"
            if options.virtual_time
            else "real time"
        )
        yield f"inngest-testkit dev, in {time}", "bold"
        yield "", ""
        yield f"  Page       {self.url}/", "green"
        keys = "a key that is registered" if options.require_keys else "any key will do"
        yield f"  Event API  {self.url}/e/KEY   ({keys})", ""
        yield f"  SDKs       INNGEST_DEV={self.url}", ""
        for url in options.sdk_urls:
            yield f"  App        {url}", ""
        yield "", ""
        if not functions and not options.sdk_urls:
            yield f"  No functions below '{options.path}' yet; an app that registers here is served, too", ""
        for function in functions:
            yield f"  {function.id}   {', '.join(str(trigger) for trigger in function.triggers)}", ""
        yield "", ""

    def _tell_changes(self, changes: Changes) -> None:
        for text in (*changes.ignored, *self._without_driver((*changes.added, *changes.changed))):
            self.warn(text)
        names = {"added": changes.added, "changed": changes.changed, "removed": changes.removed}
        told = str(changes) or "as they were"
        self._log.say(f"functions: {told}", "cyan", kind="functions.loaded", message=told, **names)

    def _tell_broken(self, error: SetupError) -> None:
        problems = list(error.problems) if isinstance(error, InvalidFunctionsError) else [str(error)]
        if self._options.as_json:
            self._log.say(kind="functions.broken", problems=problems)
            return
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        shown = "\n".join(problems[:_MOST_LINES])
        self._screen.tell("Error", f"{count} in the functions, those that are loaded stay:\n{shown}")

    def _without_driver(self, names: Sequence[str]) -> Iterator[str]:
        """Say which steps cannot run here."""
        drivers: Drivers = self._face.host.core.drivers
        for name in names:
            for step in self._functions.functions[name].steps:
                if step.runtime is not None and step.runtime.type not in drivers.runtimes:
                    yield (
                        f"function {name!r}, step {step.id!r} runs in {step.runtime.type}, for which this server has "
                        "no driver: a run that comes to it fails there"
                    )

    def _tell_end(self) -> None:
        counts = self._log.counts
        left = len(self._journal.open_runs)
        if self._options.as_json:
            self._log.say(
                kind="server.stopped",
                events=counts["events"],
                runs=counts["runs"],
                completed=counts["completed"],
                failed=counts["failed"],
                cancelled=counts["cancelled"],
                lost=left,
            )
            return
        parts = [f"{counts[name]} {name}" for name in ("completed", "failed", "cancelled") if counts[name]]
        lost = [f"{left} not over, and lost"] if left else []
        told = ", ".join([*parts, *lost])
        events, runs = _counted(counts["events"], "event"), _counted(counts["runs"], "run")
        self._log.say(f"Stopped: {events}, {runs}" + (f": {told}" if told else ""), "bold")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


@contextmanager
def _warnings_told(warn: Callable[[str], None]) -> Iterator[None]:
    """Tell the engine's warnings, but for those that the log tells as they happen."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", TriggerExpressionWarning)

        def show(message: Warning | str, *_: object, **__: object) -> None:
            warn(str(message))

        warnings.showwarning = show
        yield


class _Told(logging.Handler):
    """Tells what the package and the HTTP server log."""

    def __init__(self, dev: DevServer) -> None:
        super().__init__(logging.INFO)
        self._dev = dev

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        text = self.format(record)
        if record.levelno >= logging.WARNING:
            self._dev.warn(text)
        else:
            self._dev.note(text)


@contextmanager
def _logging_told(dev: DevServer) -> Iterator[None]:
    handler = _Told(dev)
    levels = {"inngest_testkit": logging.INFO, "uvicorn": logging.WARNING}
    loggers = {logging.getLogger(name): level for name, level in levels.items()}
    before = {logger: (logger.level, logger.propagate) for logger in loggers}
    for logger, level in loggers.items():
        logger.addHandler(handler)
        logger.setLevel(level)
        logger.propagate = False
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
            logger.level, logger.propagate = before[logger]
