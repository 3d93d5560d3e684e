"""Warnings of the work, emitted once it is done, so that one turned into an error breaks nothing."""

from __future__ import annotations

import logging
import warnings

__all__ = ["FlowControlWarning", "TriggerExpressionWarning", "UnknownFieldWarning", "Warner"]


_log = logging.getLogger("inngest_testkit")


class TriggerExpressionWarning(UserWarning):
    """A trigger's expression could not be evaluated for an event, so the function was not started."""

    # So that a filter can name it as it is imported.
    __module__ = "inngest_testkit"


class FlowControlWarning(UserWarning):
    """A rule of flow control is registered that cannot do what it says, and which the server takes all the same."""

    __module__ = "inngest_testkit"


class UnknownFieldWarning(UserWarning):
    """A field of a function's file means nothing, which is how a misspelt one looks."""

    __module__ = "inngest_testkit"


class Warner:
    """Collects warnings until `emit`."""

    def __init__(self) -> None:
        self._collected: list[tuple[str, type[UserWarning]]] = []
        self._errors: list[Exception] = []

    def collect(self, text: str, category: type[UserWarning]) -> None:
        """Keep a warning."""
        self._collected.append((text, category))

    def collect_error(self, error: Exception) -> None:
        """Keep an error that the caller asked to be raised."""
        self._errors.append(error)

    def reset(self) -> None:
        """Drop what was collected."""
        self._errors, self._collected = [], []

    def log(self) -> None:
        """Log what was collected, where nobody's call could warn or raise."""
        errors, self._errors = self._errors, []
        collected, self._collected = self._collected, []
        for error in errors:
            _log.error("%s: %s", type(error).__name__, error)
        for text, _ in collected:
            _log.warning("%s", text)

    def emit(self, stacklevel: int) -> None:
        """Emit what was collected, as if from `stacklevel` calls up (2: the caller), and raise the first error."""
        if not self._errors and not self._collected:
            return
        errors, self._errors = self._errors, []
        if errors:
            raise errors[0]
        collected, self._collected = self._collected, []
        for text, category in collected:
            warnings.warn(text, category, stacklevel=stacklevel + 1)
