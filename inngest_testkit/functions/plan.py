"""A function as the runner and the executor use it: expressions compiled, durations read, adjacency computed once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from inngest_testkit.cron import Schedule, parse_jitter
from inngest_testkit.durations import parse_duration
from inngest_testkit.expressions import DAG, SDK, Expression, compile_expression
from inngest_testkit.functions.dsn import dsn
from inngest_testkit.functions.flow_options import plan_flow_control
from inngest_testkit.functions.model import TRIGGER, After, Function, VersionConstraint
from inngest_testkit.functions.patterns import pattern_prefix
from inngest_testkit.ids import workflow_uuid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inngest_testkit.expressions import Dialect
    from inngest_testkit.functions.flow_control import FlowControl
    from inngest_testkit.functions.model import Trigger

__all__ = ["ActionReference", "Await", "Edge", "FunctionPlan", "PlannedTrigger", "plan_function", "plan_triggers"]


@dataclass(frozen=True, slots=True)
class Await:
    """The event that an edge waits for."""

    event: str
    match: Expression | None
    ttl: timedelta
    on_timeout: bool


@dataclass(frozen=True, slots=True)
class Edge:
    """One edge: `id` is unique in its function (`a->b`, `a+b->c`, a second one `a->b#2`)."""

    id: str
    parents: tuple[str, ...]
    child: str
    condition: Expression | None
    wait: timedelta | None
    awaits: Await | None

    @property
    def asks(self) -> bool:
        """Whether taking it depends on what the run has come to, beyond the parent that is done."""
        return self.condition is not None or self.awaits is not None or len(self.parents) > 1


@dataclass(frozen=True, slots=True)
class PlannedTrigger:
    """One trigger: an event with its expression, or a schedule with the jitter of its runs."""

    text: str
    event: str | None
    expression: Expression | None
    schedule: Schedule | None
    #: What the names that `event` matches begin with, when it is a pattern.
    prefix: str | None = None
    jitter: timedelta = timedelta()

    def names(self, event: str) -> bool:
        """Whether an event of this name is one that the trigger asks for."""
        return self.event == event or (self.prefix is not None and event.startswith(self.prefix))


@dataclass(frozen=True, slots=True)
class ActionReference:
    """The action that a step runs: its DSN, and which of its versions."""

    dsn: str
    constraint: VersionConstraint | None


@dataclass(frozen=True, slots=True)
class FunctionPlan:
    """One function, ready to run.

    `actions` says, for each step, which action it runs and in which version. `outgoing` lists the edges that leave a
    step, in order of the child's id (source: recordings/dag README, "Runs and edges"); `incoming` those that enter it.
    """

    function: Function
    workflow_id: str
    triggers: tuple[PlannedTrigger, ...]
    outgoing: Mapping[str, tuple[Edge, ...]]
    incoming: Mapping[str, tuple[Edge, ...]]
    actions: Mapping[str, ActionReference]
    flow: FlowControl | None = None

    @property
    def step_ids(self) -> tuple[str, ...]:
        """The ids of all steps, as written."""
        return tuple(self.actions)

    def parents_of(self, step: str) -> tuple[tuple[str, ...], ...]:
        """Return the parents of each edge into a step."""
        return tuple(edge.parents for edge in self.incoming[step])


def plan_function(function: Function, env: str = "test") -> FunctionPlan:
    """Compile a function that `validation.check_functions` accepts; `env` is the environment of its actions."""
    edges: dict[str, Edge] = {}
    incoming: dict[str, tuple[Edge, ...]] = {}
    for step in function.steps:
        own = []
        for entry in step.after:
            edge = _edge(entry, step.id, edges)
            edges[edge.id] = edge
            own.append(edge)
        incoming[step.id] = tuple(own)
    return FunctionPlan(
        function=function,
        workflow_id=workflow_uuid(function.id),
        triggers=plan_triggers(function.triggers, DAG),
        outgoing=_outgoing(function, edges),
        incoming=incoming,
        actions={s.id: ActionReference(dsn(function.id, s.id, env), s.version) for s in function.steps},
        flow=plan_flow_control(function.flow_control),
    )


def plan_triggers(triggers: Iterable[Trigger], dialect: Dialect) -> tuple[PlannedTrigger, ...]:
    """Compile triggers; only functions of apps may ask for patterns of names."""
    return tuple(
        PlannedTrigger(
            text=str(trigger),
            event=trigger.event,
            expression=compile_expression(trigger.expression, dialect) if trigger.expression else None,
            schedule=Schedule.parse(trigger.cron) if trigger.cron else None,
            prefix=pattern_prefix(trigger.event) if trigger.event and dialect is SDK else None,
            jitter=parse_jitter(trigger.jitter),
        )
        for trigger in triggers
    )


def _outgoing(function: Function, edges: Mapping[str, Edge]) -> dict[str, tuple[Edge, ...]]:
    leaving: dict[str, list[Edge]] = {name: [] for name in (TRIGGER, *(step.id for step in function.steps))}
    for edge in sorted(edges.values(), key=lambda edge: edge.child):
        for parent in edge.parents:
            leaving[parent].append(edge)
    return {parent: tuple(found) for parent, found in leaving.items()}


def _edge(entry: After, child: str, known: Mapping[str, Edge]) -> Edge:
    base = f"{'+'.join(entry.steps)}->{child}"
    name, count = base, 1
    while name in known:
        count += 1
        name = f"{base}#{count}"
    awaits = None
    if entry.is_async:
        match = compile_expression(entry.match, DAG) if entry.match else None
        awaits = Await(entry.event or "", match, parse_duration(entry.ttl or ""), entry.on_timeout)
    return Edge(
        id=name,
        parents=entry.steps,
        child=child,
        condition=compile_expression(entry.if_, DAG) if entry.if_ else None,
        # Source: recordings/dag, async-with-wait: on an edge with both, the wait is ignored.
        wait=parse_duration(entry.wait) if entry.wait and awaits is None else None,
        awaits=awaits,
    )
