"""What happens to a step whose runtime has no driver: a clear error, at the moment it would run."""

from __future__ import annotations

from inngest_testkit.drivers.base import StepRequest, StepResponse
from inngest_testkit.runs.model import ErrorInfo

__all__ = ["MissingDriver"]


class MissingDriver:
    """Fails every step, for good, saying how to mock it or which driver to give."""

    never_suspends = True

    def __init__(self, runtime: str) -> None:
        self.runtime = runtime

    async def execute(self, request: StepRequest) -> StepResponse:
        """See `Driver.execute`."""
        mock = f"engine.mock({request.function_id!r}, {request.step_id!r}, returns=...)"
        if request.runtime is None:
            message = f"step {request.step_id!r} has no code: give it a callable or a runtime, or mock it: {mock}"
        else:
            message = (
                f"step {request.step_id!r} runs in {self.runtime!r} and the engine has no driver for that: mock it "
                f"with {mock}, or give a driver with Engine(drivers=[...])"
            )
        return StepResponse(error=ErrorInfo("MissingDriverError", message), retryable=False)
