"""What the contracts share: how a check gets its store, its moments, and many callers at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import anyio

from inngest_testkit.clock import DEFAULT_START

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable

__all__ = ["Contract", "catch", "check", "gather"]

StoreT = TypeVar("StoreT")
ContractT = TypeVar("ContractT", bound="Contract[Any]")
ResultT = TypeVar("ResultT")
ErrorT = TypeVar("ErrorT", bound=Exception)


class Contract(Generic[StoreT]):
    """The base of the contracts: `make_store` gives each check a fresh, empty store.

    Checks tell the store the time, in moments counted from `start`. A backend with a clock of its own sets `start` to
    that clock's time in `make_store`, and sleeps in `wait_until`. A check that a backend cannot meet by its nature is
    switched off in the subclass, with the reason beside it: `test_only_names_the_item = None`.
    """

    __test__: ClassVar[bool] = False

    #: The moment at which a check begins.
    start: datetime = DEFAULT_START
    #: How many real seconds a check waits for something that should happen at once.
    patience: float = 5.0

    def __init_subclass__(cls, **named: Any) -> None:  # noqa: ANN401 - as the base takes them
        super().__init_subclass__(**named)
        if "__test__" not in cls.__dict__:
            cls.__test__ = True

    async def make_store(self) -> StoreT:
        """Return a store without any content."""
        raise NotImplementedError(f"{type(self).__name__} needs a make_store() that returns an empty store")

    async def drop_store(self, store: StoreT) -> None:
        """Close what `make_store` opened; called after each check, also one that failed."""

    async def wait_until(self, moment: datetime) -> None:
        """Let the time of the store's own clock come to `moment`, for a store that has one."""

    async def at(self, span: timedelta | float) -> datetime:
        """Return the moment that is a span (or seconds) after `start`, once it has come."""
        moment = self.start + (span if isinstance(span, timedelta) else timedelta(seconds=span))
        await self.wait_until(moment)
        return moment

    @classmethod
    def checks(cls) -> tuple[str, ...]:
        """Return the names of the checks, sorted."""
        return tuple(sorted(name for name in dir(cls) if name.startswith("test_") and getattr(cls, name) is not None))


def check(
    body: Callable[[ContractT, StoreT], Coroutine[Any, Any, None]],
) -> Callable[[ContractT], Coroutine[Any, Any, None]]:
    """Make a check of a method that takes a store: the store is made before and dropped after it."""

    async def run(self: ContractT) -> None:
        store = await self.make_store()
        try:
            await body(self, store)
        finally:
            await self.drop_store(store)

    # Not `functools.wraps`: a test runner that looks behind it would ask for the store.
    run.__name__, run.__qualname__, run.__doc__, run.__module__ = (
        body.__name__,
        body.__qualname__,
        body.__doc__,
        body.__module__,
    )
    return run


async def catch(expected: type[ErrorT], call: Awaitable[object], what: str) -> ErrorT:
    """Return the error that a call raises; an AssertionError says `what` was called when it raises none."""
    try:
        result = await call
    except expected as error:
        return error
    raise AssertionError(f"{what}: expected {expected.__name__}, it returned {result!r}")


async def gather(calls: Iterable[Awaitable[ResultT]]) -> list[ResultT | Exception]:
    """Run calls at once; return what each gave or raised, in the order of the calls."""
    pending = list(calls)
    results: list[ResultT | Exception | None] = [None] * len(pending)

    async def run(index: int, call: Awaitable[ResultT]) -> None:
        try:
            results[index] = await call
        except Exception as error:  # noqa: BLE001 - the caller looks at it
            results[index] = error

    async with anyio.create_task_group() as group:
        for index, call in enumerate(pending):
            group.start_soon(run, index, call)
    return results  # type: ignore[return-value]
