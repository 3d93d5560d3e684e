"""Which edges of a run can be taken, and what taking one means.

Source: recordings/dag README, "Runs and edges" and "Async edges". Each edge is taken at most once in a run: its
id is the token under which the run counts the work that it causes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from inngest_testkit.clock import later
from inngest_testkit.errors import ExpressionError
from inngest_testkit.functions.model import TRIGGER
from inngest_testkit.lifecycle.edges import edge_item, timeout_item, variables_of, wait_key
from inngest_testkit.records import quick
from inngest_testkit.runs.model import ErrorInfo, HistoryKind
from inngest_testkit.state.base import Pause

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from inngest_testkit.clock import Clock
    from inngest_testkit.expressions import Expression
    from inngest_testkit.functions.plan import Edge, FunctionPlan
    from inngest_testkit.lifecycle import Recorder
    from inngest_testkit.queue.base import Queue
    from inngest_testkit.runs.model import HistoryEntry
    from inngest_testkit.state.base import RunState, StateStore

__all__ = ["DagWalker", "EdgeError"]


#: Taken out of its enumeration once, which is slow.
_EDGE_TAKEN = HistoryKind.EDGE_TAKEN


class EdgeError(Exception):
    """An edge cannot be evaluated; `info` says which, and why."""

    def __init__(self, edge: Edge, part: str, error: ExpressionError) -> None:
        self.info = ErrorInfo(type(error).__name__, f"edge {edge.id}: {part}: {error}")
        super().__init__(self.info.message)


@quick
@dataclass(frozen=True, slots=True)
class _Visit:
    """A run's coming to a step; `once`: what it does may have been done before."""

    function_id: str
    run_id: str
    parent: str
    once: bool


class DagWalker:
    """Takes the edges that leave a step which is done."""

    def __init__(self, *, clock: Clock, queue: Queue, state: StateStore, recorder: Recorder) -> None:
        self._clock, self._queue, self._state, self._recorder = clock, queue, state, recorder

    async def expand(
        self, plan: FunctionPlan, run_id: str, parent: str, by: str, *, once: bool, visited: bool = False
    ) -> None:
        """Take each edge from `parent`, visited `by` an edge, that can be taken and was not; raises `EdgeError`.

        `visited` says that the parent was done before this visit; `once` that the visit may have begun before.
        """
        edges = plan.outgoing[parent]
        if not edges:
            return
        state: RunState | None = None
        variables: dict[str, Any] | None = None
        visit = _Visit(plan.function.id, run_id, parent, once or visited)
        for edge in edges:
            if state is None and edge.asks:
                state = await self._seen(run_id, parent, by, once=once)
            if state is not None and len(edge.parents) > 1 and not _are_done(edge.parents, state):
                continue
            if await self._state.is_scheduled(run_id, edge.id):
                continue
            if state is not None and variables is None and (edge.condition is not None or edge.awaits is not None):
                variables = variables_of(state, parent)
            if edge.condition is not None and not self._holds(edge, edge.condition, variables or {}):
                data = {"edge": edge.id, "if": edge.condition.text}
                await self._recorder.run(HistoryKind.EDGE_NOT_TAKEN, run_id, edge.child, data=data, once=once)
                continue
            await self._take(edge, visit, variables)

    async def _seen(self, run_id: str, parent: str, by: str, *, once: bool) -> RunState:
        """Return the state that a visit sees: that of its beginning, so that begun again it decides as it did."""
        state = await self._state.load(run_id)
        if not once:
            return state
        history = await self._state.history(run_id)
        begun = [number for number, entry in enumerate(history) if _begins_visit(entry, parent, by)]
        if not begun:
            return state
        done = {e.step for e in history[: begun[-1] + 1] if e.kind is HistoryKind.STEP_COMPLETED}
        return replace(state, outputs={step: state.outputs[step] for step in state.outputs if step in done})

    def _holds(self, edge: Edge, condition: Expression, variables: Mapping[str, Any]) -> bool:
        try:
            return condition.test(variables, self._clock.now)
        except ExpressionError as error:
            raise EdgeError(edge, "if", error) from error

    async def _take(self, edge: Edge, visit: _Visit, variables: Mapping[str, Any] | None) -> None:
        now, run_id, edge_id = self._clock.now(), visit.run_id, edge.id
        if edge.awaits is not None:
            await self._pause(edge, visit, variables or {}, now)
        else:
            at = now if edge.wait is None else later(now, edge.wait)
            data = {"edge": edge_id} if at == now else {"edge": edge_id, "until": at}
            await self._recorder.run(_EDGE_TAKEN, run_id, edge.child, None, data, once=visit.once)
            await self._queue.enqueue(edge_item(visit.function_id, run_id, edge_id, edge.child), at)
        # Last, because an edge that is scheduled is not taken again.
        await self._state.schedule(run_id, edge_id)

    async def _pause(self, edge: Edge, visit: _Visit, variables: Mapping[str, Any], now: datetime) -> None:
        awaits = edge.awaits
        assert awaits is not None  # noqa: S101 - the caller asked
        match = awaits.match.text if awaits.match else None
        pause = Pause(
            id=f"{visit.run_id}/{edge.id}/pause",
            run_id=visit.run_id,
            function_id=visit.function_id,
            edge=edge.id,
            parent=visit.parent,
            child=edge.child,
            event=awaits.event,
            match=match,
            expires=later(now, awaits.ttl),
            on_timeout=awaits.on_timeout,
            index=wait_key(awaits.match, variables) if awaits.match else None,
        )
        data = {
            "edge": edge.id,
            "event": pause.event,
            "match": match,
            "until": pause.expires,
            "on_timeout": pause.on_timeout,
        }
        await self._recorder.run(HistoryKind.PAUSE_SAVED, visit.run_id, edge.child, data=data, once=visit.once)
        await self._state.save_pause(pause)
        await self._queue.enqueue(timeout_item(pause), pause.expires)


def _are_done(parents: Iterable[str], state: RunState) -> bool:
    return all(parent == TRIGGER or parent in state.outputs for parent in parents)


def _begins_visit(entry: HistoryEntry, parent: str, by: str) -> bool:
    if entry.kind is HistoryKind.RUN_STARTED:
        return parent == TRIGGER
    if entry.step != parent:
        return False
    again = entry.kind is HistoryKind.STEP_VISITED_AGAIN and entry.data["edge"] == by
    return again or entry.kind is HistoryKind.STEP_COMPLETED
