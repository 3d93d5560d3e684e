"""A run's graph as the page draws it: nodes in layers, edges, and where each of them stands.

Of a DAG function all steps are there, reached or not; of an app's function those that its code came to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inngest_testkit.functions.graph import edge_label, layers
from inngest_testkit.functions.model import TRIGGER
from inngest_testkit.functions.plan import FunctionPlan
from inngest_testkit.runs.model import HistoryKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from inngest_testkit.functions.model import After
    from inngest_testkit.functions.plan import Edge
    from inngest_testkit.runs import Run
    from inngest_testkit.runs.journal import Shape

__all__ = ["graph_of"]

_PENDING, _TAKEN, _NOT_TAKEN, _WAITING = "pending", "taken", "not_taken", "waiting"


def graph_of(view: Run, shape: Shape) -> dict[str, Any]:
    """Return `nodes` (id, layer, state) and `edges` (from, to, label, state) of a run's graph.

    A node's state is that of its step, in small letters; of one that has not begun: `planned`, `waiting`, `skipped`
    (every edge into it was decided, and none led to it), `not_reached` (the run is over) or `pending`. An edge is
    `taken`, `not_taken`, `waiting` or `pending`.
    """
    return _dag(view, shape) if isinstance(shape, FunctionPlan) else _found(view)


def _dag(view: Run, plan: FunctionPlan) -> dict[str, Any]:
    states = _edge_states(view)
    ways = list(_ways(plan))
    nodes = []
    for layer, names in enumerate(layers(plan.function)):
        for name in names:
            into = [states.get(edge.id, _PENDING) for edge, _ in ways if edge.child == name]
            nodes.append({"id": name, "layer": layer, "state": _node_state(view, name, into)})
    edges = [
        {
            "from": parent,
            "to": edge.child,
            "label": edge_label(entry) if number == 0 else "",
            "all": len(edge.parents) > 1,
            "state": states.get(edge.id, _PENDING),
        }
        for edge, entry in ways
        for number, parent in enumerate(edge.parents)
    ]
    return {"nodes": nodes, "edges": edges}


def _ways(plan: FunctionPlan) -> Iterator[tuple[Edge, After]]:
    """Give each edge with what was written for it."""
    for step in plan.function.steps:
        yield from zip(plan.incoming[step.id], step.after, strict=True)


def _edge_states(view: Run) -> dict[str, str]:
    states: dict[str, str] = {}
    for entry in view.history:
        edge = entry.data.get("edge")
        state = _EDGE_STATES.get(entry.kind)
        if edge is None or state is None:
            continue
        if entry.kind is HistoryKind.PAUSE_TIMED_OUT:
            state = _TAKEN if entry.data["taken"] else _NOT_TAKEN
        elif entry.kind is HistoryKind.EDGE_TAKEN and entry.data.get("until") is not None:
            state = _WAITING
        states[edge] = state
    return states


_EDGE_STATES = {
    HistoryKind.EDGE_TAKEN: _TAKEN,
    HistoryKind.EDGE_NOT_TAKEN: _NOT_TAKEN,
    HistoryKind.PAUSE_SAVED: _WAITING,
    HistoryKind.PAUSE_RESUMED: _TAKEN,
    HistoryKind.PAUSE_CONSUMED: _NOT_TAKEN,
    HistoryKind.PAUSE_TIMED_OUT: _TAKEN,
    HistoryKind.STEP_STARTED: _TAKEN,
}


def _node_state(view: Run, name: str, into: list[str]) -> str:
    if name == TRIGGER:
        return "completed"
    record = view.steps.get(name)
    if record is not None:
        return record.status.value.lower()
    if view.is_over:
        return "not_reached" if _PENDING in into or _WAITING in into or _TAKEN in into else "skipped"
    if _WAITING in into:
        return "waiting"
    if _TAKEN in into:
        return "planned"
    return _PENDING if _PENDING in into else "skipped"


def _found(view: Run) -> dict[str, Any]:
    """Draw the steps of an app's function: what one answer named stands side by side, below what was done before it."""
    layer_of = {TRIGGER: 0}
    edges: list[dict[str, Any]] = []
    done: dict[str, None] = {}
    leaves: dict[str, None] = {TRIGGER: None}
    for entry in view.history:
        if entry.kind is HistoryKind.CALL_ANSWERED:
            fresh = [step for step in entry.data["found"] if step not in layer_of]
            parents = [leaf for leaf in leaves if leaf == TRIGGER or leaf in done] or [TRIGGER]
            for step in fresh:
                layer_of[step] = 1 + max(layer_of[parent] for parent in parents)
                edges += [_found_edge(parent, step) for parent in parents]
            if fresh:
                leaves = {leaf: None for leaf in leaves if leaf not in parents} | dict.fromkeys(fresh)
        elif entry.kind in (HistoryKind.STEP_COMPLETED, HistoryKind.STEP_FAILED) and entry.step:
            done[entry.step] = None
    states = {record.id: record.status.value.lower() for record in view.steps.values()}
    return {"nodes": [_found_node(name, layer, states) for name, layer in layer_of.items()], "edges": edges}


def _found_edge(parent: str, child: str) -> dict[str, Any]:
    return {"from": parent, "to": child, "label": "", "all": False, "state": _TAKEN}


def _found_node(name: str, layer: int, states: Mapping[str, str]) -> dict[str, Any]:
    return {"id": name, "layer": layer, "state": "completed" if name == TRIGGER else states.get(name, "planned")}
