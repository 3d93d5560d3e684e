"""Warnings about handlers, so that a test can filter each kind or turn it into an error."""

from __future__ import annotations

__all__ = ["NondeterminismWarning", "ParallelStepsWarning"]


class NondeterminismWarning(UserWarning):
    """A handler came to other steps, or in another order, than at an earlier entry of the same run."""

    # So that a filter can name it as it is imported.
    __module__ = "inngest_testkit"


class ParallelStepsWarning(UserWarning):
    """Steps at the same time that the server cannot keep apart: in asyncio tasks, or with one id."""

    __module__ = "inngest_testkit"
