"""Let the standard library tell the engine's time while the engine works."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from inngest_testkit.errors import MissingExtraError

if TYPE_CHECKING:
    from datetime import datetime
    from types import TracebackType

    from inngest_testkit.clock import FakeClock

__all__ = ["Frozen"]


class Frozen(AbstractContextManager[None]):
    """Within it `datetime.now()`, `time.time()` and the like give the fake clock's time (time-machine does that).

    Raises `MissingExtraError` without time-machine.
    """

    def __init__(self, clock: FakeClock) -> None:
        try:
            import time_machine
        except ImportError:
            raise MissingExtraError("Engine(freeze=True)", "time") from None
        self._travel = time_machine.travel
        self._clock = clock
        self._traveller: Any = None

    def __enter__(self) -> None:
        self._traveller = self._travel(self._clock.now(), tick=False)
        coordinates = self._traveller.start()

        def move(moment: datetime) -> None:
            coordinates.move_to(moment, tick=False)

        self._clock.on_move = move

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clock.on_move = None
        self._traveller.stop()
