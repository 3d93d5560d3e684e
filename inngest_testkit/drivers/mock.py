"""Mocks: what stands for a step's code in a test."""

from __future__ import annotations

import inspect
import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from inngest_testkit.clock import unfrozen_now
from inngest_testkit.drivers.base import Bridge, StepRequest, StepResponse, direct
from inngest_testkit.drivers.python import answer, call_step, check_callable, wanted_by
from inngest_testkit.drivers.takes import Takes, Timing
from inngest_testkit.errors import MockError

__all__ = ["CALLS_KEPT", "UNSET", "Mock", "Mocks", "Raises", "SideEffect", "check_returned"]


class _UnsetType:
    def __repr__(self) -> str:
        return "UNSET"


#: No value was given; None is a value.
UNSET: Final[Any] = _UnsetType()

#: Requests that a mock keeps to be looked at.
CALLS_KEPT = 1000

Raises = BaseException | type[BaseException]
SideEffect = Callable[..., Any] | list[Any] | tuple[Any, ...] | BaseException | type[BaseException]


class Mock:
    """One mock of one step; `calls` are the last requests that it answered, in order, `call_count` tells how many.

    Exactly one of `returns`, `raises` and `side_effect` says what it does; with `takes` alone the step's own code
    runs and takes that virtual time: a span, a distribution (`inngest_testkit.testing.traffic`), or a callable that
    asks for what it wants as a step does and returns either. A `side_effect` is an exception, a callable that asks for
    what it wants as a step does (`event`, `steps`, `attempt`, …), or a list with one result for each attempt,
    exceptions among them being raised (the last one repeats). `times` limits how many executions it answers.
    """

    def __init__(
        self,
        function_id: str,
        step_id: str,
        *,
        returns: object = UNSET,
        raises: Raises | None = None,
        side_effect: SideEffect | None = None,
        times: int | None = None,
        takes: Takes | None = None,
        occurrence: int | None = None,
        seed: int | str = 0,
    ) -> None:
        self.function_id, self.step_id, self.occurrence = function_id, step_id, occurrence
        given = [
            name
            for name, there in (
                ("returns", returns is not UNSET),
                ("raises", raises is not None),
                ("side_effect", side_effect is not None),
            )
            if there
        ]
        if len(given) > 1:
            raise self._error(f"give one of {' and '.join(given)}, not both")
        if not given and takes is None:
            raise self._error("say what it does: returns=, raises=, side_effect=, or takes= for the real code")
        if occurrence is not None and (
            isinstance(occurrence, bool) or not isinstance(occurrence, int) or occurrence < 0
        ):
            raise self._error(f"occurrence says which use of the id is meant, counted from 0, found {occurrence!r}")
        if raises is not None and not _is_exception(raises):
            raise self._error(f"raises takes an exception or an exception class, found {raises!r}")
        if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
            raise self._error(f"times is how many executions it answers, at least 1, found {times!r}")
        self.times = times
        where = f"mock of step {step_id!r} of function {function_id!r}"
        #: How long an execution takes; None when nothing was said.
        self.timing = (
            None if takes is None else Timing(takes, where=where, seed=f"inngest-testkit:{seed}:{where}:{occurrence}")
        )
        self.calls: deque[StepRequest] = deque(maxlen=CALLS_KEPT)
        self.call_count = 0
        #: Whether the step's own code runs.
        self.passes_through = not given
        for error in (raises, side_effect, *(side_effect if isinstance(side_effect, (list, tuple)) else ())):
            _settle_retry(error)
        self._run = self._code(returns, raises, side_effect)
        self._wanted = wanted_by(self._run)
        #: What it returns when no code has to run for it.
        self._fixed = UNSET if inspect.isawaitable(returns) else returns

    def _error(self, reason: str) -> MockError:
        return MockError(f"mock of step {self.step_id!r} of function {self.function_id!r}: {reason}")

    def _code(self, returns: object, raises: Raises | None, side_effect: SideEffect | None) -> Callable[..., Any]:
        if _is_exception(side_effect):
            return lambda: _produce(side_effect)
        if callable(side_effect):
            check_callable(side_effect, f"mock of step {self.step_id!r}")
            return side_effect
        if side_effect is not None:
            if not isinstance(side_effect, (list, tuple)):
                raise self._error(
                    "side_effect is a callable, an exception, or a list with one result for each attempt, "
                    f"found {side_effect!r}; write returns= for one output"
                )
            results = list(side_effect)
            if not results:
                raise self._error("side_effect is an empty list: there is nothing to answer")
            return lambda attempt: _produce(results[min(attempt, len(results) - 1)])
        outcome = returns if raises is None else raises
        return lambda: _produce(outcome) if raises is not None else outcome

    @property
    def called(self) -> bool:
        """Whether it has answered at all."""
        return self.call_count > 0

    @property
    def exhausted(self) -> bool:
        """Whether it has answered as often as it was to."""
        return self.times is not None and self.call_count >= self.times

    def note(self, request: StepRequest) -> None:
        """Count an execution."""
        self.calls.append(request)
        self.call_count += 1

    async def execute(self, request: StepRequest, real: Callable[[], Any], bridge: Bridge[Any]) -> StepResponse:
        """Answer for a step; `real` runs its own code."""
        self.note(request)
        if self._fixed is not UNSET:
            return answer(self._fixed)
        response: StepResponse = (
            await real() if self.passes_through else await call_step(self._run, self._wanted, request, bridge)
        )
        return response

    def __repr__(self) -> str:
        used = f"{self.call_count} calls" if self.call_count else "never used"
        return f"<Mock of {self.function_id}/{self.step_id}, {used}>"


