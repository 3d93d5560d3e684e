"""The two places where an engine's behaviour can be replaced: its choices, and its stores' operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from inngest_testkit.event_stream.base import Message
    from inngest_testkit.queue.base import PendingItem

__all__ = ["Chooser", "FirstInSequence", "Gate", "gated"]


class Chooser(Protocol):
    """Decides what comes first where several things are due at one moment."""

    def choose(self, candidates: Sequence[Message | PendingItem]) -> int:
        """Return the index of the candidate to work next; they are in order of sequence, events before items."""
        ...


class FirstInSequence:
    """The choice of an engine unless told otherwise."""

    def choose(self, candidates: Sequence[Message | PendingItem]) -> int:
        """Return 0."""
        return 0


class Gate(Protocol):
    """Stands before every operation of every store; what it raises, the operation raises."""

    async def pass_through(self, store: str, operation: str, call: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401
        """Run the operation with `await call()`, or do something else; `store` is such as `queue`."""
        ...


class _Gated:
    """A store whose async operations all go through a gate."""

    def __init__(self, name: str, store: object, gate: Gate) -> None:
        self._name, self._store, self._gate = name, store, gate
        self.never_suspends = getattr(store, "never_suspends", False)

    def __getattr__(self, operation: str) -> Any:  # noqa: ANN401 - stands for any method
        method = getattr(self._store, operation)
        if operation in ("snapshot", "subscribe", "waiting", "entries") or not callable(method):
            return method

        async def through(*args: object, **named: object) -> Any:  # noqa: ANN401 - as the method
            return await self._gate.pass_through(self._name, operation, lambda: method(*args, **named))

        return through


def gated(name: str, store: Any, gate: Gate | None) -> Any:  # noqa: ANN401 - the same protocol comes back
    """Return the store behind the gate, or the store itself without one."""
    return store if gate is None else _Gated(name, store, gate)
