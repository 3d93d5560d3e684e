"""Signals: a name that one run at a time waits for, sent from outside with data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inngest_testkit.errors import PauseLeasedError, PauseNotFoundError
from inngest_testkit.state.base import PauseKind, signal_event

if TYPE_CHECKING:
    from inngest_testkit.engine.components import Components
    from inngest_testkit.engine.core import Core
    from inngest_testkit.state.base import Pause
    from inngest_testkit.values import Json

__all__ = ["Signals"]


class Signals:
    """Finds the run that waits for a signal, and lets it go on."""

    def __init__(self, core: Core, parts: Components) -> None:
        self._core, self._clock, self._ids = core, parts.clock, parts.ids
        self._state, self._steps = parts.state, parts.steps

    async def awaited_by(self, signal: str) -> str | None:
        """Return the id of the run that waits for a signal; None when there is none."""
        pause = await self._pause_for(signal)
        return None if pause is None else pause.run_id

    async def _pause_for(self, signal: str) -> Pause | None:
        now = self._clock.now()
        pauses = await self._state.pauses_by_event(signal_event(signal))
        return next((each for each in pauses if each.kind is PauseKind.SIGNAL and each.expires >= now), None)

    async def send(self, signal: str, data: Json) -> str | None:
        """Let the run that waits for a signal go on; returns its id, None when no run waits for it."""
        pause = await self._pause_for(signal)
        if pause is None:
            return None
        try:
            await self._state.lease_pause(pause.id, self._clock.now(), owner=f"signal/{self._ids.ulid()}")
        except (PauseLeasedError, PauseNotFoundError):
            return None
        await self._steps.signal(pause, signal, data)
        await self._core.settle_now()
        return pause.run_id
