"""Turns of the threads that call one engine: each waits until the one before is done."""

from __future__ import annotations

import math
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from inngest_testkit.engine.aio import AT_WORK
from inngest_testkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Turns"]

#: Seconds after which a thread in line looks whether its turn is still wanted.
_LOOK_AGAIN_S = 0.05
_UNWANTED = "nobody waits for this any more"


class Turns:
    """Who may work now. A turn lasts as long as the `with` block around what is done in it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def wait(self, wait_s: float = math.inf, is_wanted: Callable[[], bool] = lambda: True) -> Iterator[None]:
        """Wait for a turn; raises `UsageError` after `wait_s` seconds in line, or when it is not wanted any more."""
        until = time.monotonic() + wait_s
        while not self._lock.acquire(timeout=-1 if wait_s == math.inf else _LOOK_AGAIN_S):
            if time.monotonic() > until:
                raise UsageError(AT_WORK.format(wait_s))
            if not is_wanted():
                raise UsageError(_UNWANTED)
        try:
            if not is_wanted():
                raise UsageError(_UNWANTED)
            yield
        finally:
            self._lock.release()

    @contextmanager
    def if_free(self) -> Iterator[bool]:
        """Take a turn unless another thread has it; tells whether it did."""
        got = self._lock.acquire(blocking=False)
        try:
            yield got
        finally:
            if got:
                self._lock.release()
