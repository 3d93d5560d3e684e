"""What belongs to one call of user code in this process: its time, what it sends, what it came to.

The code that asks (the SDK's clock, its HTTP client) runs deep inside an SDK, so the call is found in a context
variable, or, in a thread that did not inherit the context (a thread pool's, or that of a server in this process), as
the one call that is under way.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inngest_testkit.events import Event

__all__ = ["CallScope", "call_of_run", "call_scope", "current_call"]


@dataclass(slots=True, eq=False)
class CallScope:
    """One call under way.

    `owner` is the engine that makes it; `now` the engine's time; `sent` collects the events that the code sends through
    a client of an SDK; `trace` the steps that a handler comes to; `fetchable` are the memos and events that the app may
    ask for when the request is too large to carry them, by the last part of the path.
    """

    owner: object
    now: datetime
    sent: list[Event] = field(default_factory=list)
    trace: list[Any] = field(default_factory=list)
    fetchable: Mapping[str, bytes] = field(default_factory=dict)
    #: The run that is called.
    run_id: str = ""
    #: Operations of steps that the app tells of before it answers, as they came.
    checkpointed: list[Mapping[str, Any]] = field(default_factory=list)
    #: The asyncio task in which an async handler runs.
    task: asyncio.Task[object] | None = None
    #: Whether the app tells the time by a clock of its own, even where it runs in this process.
    own_clock: bool = False
    thread: int = field(default_factory=threading.get_ident)


_current: ContextVar[CallScope | None] = ContextVar("inngest_testkit_call", default=None)
#: The calls under way, of all engines in this process, by the order in which they began.
_under_way: dict[CallScope, None] = {}


class call_scope:  # noqa: N801 - used as a function
    """Make a call the current one while the `with` block runs."""

    __slots__ = ("_scope", "_token")

    def __init__(self, scope: CallScope) -> None:
        self._scope = scope

    def __enter__(self) -> CallScope:
        self._token = _current.set(self._scope)
        _under_way[self._scope] = None
        return self._scope

    def __exit__(self, *failure: object) -> None:
        del _under_way[self._scope]
        _current.reset(self._token)


def current_call() -> CallScope | None:
    """Return the call that the running code belongs to; None outside of calls."""
    scope = _current.get()
    if scope is not None:
        # A task that a handler left behind still has the context of a call that is over.
        return scope if scope in _under_way else None
    # A copy in one go: other threads begin and end calls meanwhile.
    under_way = list(_under_way)
    scope = under_way[-1] if under_way else None
    # A loop in the call's own thread runs other tasks as well; in another thread it is that of a server.
    return None if scope is not None and scope.thread == threading.get_ident() and _has_loop() else scope


def call_of_run(owner: object, run_id: str) -> CallScope | None:
    """Return the call of a run that an engine is making, which may be asked from any thread; the latest of several."""
    return next((each for each in reversed(list(_under_way)) if each.owner is owner and each.run_id == run_id), None)


def _has_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
