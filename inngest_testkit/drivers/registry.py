"""Which driver runs a step: a mock first, then the driver of its runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inngest_testkit.drivers.base import StepResponse
from inngest_testkit.drivers.gateway import Gateway
from inngest_testkit.drivers.http import HttpDriver
from inngest_testkit.drivers.missing import MissingDriver
from inngest_testkit.drivers.mock import Mocks
from inngest_testkit.drivers.python import PythonDriver
from inngest_testkit.errors import MockError, SetupError
from inngest_testkit.runs.model import ErrorInfo

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inngest_testkit.drivers.base import Bridge, Driver, StepRequest

__all__ = ["Drivers"]


class Drivers:
    """The drivers of an engine by runtime: python and http unless others are given, and the mocks before them."""

    def __init__(self, given: Iterable[Driver], bridge: Bridge[Any]) -> None:
        self.mocks = Mocks(bridge)
        self.gateway = Gateway(bridge)
        self._drivers: dict[str, Driver] = {}
        self._own: tuple[Driver, ...] = (PythonDriver(bridge), HttpDriver(bridge=bridge))
        drivers: list[Driver] = [*self._own, *given]
        for driver in drivers:
            if not isinstance(getattr(driver, "runtime", None), str) or not hasattr(driver, "execute"):
                raise SetupError(f"a driver has a `runtime` and an async `execute`, found {driver!r}")
            self._drivers[driver.runtime] = driver

    @property
    def runtimes(self) -> tuple[str, ...]:
        """The runtimes that there is a driver for."""
        return tuple(self._drivers)

    async def execute(self, request: StepRequest) -> StepResponse:
        """Run one attempt of a step, or its mock."""
        mock = self.mocks.find(request.function_id, request.step_id)
        if mock is None and not self.mocks.timings:
            return await self._execute(request)
        try:
            takes = await self.mocks.takes(mock, request)
        except MockError as error:
            return StepResponse(error=ErrorInfo.from_exception(error), retryable=False)
        if mock is None:
            response = await self._execute(request)
        else:
            response = await mock.execute(request, lambda: self._execute(request), self.mocks.bridge)
        return response if takes is None else response.taking(takes)

    async def _execute(self, request: StepRequest) -> StepResponse:
        runtime = request.runtime
        kind = "" if runtime is None else runtime.type
        driver = self._drivers.get(kind) or MissingDriver(kind)
        try:
            return await driver.execute(request)
        except Exception as error:  # noqa: BLE001 - a driver must not raise, and its step fails if it does
            return StepResponse(error=ErrorInfo.from_exception(error), retryable=False)

    async def close(self) -> None:
        """Close the engine's own drivers; those that were given belong to their giver."""
        for driver in self._own:
            close = getattr(driver, "close", None)
            if close is not None:
                await close()
