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
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from inngest_testkit.drivers.scope import current_call
from inngest_testkit.errors import MissingExtraError, SetupError
from inngest_testkit.runs.entries import TracedStep

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import ModuleType

    import httpx
    import inngest

__all__ = [
    "SUPPORTED",
    "Handler",
    "SdkAnswer",
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
    ("inngest._internal.execution_lib", "ExecutionV0"),
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
    with warnings.catch_warnings():
        # Its own use of pydantic warns when it is imported, which is not the user's to mend.
        warnings.simplefilter("ignore")
        try:
            importlib.import_module("inngest")
        except ImportError:
            raise MissingExtraError("serving functions of the Inngest SDK", "sdk") from None
        missing = [f"{module}.{name}" for module, name in _NEEDED if not _has(module, name)]
    if missing:
        raise SetupError(
            f"inngest {importlib.metadata.version('inngest')} lacks {', '.join(missing)}; inngest-testkit works with "
            f"inngest {SUPPORTED[0]} to {SUPPORTED[1]}: install one of these"
        )
    for name in _CLOCKED:
        vars(importlib.import_module(name))["datetime"] = _VirtualDatetime(importlib.import_module("datetime"))
    _watch_handlers(importlib.import_module("inngest._internal.execution_lib").ExecutionV0)
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
        if scope is None:
            return datetime.now()  # noqa: DTZ005 - what the SDK has without an engine
        return datetime.now(UTC) if scope.own_clock else scope.now


def _watch_handlers(execution: Any) -> None:  # noqa: ANN401 - a class of the SDK
    """Note in which task an async handler runs."""
    real = execution.run

    async def run(self: object, *args: object, **named: object) -> Any:  # noqa: ANN401 - as the method
        scope = current_call()
        if scope is not None:
            scope.task = _task()
        return await real(self, *args, **named)

    execution.run = run


def _watch_steps(counter: Any) -> None:  # noqa: ANN401 - a class of the SDK
    """Note every step that a handler comes to in the trace of its call."""
    real = counter.increment
    in_parallel = importlib.import_module("inngest._internal.step_lib.group").in_parallel

    def increment(self: object, step_id: str) -> int:
        uses: int = real(self, step_id)
        scope = current_call()
        if scope is not None:
            elsewhere = scope.task is not None and _task() is not scope.task
            scope.trace.append(_traced(step_id, uses - 1, in_parallel.get(), elsewhere))
        return uses

    counter.increment = increment


@lru_cache(maxsize=4096)
def _traced(step_id: str, occurrence: int, grouped: bool, in_task: bool) -> TracedStep:  # noqa: FBT001 - a cache's key
    """Return one object for the same step of all entries: traces are compared all the time."""
    return TracedStep(step_id, occurrence, grouped, in_task)


def _task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


class SdkAnswer(NamedTuple):
    """The SDK's own response, and its body as the SDK writes it, or why it cannot."""

    response: Any
    body: bytes | Exception


class Handler:
    """Enters a client's functions as the SDK does, without a web framework.

    `enter` does what the SDK's own handler does with a request that it has accepted; `call` is that handler, which also
    checks signatures and fetches what a request does not carry.
    """

    def __init__(self, client: inngest.Inngest, functions: Sequence[inngest.Function[Any]]) -> None:
        check_sdk()
        self._client = client
        self._functions = {name: fn for fn in functions for name in (fn.id, fn.on_failure_fn_id) if name}
        self._async = {name: fn.is_handler_async for name, fn in self._functions.items()}
        self._names = _names()
        given = {"client": client, "framework": self._names.framework, "functions": list(functions)}
        options = {"enable_unauthed_sync": None, "streaming": self._names.no_streaming}
        taken = self._names.handler.__init__.__annotations__
        given.update({name: value for name, value in options.items() if name in taken})
        self._handler = self._names.handler(**given)

    def is_async(self, function_id: str) -> bool:
        """Whether a function is a coroutine function; False for one that the client does not have."""
        return self._async.get(function_id, False)

    def has(self, function_id: str) -> bool:
        """Whether the client has the function."""
        return function_id in self._functions

    def enter_sync(self, function_id: str, body: bytes, target: str | None) -> SdkAnswer:
        """Enter a sync function; `target` is the hashed id of the step that is called for."""
        names = self._names
        context, middleware = self._context(names.sync, body, target)
        result = self._functions[function_id].call_sync(self._client, context, function_id, middleware)
        return self._response(result)

    async def enter_async(self, function_id: str, body: bytes, target: str | None) -> SdkAnswer:
        """Enter an async function."""
        context, middleware = self._context(self._names.asynchronous, body, target)
        result = await self._functions[function_id].call(self._client, context, function_id, middleware)
        return self._response(result)

    def _context(self, kind: _Kind, body: bytes, target: str | None) -> tuple[Any, Any]:
        names, client = self._names, self._client
        request = names.server_request.model_validate_json(body)
        timings = [names.timings()] if names.timings is not None else []
        middleware = names.middleware(client, None, *timings)
        execution = kind.execution(names.memos(request.steps), middleware, request, target, *timings)
        parts = {
            "attempt": request.ctx.attempt,
            "event": request.event,
            "events": request.events,
            "group": kind.group(),
            "logger": client.logger,
            "run_id": request.ctx.run_id,
            "step": kind.step(client, execution, middleware, names.counter(), target),
        }
        for name in kind.more:
            parts[name] = request.ctx.run_id
        return kind.context(**parts), middleware

    def _response(self, result: Any) -> SdkAnswer:  # noqa: ANN401 - the SDK's own type
        client = self._client
        response = self._names.response.from_call_result(
            client.logger,
            result,
            client.env,
            self._names.framework,
            client._mode,  # noqa: SLF001 - this module is for that
        )
        if self._names.sdk_header not in response.headers:
            # An answer that could not be made; the SDK's handler adds these.
            mode = client._mode  # noqa: SLF001 - this module is for that
            more = self._names.headers(env=client.env, framework=self._names.framework, server_kind=mode)
            response.headers.update(more)
        return SdkAnswer(response, response.body_bytes())

    def call_sync(self, body: bytes, headers: dict[str, str], query: dict[str, str], url: str) -> SdkAnswer:
        """Let the SDK's handler call a sync function."""
        response = self._handler.post_sync(self._request(body, headers, query, url))
        return SdkAnswer(response, response.body_bytes())

    async def call_async(self, body: bytes, headers: dict[str, str], query: dict[str, str], url: str) -> SdkAnswer:
        """Let the SDK's handler call an async function."""
        response = await self._handler.post(self._request(body, headers, query, url))
        return SdkAnswer(response, response.body_bytes())

    def sync(self, headers: dict[str, str], url: str) -> SdkAnswer:
        """Let the app register itself."""
        response = self._handler.put_sync(self._request(b"", headers, {}, url))
        return SdkAnswer(response, response.body_bytes())

    def _request(self, body: bytes, headers: dict[str, str], query: dict[str, str], url: str) -> Any:  # noqa: ANN401
        return self._names.request(
            body=body,
            headers=headers,
            public_path=None,
            query_params=query,
            raw_request=None,
            request_url=url,
            serve_origin=None,
            serve_path=None,
        )


@dataclass(frozen=True, slots=True)
class _Kind:
    """The classes that a sync, or an async, function is entered with; `more` are fields that newer contexts have."""

    execution: Any
    step: Any
    group: Any
    context: Any
    more: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Names:
    """The private names that a handler needs, looked up once."""

    handler: Any
    request: Any
    response: Any
    framework: Any
    headers: Any
    sdk_header: str
    no_streaming: Any
    server_request: Any
    memos: Any
    counter: Any
    middleware: Any
    timings: Any
    sync: _Kind
    asynchronous: _Kind


@lru_cache(maxsize=1)
def _names() -> _Names:
    comm, execution, step, server, middleware, net = (
        importlib.import_module(f"inngest._internal.{name}")
        for name in ("comm_lib", "execution_lib", "step_lib", "server_lib", "middleware_lib", "net")
    )
    public = importlib.import_module("inngest")
    manager = middleware.MiddlewareManager.from_client

    def kind(suffix: str) -> _Kind:
        context = getattr(execution, f"Context{suffix}")
        more = tuple(name for name in ("job_id", "request_id") if name in context.__dataclass_fields__)
        return _Kind(
            getattr(execution, f"ExecutionV0{suffix}"),
            getattr(step, f"Step{suffix}"),
            getattr(step, f"Group{suffix}"),
            context,
            more,
        )

    return _Names(
        handler=comm.CommHandler,
        request=comm.CommRequest,
        response=comm.CommResponse,
        framework=server.Framework.FLASK,
        headers=net.create_headers,
        sdk_header=server.HeaderKey.SDK.value,
        no_streaming=getattr(public, "Streaming", None) and public.Streaming.DISABLE,
        server_request=server.ServerRequest,
        memos=step.StepMemos.from_raw,
        counter=step.StepIDCounter,
        middleware=manager,
        # Newer versions take the time of their parts.
        timings=net.ServerTimings if "timings" in manager.__annotations__ else None,
        sync=kind("Sync"),
        asynchronous=kind(""),
    )


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
    # By their type: isinstance also asks for `__class__`, and wakes whatever is lazy in this process.
    return [found for found in gc.get_objects() if issubclass(type(found), kind)]


def guard_sends(refusal: Any) -> None:  # noqa: ANN401 - a callable of the client
    """Ask `refusal(client)` before any client of this process sends events; what it raises, the send raises."""
    kind = importlib.import_module("inngest").Inngest
    real = kind._build_send_request  # noqa: SLF001 - this module is for that

    def build(self: inngest.Inngest, *args: object, **named: object) -> Any:  # noqa: ANN401 - as the method
        refusal(self)
        return real(self, *args, **named)

    kind._build_send_request = build  # noqa: SLF001