class Mocks:
    """The mocks of an engine; for a step, the newest one that is not exhausted answers.

    Another thread may add and remove mocks while the engine works.
    """

    def __init__(self, bridge: Bridge[Any] = direct) -> None:
        self._mocks: dict[tuple[str, str], list[Mock]] = {}
        self.bridge = bridge
        #: How long executions take, whoever answers: by function and step, the step empty for all of a function.
        self.timings: Mapping[tuple[str, str], Timing] = {}

    def add(self, mock: Mock) -> Mock:
        """Put a mock before those that its step has."""
        self._mocks.setdefault((mock.function_id, mock.step_id), []).append(mock)
        return mock

    def all(self) -> list[Mock]:
        """Return every mock, by function and step in the order in which the first of each was added."""
        return [mock for mocks in list(self._mocks.values()) for mock in list(mocks)]

    def remove(self, mocks: Iterable[Mock]) -> None:
        """Take mocks away; executions under way are answered. One that is not there any more is left out."""
        for mock in mocks:
            # Another thread may have been faster.
            with suppress(ValueError):
                self._mocks[mock.function_id, mock.step_id].remove(mock)

    def find(self, function_id: str, step_id: str) -> Mock | None:
        """Return the mock that answers next for a step.

        The use number n of an id (from 1) is the step `id:n`; a mock of the id stands for all its uses, unless it says
        for which.
        """
        for each, occurrence in _uses(step_id):
            found = self._answering(function_id, each, occurrence)
            if found is not None:
                return found
        return None

    def _answering(self, function_id: str, step_id: str, occurrence: int) -> Mock | None:
        mocks = self._mocks.get((function_id, step_id))
        if mocks is not None:
            for mock in reversed(mocks):
                if (mock.times is None or not mock.exhausted) and (
                    mock.occurrence is None or mock.occurrence == occurrence
                ):
                    return mock
        return None

    def concern(self, function_id: str) -> bool:
        """Whether any mock of the function may still answer."""
        return any(owner == function_id for owner, _ in self.timings) or any(
            mock.function_id == function_id and not mock.exhausted for mock in self.all()
        )

    async def takes(self, mock: Mock | None, request: StepRequest, *, code: bool = True) -> timedelta | None:
        """Return the virtual time that an execution takes, None when nothing says; raises `MockError`, see `Timing`.

        `code` says whether the step runs code, as a sleep or a wait does not: what is said of all steps is not of them.
        """
        timing = None if mock is None else mock.timing
        if self.timings:
            uses = [(request.function_id, step) for step, _ in _uses(request.step_id)]
            whole = [(request.function_id, "")] if code else []
            timing = next((self.timings[place] for place in [*uses, *whole] if place in self.timings), timing)
        return None if timing is None else await timing.of(request, self.bridge)

    def unused(self) -> list[Mock]:
        """Return the mocks that never answered, in order of function and step."""
        return [mock for _, mocks in sorted(self._mocks.items()) for mock in list(mocks) if not mock.called]


def _uses(step_id: str) -> tuple[tuple[str, int], ...]:
    """Return the ids that a step may be a use of, each with the number of the use."""
    if ":" in step_id:
        base, _, number = step_id.rpartition(":")
        if number.isdecimal() and not number.startswith("0"):
            return ((step_id, 0), (base, int(number)))
    return ((step_id, 0),)


def _is_exception(value: object) -> bool:
    return isinstance(value, BaseException) or (isinstance(value, type) and issubclass(value, BaseException))


def _produce(outcome: object) -> object:
    if _is_exception(outcome):
        # Without the traceback of earlier raises, which an instance would collect.
        raise outcome.with_traceback(None) if isinstance(outcome, BaseException) else outcome  # type: ignore[misc]
    return outcome


def check_returned(function_id: str, step_id: str, value: object) -> None:
    """Raise `MockError` for an output that no step of an SDK's function can have: SDKs write JSON strictly."""
    if value is UNSET or hasattr(value, "model_dump") or (hasattr(value, "name") and hasattr(value, "data")):
        return
    try:
        json.dumps(value)
    except (TypeError, ValueError) as error:
        raise MockError(
            f"mock of step {step_id!r} of function {function_id!r}: returns={value!r}, and the real step could not "
            f"return it: {error}. Give what the function gets, such as a text"
        ) from None


def _settle_retry(error: object) -> None:
    """Turn the moment in an SDK's `RetryAfterError`, which it took from the machine's clock, into the span it meant."""
    moment = getattr(error, "retry_after", None)
    if isinstance(error, BaseException) and isinstance(moment, datetime):
        span = moment.astimezone(UTC) - unfrozen_now()
        error.retry_after = timedelta(seconds=max(0, round(span.total_seconds())))  # type: ignore[attr-defined]
