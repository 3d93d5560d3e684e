"""The private names of the Python SDK that the engine relies on, all of them.

What for: the handler that serves a client's functions (the SDK exports it only inside web frameworks), its HTTP
clients (so that what it sends reaches the engine), the clock of its sleeps and retries, and the counter of step ids
(which tells what steps a handler comes to). `check_sdk` says so when an SDK does not have them.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import importlib.metadata
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from inngest_testkit.drivers.scope import current_call
from inngest_testkit.errors import MissingExtraError, SetupError
from inngest_testkit.sdk.protocol import TracedStep

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import ModuleType

    import httpx
    import inngest

__all__ = [
    "SUPPORTED",
    "Handler",
    "check_client",
    "check_functions",
    "check_sdk",
    "guard_sends",
    "http_clients",
    "live_clients",
]

#: The versions of the SDK that the tests were run with: oldest and newest.
SUPPORTED = ("0.5.8", "0.5.19")

_NEEDED = (
    ("inngest._internal.comm_lib", "CommHandler"),
    ("inngest._internal.comm_lib", "CommRequest"),
    ("inngest._internal.server_lib", "Framework"),
    ("inngest._internal.step_lib.base", "StepIDCounter"),
    ("inngest._internal.step_lib.group", "in_parallel"),
    ("inngest._internal.step_lib.step_sync", "datetime"),
    ("inngest._internal.step_lib.step_async", "datetime"),
    ("inngest._internal.errors", "datetime"),
)
_CLOCKED = tuple(module for module, name in _NEEDED if name == "datetime")


def check_sdk() -> None:
    """Prepare the SDK for calls on virtual time, once.

    Raises `MissingExtraError` without the SDK, `SetupError` when it lacks a name that is needed.
    """
    global _prepared
    if _prepared:
        return
    try:
        importlib.import_module("inngest")
    except ImportError:
        raise MissingExtraError("serving functions of the Inngest SDK", "sdk") from None
    missing = [f"{module}.{name}" for module, name in _NEEDED if not _has(module, name)]
    if missing:
        raise SetupError(
            f"inngest {importlib.metadata.version('inngest')} lacks {', '.join(missing)}; inngest-testkit works with "
            f"inngest {SUPPORTED[0]} to {SUPPORTED[1]}: install one of these, or mount the app with engine.mount(...)"
        )
    for name in _CLOCKED:
        vars(importlib.import_module(name))["datetime"] = _VirtualDatetime(importlib.import_module("datetime"))
    _watch_steps(importlib.import_module("inngest._internal.step_lib.base").StepIDCounter)
    _prepared = True


_prepared = False


def check_client(client: object) -> None:
    """Raise `SetupError` for what is not an SDK client."""
    check_sdk()
    kind = importlib.import_module("inngest").Inngest
    if not isinstance(client, kind):
        raise SetupError(f"expected the app's inngest.Inngest client, found {type(client).__name__}: {client!r}")


def check_functions(client: inngest.Inngest, functions: object) -> None:
    """Raise `SetupError` for what is not a list of this client's functions, or names one id twice."""
    kind = importlib.import_module("inngest").Function
    if not isinstance(functions, (list, tuple)):
        raise SetupError(f"serve takes the client and a list of its functions, found {type(functions).__name__}")
    seen: set[str] = set()
    for function in functions:
        if not isinstance(function, kind):
            raise SetupError(
                f"serve takes functions made with @client.create_function(...), found {type(function).__name__}: "
                f"{function!r}"
            )
        if not function.id.startswith(f"{client.app_id}-"):
            raise SetupError(
                f"function {function.id!r} was made with another client than that of app {client.app_id!r}: "
                "serve it with the client that made it"
            )
        if function.id in seen:
            raise SetupError(f"two functions have the id {function.id!r}, and the SDK would drop one: rename it")
        seen.add(function.id)


def _has(module: str, name: str) -> bool:
    try:
        return hasattr(importlib.import_module(module), name)
    except ImportError:
        return False


class _VirtualDatetime:
    """Stands for the module `datetime` where the SDK reads the clock: inside a call, now is the engine's now."""

    def __init__(self, real: ModuleType) -> None:
        self._real = real
        self.datetime = _NowOnly

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute of the module
        return getattr(self._real, name)


