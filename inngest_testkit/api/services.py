"""The services of the server, started by name in one process. They meet only through the stores.

A service that is not named does not do its work: what it would take stays in its store. Source: recordings/dag README,
"Configuration (`serve`)".
"""

from __future__ import annotations

import logging
import secrets
import signal
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from inngest_testkit.api import events
from inngest_testkit.api.app import app_of
from inngest_testkit.api.callers import CORE_RULES, RULES, Rules
from inngest_testkit.api.face import Face
from inngest_testkit.api.foreground import FaceServer
from inngest_testkit.api.graphql.core_api import core_routes, signpost
from inngest_testkit.api.host import host_of
from inngest_testkit.api.logs import transitions
from inngest_testkit.api.server import listen
from inngest_testkit.api.settings import ApiSettings
from inngest_testkit.clock import WallClock
from inngest_testkit.drivers.base import StepResponse
from inngest_testkit.engine import AsyncEngine
from inngest_testkit.errors import InvalidConfigurationError, NotFoundError, SetupError
from inngest_testkit.runs.model import ErrorInfo

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from anyio import CancelScope

    from inngest_testkit.api.app import Part
    from inngest_testkit.api.configuration import Configuration, LoadedConfiguration
    from inngest_testkit.api.configuration.model import CoreApi, EventApi
    from inngest_testkit.api.host import Host
    from inngest_testkit.drivers.base import StepRequest
    from inngest_testkit.engine.core import Core
    from inngest_testkit.engine.live import Live
    from inngest_testkit.runs import HistoryEntry

__all__ = ["GRACE_S", "SERVICES", "check_services", "missing_services", "run_services"]

_log = logging.getLogger("inngest_testkit")

#: The services that there are.
SERVICES = ("event-api", "runner", "executor", "core-api")
#: Seconds in which requests and steps under way may end when the services stop.
GRACE_S = 10.0
#: Runs that are over and kept, for what an operator asks; the rest are forgotten.
_KEPT = 1000

#: The stores that each service reads or writes, by their names in the configuration.
_STORES = {
    "event-api": ("eventstream", "datastore"),
    "runner": ("eventstream", "queue", "state", "datastore"),
    "executor": ("eventstream", "queue", "state", "datastore"),
    "core-api": ("datastore",),
}
#: The backends of this version.
_BACKENDS = ("inmemory",)
#: Runtimes that steps of files can have, and those that this version has a driver for.
_RUNTIMES, _DRIVERS = ("docker", "http"), ("http",)

#: What a service does without another one that shares a store of this process's memory with it.
_MISSING = (
    ("event-api", "runner", "eventstream", "events are accepted and nothing handles them"),
    ("runner", "event-api", "eventstream", "no events arrive from outside"),
    ("runner", "executor", "queue", "runs are started and none of their steps is run"),
    ("executor", "runner", "eventstream", "no runs are started, and events that steps send are not handled"),
    ("runner", "core-api", "datastore", "no functions can be deployed, so nothing is started"),
    ("core-api", "runner", "datastore", "functions are kept and nothing starts them"),
)


def check_services(names: Sequence[str], configuration: Configuration) -> None:
    """Check that services can be started with a configuration.

    Raises `SetupError` when none is named, `NotFoundError` for an unknown one, and `InvalidConfigurationError` with
    every store and driver that this version does not have.
    """
    if not names:
        raise SetupError(f"name at least one service to start, of {', '.join(SERVICES)}")
    for name in names:
        if name not in SERVICES:
            raise NotFoundError("service", name, SERVICES)
    problems = [
        f"{store}.service.backend: {backend!r} is not in this version, which has {', '.join(_BACKENDS)}; "
        f"{' and '.join(name for name in names if store in _STORES[name])} cannot start with it"
        for store in dict.fromkeys(each for name in names for each in _STORES[name])
        if (backend := getattr(configuration, store).service.backend) not in _BACKENDS
    ]
    if "executor" in names and "mock" in configuration.execution.drivers:
        problems.append(
            "execution.drivers.mock: this version has no driver of that name for services; leave it out, and mock "
            "steps in tests: engine.mock(...)"
        )
    if problems:
        raise InvalidConfigurationError(problems)


def missing_services(names: Sequence[str], configuration: Configuration) -> list[str]:
    """Say what the named services lack for want of others, whose stores are in the memory of this process."""
    found = [
        f"{name} without {other}: {effect}, since {store} is in this process's memory"
        for name, other, store, effect in _MISSING
        if name in names and other not in names and getattr(configuration, store).service.backend == "inmemory"
    ]
    if "event-api" in names and "core-api" not in names and configuration.event_api.require_keys:
        found.append("event-api without core-api: source keys are asked for and none can be made, so all is refused")
    return found


async def run_services(
    loaded: LoadedConfiguration,
    names: Sequence[str],
    *,
    grace_s: float = GRACE_S,
    on_start: Callable[[], None] = lambda: None,
) -> None:
    """Run services until SIGINT or SIGTERM; then what is under way has `grace_s` seconds to end.

    A second signal ends it at once. `on_start` is called when all of them take requests. Raises as `check_services`
    does, and `SetupError` when an address cannot be listened at.
    """
    configuration = loaded.configuration
    check_services(names, configuration)
    engine = AsyncEngine(
        clock=WallClock(),
        keep=_KEPT,
        seed=secrets.token_hex(16),
        drivers=[_Absent(runtime) for runtime in _RUNTIMES if runtime not in _available(configuration)],
    )
    async with engine:
        host = host_of(engine)
        host.core.journal.listen(_logged(host.core, outputs=configuration.execution.log_output))
        listeners = _listeners(host, names, configuration)
        with _listening(listeners) as sockets:
            _announce(loaded, names)
            await _run(engine, host.core, names, listeners, sockets, grace_s, on_start)


