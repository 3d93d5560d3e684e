"""Signals from outside: each wait is ended by one, also when several come at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inngest_testkit.api.host import Host
    from inngest_testkit.engine.core import Core
    from inngest_testkit.values import Json

__all__ = ["PromisedSignals"]


class PromisedSignals:
    """Sends signals at once or, when the engine is at work, after that: an app may signal in its own call."""

    def __init__(self, host: Host) -> None:
        self._host = host
        #: Runs and the signals that they will go on with, which the engine has not come to.
        self._promised: set[tuple[str, str]] = set()
        host.core.control.on_reset.append(self._promised.clear)

    async def send(self, signal: str, data: Json) -> str | None:
        """Let the run that waits for a signal go on; returns its id, None when none waits, or another signal was first.

        When the engine is at work the run goes on after that, unless its wait is over by then.
        """
        run_id = await self._host.core.signals.awaited_by(signal)
        if run_id is None or (run_id, signal) in self._promised:
            return None
        promise = (run_id, signal)
        self._promised.add(promise)
        #: The run that went on, once the signal is sent.
        resumed: list[str | None] = []

        async def carry_out(core: Core) -> None:
            # Before it is sent: the run may wait for the same signal once more.
            self._promised.discard(promise)
            resumed.append(await core.signals.send(signal, data))

        try:
            await self._host.do(carry_out)
        except BaseException:
            self._promised.discard(promise)
            raise
        return resumed[0] if resumed else run_id