class _NowOnly:
    """The class `datetime`, as far as those modules use it."""

    @staticmethod
    def now() -> datetime:
        """Return the engine's time inside a call; aware, so that the machine's time zone does not matter."""
        scope = current_call()
        return datetime.now(UTC) if scope is None else scope.now


def _watch_steps(counter: Any) -> None:  # noqa: ANN401 - a class of the SDK
    """Note every step that a handler comes to in the trace of its call."""
    real = counter.increment
    in_parallel = importlib.import_module("inngest._internal.step_lib.group").in_parallel

    def increment(self: object, step_id: str) -> int:
        uses: int = real(self, step_id)
        scope = current_call()
        if scope is not None:
            task = _task()
            if scope.task is None:
                scope.task = task
            elsewhere = task is not None and task is not scope.task
            scope.trace.append(TracedStep(step_id, uses - 1, grouped=in_parallel.get(), in_task=elsewhere))
        return uses

    counter.increment = increment


def _task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


class Handler:
    """The SDK's own handler for a client's functions, called without a web framework."""

    def __init__(self, client: inngest.Inngest, functions: Sequence[inngest.Function[Any]]) -> None:
        check_sdk()
        comm_lib = importlib.import_module("inngest._internal.comm_lib")
        framework = importlib.import_module("inngest._internal.server_lib").Framework.FLASK
        parts: dict[str, Any] = {"client": client, "framework": framework, "functions": list(functions)}
        parameters = comm_lib.CommHandler.__init__.__annotations__
        if "enable_unauthed_sync" in parameters:
            parts["enable_unauthed_sync"] = None
        if "streaming" in parameters:
            parts["streaming"] = importlib.import_module("inngest").Streaming.DISABLE
        self._handler = comm_lib.CommHandler(**parts)
        self._request = comm_lib.CommRequest

    def request(self, body: bytes, headers: dict[str, str], query: dict[str, str], url: str) -> Any:  # noqa: ANN401
        """Return a request in the SDK's own form."""
        return self._request(
            body=body,
            headers=headers,
            public_path=None,
            query_params=query,
            raw_request=None,
            request_url=url,
            serve_origin=None,
            serve_path=None,
        )

    def call_sync(self, request: Any) -> Any:  # noqa: ANN401 - the SDK's own types
        """Call a sync function; returns the SDK's own response."""
        return self._handler.post_sync(request)

    async def call_async(self, request: Any) -> Any:  # noqa: ANN401 - the SDK's own types
        """Call an async function; returns the SDK's own response."""
        return await self._handler.post(request)

    def sync(self, request: Any) -> Any:  # noqa: ANN401 - the SDK's own types
        """Let the app register itself; returns the SDK's own response."""
        return self._handler.put_sync(request)


def http_clients(client: inngest.Inngest) -> tuple[httpx.AsyncClient, httpx.Client]:
    """Return the two HTTP clients with which an SDK client reaches the server."""
    holder: Any = getattr(client, "_http_client", None)
    pair = (getattr(holder, "_http_client", None), getattr(holder, "_http_client_sync", None))
    if None in pair:
        raise SetupError(
            f"the client of app {client.app_id!r} has no HTTP client that can be redirected to the engine; "
            f"inngest-testkit works with inngest {SUPPORTED[0]} to {SUPPORTED[1]}"
        )
    return pair  # type: ignore[return-value]


def live_clients() -> Iterable[inngest.Inngest]:
    """Return every SDK client of this process."""
    kind = importlib.import_module("inngest").Inngest
    return [found for found in gc.get_objects() if isinstance(found, kind)]


def guard_sends(refusal: Any) -> None:  # noqa: ANN401 - a callable of the client
    """Ask `refusal(client)` before any client of this process sends events; what it raises, the send raises."""
    kind = importlib.import_module("inngest").Inngest
    real = kind._build_send_request  # noqa: SLF001 - this module is for that

    def build(self: inngest.Inngest, *args: object, **named: object) -> Any:  # noqa: ANN401 - as the method
        refusal(self)
        return real(self, *args, **named)

    kind._build_send_request = build  # noqa: SLF001
