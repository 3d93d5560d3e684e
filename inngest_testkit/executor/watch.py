"""Look at every entry of a handler, and tell what only a test kit can see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from inngest_testkit.errors import NondeterminismError
from inngest_testkit.runs.entries import Entry, Finding
from inngest_testkit.runs.model import ErrorInfo, HistoryKind
from inngest_testkit.sdk.answer import Failure, Operations
from inngest_testkit.sdk.inspection import Inspector, NondeterminismWarning, ParallelStepsWarning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inngest_testkit.clock import Clock
    from inngest_testkit.lifecycle import Recorder, Warner
    from inngest_testkit.queue.base import QueueItem
    from inngest_testkit.sdk.answer import Answer
    from inngest_testkit.sdk.apps import Called
    from inngest_testkit.values import Json

__all__ = ["Watch"]

_CATEGORIES = {
    "nondeterminism": NondeterminismWarning,
    "gather": ParallelStepsWarning,
    "duplicate": ParallelStepsWarning,
}


class Watch:
    """Compares the entries of each run that is under way; findings go into the run's history, most with a warning.

    `nondeterminism` says what becomes of a run whose entries disagree: with `error` it fails, and whoever drives the
    engine gets a `NondeterminismError`.
    """

    def __init__(
        self,
        clock: Clock,
        recorder: Recorder,
        warner: Warner,
        nondeterminism: Literal["warn", "error", "ignore"],
    ) -> None:
        self._clock, self._recorder, self._warner = clock, recorder, warner
        self._nondeterminism = nondeterminism
        self._inspectors: dict[str, Inspector] = {}

    def forget(self, run_id: str) -> None:
        """Drop what is kept of a run: it is over."""
        self._inspectors.pop(run_id, None)

    def reset(self) -> None:
        """Drop what is kept of all runs."""
        self._inspectors.clear()

    async def enter(
        self, item: QueueItem, called: Called, answer: Answer, memos: Mapping[str, Json], *, once: bool
    ) -> Failure | None:
        """Take the next entry of a run, which had these memos; returns why the run cannot go on, if it cannot."""
        observed = called.response.observed
        if observed is None:
            return None
        inspector = self._inspectors.get(item.run_id)
        if inspector is None:
            inspector = self._inspectors[item.run_id] = Inspector()
        found = tuple([operation.key for operation in answer.operations]) if isinstance(answer, Operations) else ()
        entry = Entry(
            number=inspector.entered,
            at=self._clock.now(),
            attempt=item.attempt,
            target=item.step,
            trace=observed.trace,
            found=found,
            status=called.response.status,
        )
        failure = None
        for finding in inspector.enter(entry, observed.values, lambda key: _has_failed(memos, key)):
            failure = await self._tell(item, finding, once=once) or failure
        return failure

    async def _tell(self, item: QueueItem, finding: Finding, *, once: bool) -> Failure | None:
        if finding.kind == "nondeterminism" and self._nondeterminism == "ignore":
            return None
        data = {"edge": f"{item.token}/{finding.kind}/{'+'.join(finding.steps)}", "finding": finding}
        await self._recorder.run(
            HistoryKind.FINDING, item.run_id, item.step or None, item.attempt, data=data, once=once
        )
        category = _CATEGORIES.get(finding.kind)
        if category is None:
            return None
        if finding.kind == "nondeterminism" and self._nondeterminism == "error":
            error = NondeterminismError(item.run_id, finding.disagreement)
            self._warner.collect_error(error)
            info = ErrorInfo(type(error).__name__, finding.message)
            told = {"error": info.name, "message": info.message, "name": info.name}
            return Failure(info, told, told, told, retryable=False)
        self._warner.collect(f"function {item.function_id!r}, run {item.run_id}: {finding.message}", category)
        return None


def _has_failed(memos: Mapping[str, Json], key: str) -> bool:
    return key in memos and memos[key].raw.startswith(b'{"error":')