def _available(configuration: Configuration) -> set[str]:
    return {runtime for runtime in configuration.execution.drivers if runtime in _DRIVERS}


@dataclass(frozen=True, slots=True)
class _Listener:
    """A service that takes requests: its settings, which stand at `section` of the configuration, and its parts."""

    name: str
    section: str
    settings: EventApi | CoreApi
    parts: tuple[Part, ...]
    face: Face
    rules: Rules = RULES


def _listeners(host: Host, names: Sequence[str], configuration: Configuration) -> list[_Listener]:
    found = list[_Listener]()
    if "event-api" in names:
        event_api = configuration.event_api
        face = ApiSettings(
            strict=event_api.require_keys,
            max_body=event_api.max_size,
            hosts=_hosts(event_api),
            control=False,
        )
        found.append(_Listener("event-api", "eventAPI", event_api, (events.routes,), Face(host, face)))
    if "core-api" in names:
        core_api = configuration.core_api
        face = ApiSettings(hosts=_hosts(core_api), control=False)
        found.append(_Listener("core-api", "coreAPI", core_api, (core_routes, signpost), Face(host, face), CORE_RULES))
    return found


def _hosts(settings: EventApi | CoreApi) -> tuple[str, ...]:
    return (settings.addr, *settings.hosts)


@contextmanager
def _listening(listeners: Sequence[_Listener]) -> Iterator[list[socket.socket]]:
    sockets: list[socket.socket] = []
    try:
        for each in listeners:
            names = (f"{each.section}.addr", f"{each.section}.port")
            sockets.append(listen(each.settings.addr, each.settings.port, names=names))
        yield sockets
    finally:
        for sock in sockets:
            sock.close()


def _announce(loaded: LoadedConfiguration, names: Sequence[str]) -> None:
    for name in loaded.unset:
        _log.warning("%s: $%s is not set in the environment, so nothing stands in its place", loaded.source, name)
    for line in missing_services(names, loaded.configuration):
        _log.warning("%s", line)
    if "executor" in names:
        for runtime in loaded.configuration.execution.drivers:
            if runtime not in _DRIVERS:
                _log.warning("steps of the runtime %s fail: this version has no driver for it", runtime)
    stores = {store: getattr(loaded.configuration, store).service.backend for name in names for store in _STORES[name]}
    fields: dict[str, Any] = {"services": list(names), "configuration": loaded.source, "stores": stores}
    _log.info("starting services", extra={"fields": fields})


def _logged(core: Core, *, outputs: bool) -> Callable[[HistoryEntry], None]:
    return transitions(outputs=outputs, function_of=lambda run_id: core.journal.functions.get(run_id, ""))


async def _run(
    engine: AsyncEngine,
    core: Core,
    names: Sequence[str],
    listeners: Sequence[_Listener],
    sockets: Sequence[socket.socket],
    grace_s: float,
    on_start: Callable[[], None],
) -> None:
    live = core.live
    assert live is not None  # noqa: S101 - the engine's clock is the wall's
    servers = [
        FaceServer(app_of(each.face, each.parts, each.rules, works=False), signals=False, grace_s=grace_s)
        for each in listeners
    ]
    async with anyio.create_task_group() as work:
        work.start_soon(partial(engine.work, deliver="runner" in names, work="executor" in names))
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            asked = aiter(signals)
            async with anyio.create_task_group() as serving:
                for server, sock in zip(servers, sockets, strict=True):
                    serving.start_soon(partial(server.serve, sockets=[sock]))
                for each in listeners:
                    fields = {"addr": each.settings.addr, "port": each.settings.port}
                    _log.info("%s listens", each.name, extra={"fields": fields})
                on_start()
                await anext(asked)
                _log.info("stopping; requests and steps under way have %g s to end", grace_s)
                for server in servers:
                    server.stop()
                with anyio.CancelScope() as waiting:
                    work.start_soon(_hurry, asked, servers, waiting)
                    await live.finish(core.clock.now() + timedelta(seconds=grace_s))
        _tell_end(core, live)
        work.cancel_scope.cancel()


async def _hurry(asked: AsyncIterator[signal.Signals], servers: Sequence[FaceServer], waiting: CancelScope) -> None:
    """Wait for nothing more, once asked a second time."""
    await anext(asked)
    for server in servers:
        server.force_exit = True
    waiting.cancel()


def _tell_end(core: Core, live: Live) -> None:
    """Say what ends with the process."""
    fields = {
        "steps_given_up": live.under_way,
        "runs_not_over": len(core.journal.open_runs),
        "events_not_handled": core.unhandled,
    }
    if any(fields.values()):
        _log.warning(
            "stopped; what is not over is lost, since it is in this process's memory", extra={"fields": fields}
        )
    else:
        _log.info("stopped", extra={"fields": fields})


class _Absent:
    """Fails the steps of a runtime that the configuration has no driver for, or this version."""

    never_suspends = True

    def __init__(self, runtime: str) -> None:
        self.runtime = runtime

    async def execute(self, request: StepRequest) -> StepResponse:
        """See `Driver.execute`."""
        known = (
            "this version has no driver for it" if self.runtime not in _DRIVERS else "execution.drivers leaves it out"
        )
        message = f"step {request.step_id!r} runs in {self.runtime!r}: {known}"
        return StepResponse(error=ErrorInfo("MissingDriverError", message), retryable=False)
