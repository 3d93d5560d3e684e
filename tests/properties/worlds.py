"""Plays scripts of events on an engine; what the laws share."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from inngest_testkit import Engine
from inngest_testkit.functions.model import TRIGGER
from inngest_testkit.queue.memory import MemoryQueue
from inngest_testkit.state.memory import MemoryStateStore
from inngest_testkit.testing.strategies import StepOutcomes, event_scripts, function_sets, step_outcomes

#: Longer than anything that a generated function waits for.
TAIL = timedelta(days=60)
NOTHING = StepOutcomes({})


@dataclass(frozen=True)
class Scenario:
    """Functions, the events that arrive, and what becomes of the steps."""

    functions: tuple
    script: list
    outcomes: StepOutcomes = NOTHING
    start = datetime(2024, 1, 1, tzinfo=UTC)


@st.composite
def scenarios(draw, *, max_functions=2, max_events=4, outcomes=True, **options):
    functions = draw(function_sets(max_functions=max_functions, **options))
    script = draw(event_scripts(*functions, max_events=max_events))
    results = draw(step_outcomes(*functions)) if outcomes else NOTHING
    return draw(st.builds(Scenario, st.just(functions), st.just(script), st.just(results)))


@dataclass
class World:
    """An engine with its stores in view; `sent` is what each event of the script started."""

    scenario: Scenario
    state: MemoryStateStore = field(default_factory=MemoryStateStore)
    queue: MemoryQueue = field(default_factory=MemoryQueue)
    options: dict = field(default_factory=dict)
    sent: list = field(default_factory=list)

    def __post_init__(self):
        self.engine = Engine(state=self.state, queue=self.queue, **self.options)
        self.engine.register(*self.scenario.functions)
        self.scenario.outcomes.apply(self.engine)
        self.by_id = {function.id: function for function in self.scenario.functions}

    def play(self, look=lambda: None):
        """Play the script, then move from due time to due time to the end; `look` is called after each move."""
        for delay, event in self.scenario.script:
            self.engine.advance(delay)
            look()
            self.sent.append(self.engine.send(event))
            look()
        while self.engine.next_due is not None:
            self.engine.advance(self.engine.next_due - self.engine.now)
            look()
        return self

    @property
    def runs(self):
        return self.engine.runs()

    def function_of(self, run):
        return self.by_id[run.function_id]

    def load(self, run):
        """What the state store has of a run."""
        return self.state._runs[run.id].snapshot()

    @property
    def pauses(self):
        return list(self.state._pauses.values())

    @property
    def histories(self):
        """Every transition, as bytes."""
        return json.dumps([entry.to_dict() for entry in self.engine.history], ensure_ascii=False).encode()


def edges_of(function):
    """The edges of a function by their ids, each with its child, read from the function itself."""
    found = {}
    for step in function.steps:
        for entry in step.after:
            base = f"{'+'.join(entry.steps)}->{step.id}"
            name, count = base, 1
            while name in found:
                count += 1
                name = f"{base}#{count}"
            found[name] = (step.id, entry)
    return found


def leaving(function, parent):
    """The edges that leave a step, in order of the child's id, then as written."""
    edges = [(name, child, entry) for name, (child, entry) in edges_of(function).items() if parent in entry.steps]
    return sorted(edges, key=lambda edge: edge[1])


def truth(tree, variables):
    """What a condition is, evaluated here: comparisons with what is missing follow the recordings."""
    kind = type(tree).__name__
    if kind == "Not":
        return not truth(tree.inner, variables)
    if kind == "Both":
        return truth(tree.left, variables) and truth(tree.right, variables)
    if kind == "Either":
        return truth(tree.left, variables) or truth(tree.right, variables)
    left, right = _operand(tree.left, variables), _operand(tree.right, variables)
    if left is None or right is None:
        return {"==": False, "!=": True, "<": left is None, ">=": left is not None}[tree.operator]
    return {"==": left == right, "!=": left != right, "<": left < right, ">=": left >= right}[tree.operator]


def _operand(operand, variables):
    """A value; None stands for what is missing, which no generated value is."""
    names = getattr(operand, "names", None)
    if names is None:
        return operand
    for name in names:
        variables = variables.get(name) if isinstance(variables, dict) else None
    return variables


def condition_holds(entry, event, outputs):
    """Whether an edge's condition is true, given the outputs so far."""
    if entry.if_ is None:
        return True
    parent = entry.steps[0]
    variables = {"event": event, "steps": outputs, "response": {} if parent == TRIGGER else outputs.get(parent)}
    return truth(entry.if_.tree, variables)
