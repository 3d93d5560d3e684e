"""The engine agrees with a model of a run, and its times with what a graph library computes."""

from __future__ import annotations

from datetime import timedelta

import networkx as nx
from hypothesis import given

from inngest_testkit import RunStatus, StepStatus
from inngest_testkit.durations import parse_duration
from inngest_testkit.functions.model import TRIGGER

from .laws import TAKEN
from .model import ATTEMPTS, ModelRun, outcomes_of, starts
from .profile import law
from .worlds import World, scenarios


def arrivals(world):
    """When each event of the script arrived, with it as the engine received it."""
    moment, found = world.scenario.start, []
    for (delay, _), event in zip(world.scenario.script, world.engine.events(), strict=True):
        moment += delay
        found.append((moment, event))
    return found


def as_modelled(run):
    """A run of the engine in the terms of the model."""
    attempts = {step.id: [[a.started_at, a.ended_at] for a in step.attempts] for step in run.steps.values()}
    return {
        "attempts": attempts,
        "outputs": {s.id: s.output for s in run.steps.values() if s.status is StepStatus.COMPLETED},
        "failed": [s.id for s in run.steps.values() if s.status is StepStatus.FAILED],
        "taken": [entry.data["edge"] for entry in run.history if entry.kind in TAKEN],
        "status": run.status,
        "ended": run.ended_at,
    }


def modelled(function, arrived, index, outcomes):
    """The same of the model."""
    moment, event = arrived[index]
    model = ModelRun(function, event.to_dict(), moment, arrived[index + 1 :], outcomes_of(function, outcomes))
    status = RunStatus.FAILED if model.failed else RunStatus.COMPLETED
    return {
        "attempts": model.attempts,
        "outputs": model.outputs,
        "failed": sorted(model.failed, key=list(model.attempts).index),
        "taken": model.taken,
        "status": status,
        "ended": model.ended,
    }


@law(examples=100)
@given(scenarios())
def test_runs_are_as_modelled(scenario):
    """Each event starts the runs that the triggers say, and each run is the model's: attempts, times, edges, end."""
    world = World(scenario).play()
    arrived = arrivals(world)
    for index, (_, event) in enumerate(arrived):
        wanted = [function.id for function in scenario.functions if starts(function, event)]
        assert sorted(run.function_id for run in world.sent[index].runs) == wanted
        for run in world.sent[index].runs:
            function = world.function_of(run)
            assert as_modelled(run) == modelled(function, arrived, index, scenario.outcomes)


plain = {"awaited": (), "conditions": False, "trigger_conditions": False, "max_functions": 1, "max_events": 1}


@law(examples=40)
@given(scenarios(outcomes=False, joins=False, **plain))
def test_every_step_runs_on_the_shortest_way(scenario):
    """Without conditions and joins every step runs, at the length of the shortest way of waits from the trigger."""
    world = World(scenario).play()
    (run,) = world.runs
    graph = nx.DiGraph([(p, step.id) for step in scenario.functions[0].steps for e in step.after for p in e.steps])
    for step in scenario.functions[0].steps:
        for entry in step.after:
            edge = graph.edges[entry.steps[0], step.id]
            edge["wait"] = min(edge.get("wait", timedelta.max), _wait(entry))
    lengths = nx.single_source_dijkstra_path_length(graph, TRIGGER, weight=lambda a, b, edge: edge["wait"] / _UNIT)
    begun = {step.id: (step.started_at - run.started_at) / _UNIT for step in run.steps.values()}
    assert {TRIGGER: 0, **begun} == lengths
    for step in begun:
        assert set(nx.shortest_path(graph, TRIGGER, step)) - {step} <= nx.ancestors(graph, step)


@law(examples=40)
@given(scenarios(most_entries=1, joins=True, **plain))
def test_joined_steps_run_on_the_longest_way(scenario):
    """With one entry for each step, a step runs at the length of the longest way through its parents' durations.

    It runs if and only if none of its ancestors fails for good.
    """
    function = scenario.functions[0]
    run = World(scenario).play().runs[0]
    graph = nx.DiGraph()
    for step in function.steps:
        spent, _ = _spent(function, step, scenario.outcomes)
        graph.add_edge(step.id, (step.id, "done"), spent=spent / _UNIT)
        for parent in step.after[0].steps:
            before = parent if parent == TRIGGER else (parent, "done")
            graph.add_edge(before, step.id, spent=_wait(step.after[0]) / _UNIT)
    failing = {step.id for step in function.steps if not _spent(function, step, scenario.outcomes)[1]}
    for step in function.steps:
        ancestors = nx.ancestors(graph, step.id)
        assert (step.id in run.steps) == failing.isdisjoint(ancestors)
        if step.id in run.steps:
            longest = nx.dag_longest_path_length(graph.subgraph({step.id, *ancestors}), weight="spent")
            assert (run.steps[step.id].started_at - run.started_at) / _UNIT == longest


@law(examples=40)
@given(scenarios(waits=(), outcomes=False, joins=False, **{**plain, "max_functions": 2}))
def test_steps_begin_in_the_order_of_generations(scenario):
    """Without waits all steps run at once, those that are fewer edges away from the trigger first."""
    world = World(scenario).play()
    for run in world.runs:
        function = world.function_of(run)
        graph = nx.DiGraph([(p, step.id) for step in function.steps for e in step.after for p in e.steps])
        layers = [sorted(layer) for layer in nx.bfs_layers(graph, TRIGGER)]
        assert len(run.steps) == len(function.steps)
        assert run.ended_at == run.started_at
        begun = list(run.steps)
        for layer in layers[1:]:
            assert sorted(begun[: len(layer)]) == layer
            begun = begun[len(layer) :]


@law(examples=40)
@given(scenarios(waits=(), outcomes=False, most_entries=1, **plain))
def test_joins_follow_a_topological_order(scenario):
    """The order in which steps complete is a topological order of the function's graph."""
    (run,) = World(scenario).play().runs
    function = scenario.functions[0]
    graph = nx.DiGraph([(p, step.id) for step in function.steps for e in step.after for p in e.steps])
    place = {TRIGGER: -1, **{step: index for index, step in enumerate(run.steps)}}
    assert all(place[parent] < place[child] for parent, child in graph.edges)
    generations = list(nx.topological_generations(graph))
    assert sum(map(len, generations)) == len(run.steps) + 1


_UNIT = timedelta(microseconds=1)


def _wait(entry):
    return parse_duration(entry.wait) if entry.wait else timedelta()


def _spent(function, step, outcomes):
    """How long a step takes with all its attempts, and whether it completes."""
    outcome, spent = outcomes_of(function, outcomes)[step.id], timedelta()
    for attempt in range(ATTEMPTS):
        spent += outcome.takes or timedelta()
        if attempt >= len(outcome.failures):
            return spent, True
        failure = outcome.failures[attempt]
        if failure.final:
            break
        spent += failure.retry_after or timedelta(seconds=10 * 2**attempt)
    return spent, False
