"""How long executions of a step take in virtual time: a span, a draw from a distribution, or what a callable says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from inngest_testkit.drivers.python import ask, check_callable, wanted_by
from inngest_testkit.durations import format_duration, to_timedelta
from inngest_testkit.errors import DurationError, MockError, SetupError

if TYPE_CHECKING:
    from inngest_testkit.drivers.base import Bridge, StepRequest

__all__ = ["Distribution", "Takes", "Timing"]


class Distribution(Protocol):
    """What spans are drawn from, such as `inngest_testkit.testing.traffic.exponential("2s")`."""

    def draw(self, random: Random, /) -> timedelta:
        """Return the next span, never negative, with nothing but this generator as the source of chance."""
        ...


#: What an execution takes: a span, a distribution, or a callable that asks for the step's input and returns either.
Takes: TypeAlias = timedelta | str | float | Distribution | Callable[..., Any]


class Timing:
    """How long each execution takes; `where` begins the messages of its errors, `seed` makes its draws.

    Raises `MockError` for a negative span and a callable that asks for what steps do not have, `SetupError` for what is
    no span.
    """

    def __init__(self, takes: Takes, *, where: str, seed: str) -> None:
        self._where, self._seed = where, seed
        self._random: Random | None = None
        self._run: Callable[..., Any] | None = None
        self._constant: timedelta | None = None
        self._wanted: tuple[str, ...] = ()
        self._takes = takes
        if not _is_distribution(takes) and callable(takes):
            self._run, self._wanted = takes, self._checked(takes)
        elif not _is_distribution(takes):
            try:
                self._constant = self._span(takes)
            except DurationError as error:
                raise SetupError(f"{where}: {error}") from None

    def _checked(self, run: Callable[..., Any]) -> tuple[str, ...]:
        try:
            check_callable(run, f"{self._where}: takes")
        except SetupError as error:
            raise MockError(str(error)) from None
        wanted = wanted_by(run)
        if "send" in wanted:
            raise self._error("takes cannot send events, so its callable cannot ask for 'send'")
        return wanted

    async def of(self, request: StepRequest, bridge: Bridge[Any]) -> timedelta:
        """Return what one execution takes; raises `MockError` when a callable fails, or returns what is no span."""
        if self._constant is not None:
            return self._constant
        if self._run is None:
            return self._span(self._takes)
        try:
            said = await ask(self._run, self._wanted, request, bridge)
            return self._span(said)
        except DurationError as error:
            raise self._error(f"what takes returned for run {request.run_id}: {error}") from None
        except MockError:
            raise
        except Exception as error:
            raise self._error(f"takes raised {type(error).__name__}: {error} (run {request.run_id})") from error

    def _span(self, said: Any) -> timedelta:  # noqa: ANN401 - whatever a callable returned
        if _is_distribution(said):
            if self._random is None:
                self._random = Random(self._seed)  # noqa: S311 - reproducible on purpose
            said = said.draw(self._random)
        span = to_timedelta(said)
        if span < timedelta():
            raise self._error(f"takes cannot be negative, found {format_duration(span)}")
        return span

    def _error(self, reason: str) -> MockError:
        return MockError(f"{self._where}: {reason}")


def _is_distribution(value: object) -> bool:
    return callable(getattr(value, "draw", None))
