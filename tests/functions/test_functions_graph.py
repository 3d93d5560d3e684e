"""A function's graph: for networkx, as layers, for Mermaid, and as a picture that says all of it."""

from __future__ import annotations

import subprocess
import sys

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inngest_testkit.errors import SetupError
from inngest_testkit.functions import (
    TRIGGER,
    Function,
    Step,
    after,
    layers,
    on_cron,
    on_event,
    to_mermaid,
    to_networkx,
    to_text,
)

ORDER = on_event("order/placed", if_="event.data.total > 100.0")

PICTURES = {
    "chain": Function(
        "chain",
        ORDER,
        steps=[
            Step("charge"),
            Step("welcome", after="charge"),
            Step("nudge", after=after("welcome", wait="3d", if_="steps.welcome.opened == false")),
        ],
    ),
    "diamond": Function(
        "diamond",
        ORDER,
        on_cron("0 9 * * *"),
        steps=[
            Step("a"),
            Step("b", after="a"),
            Step("c", after=after("a", if_="response.ok")),
            Step("d", after=["b", after("c", event="x/y", match="async.data.id == event.data.id", ttl="1d")]),
            Step("e", after=after(["b", "c", "d"], wait="1h")),
        ],
    ),
    "fan-out": Function(
        "fan-out",
        ORDER,
        steps=[
            *(Step(f"send {number}") for number in range(8)),
            Step("end", after=["send 0", "send 3", "send 7"]),
            Step("tail", after="send 5"),
        ],
    ),
    "odd names": Function(
        "odd",
        on_event('a"b'),
        steps=[
            Step('say "hi" <b>'),
            Step("a step with an id that is much longer than anyone would write by hand", after='say "hi" <b>'),
            Step(
                "end",
                after=after('say "hi" <b>', event="x", ttl="1h", on_timeout=True, if_='response.x == "|" &&\n  true'),
            ),
            Step("subgraph", after=["end", TRIGGER]),
        ],
    ),
    "no steps": Function("empty", ORDER),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures(name, snapshot):
    assert to_text(PICTURES[name]) == snapshot(name="text")
    assert to_mermaid(PICTURES[name]) == snapshot(name="mermaid")


def test_the_graph_carries_the_entries():
    function = PICTURES["diamond"]
    graph = to_networkx(function)
    assert list(graph) == [TRIGGER, "a", "b", "c", "d", "e"]
    assert graph.nodes["a"]["step"] is function.steps[0]
    assert sorted((one, two) for one, two in graph.edges() if two == "e") == [("b", "e"), ("c", "e"), ("d", "e")]
    attributes = graph.edges["c", "d", 1]
    assert attributes["after"] is function.steps[3].after[1]
    assert (attributes["event"], attributes["ttl"], attributes["if"], attributes["join"]) == ("x/y", "1d", None, False)


def test_entries_of_one_parent_are_edges_of_their_own():
    function = Function("x", ORDER, steps=[Step("a"), Step("b", after=[after("a", wait="1h"), after("a", wait="2h")])])
    assert [wait for *_, wait in to_networkx(function).edges("a", data="wait")] == ["1h", "2h"]


def test_a_cycle_has_no_layers():
    function = Function("x", ORDER, steps=[Step("a", after=[TRIGGER, "b"]), Step("b", after="a")])
    for picture in (layers, to_text):
        with pytest.raises(SetupError, match="it has a cycle: a -> b -> a; remove an edge of it"):
            picture(function)
    assert "s2 --> s1" in to_mermaid(function)


FUNCTIONS = st.integers(0, 9).flatmap(
    lambda size: st.tuples(
        *(
            st.lists(st.sampled_from([TRIGGER, *map(str, range(number))]), min_size=1, max_size=4)
            for number in range(size)
        )
    )
)


def build(parents):
    return Function("x", ORDER, steps=[Step(str(number), after=entries) for number, entries in enumerate(parents)])


@given(FUNCTIONS)
def test_layers_are_those_of_networkx(parents):
    function = build(parents)
    found = layers(function)
    assert found[0] == [TRIGGER]
    depth = {name: number for number, layer in enumerate(found) for name in layer}
    for step in function.steps:
        assert depth[step.id] == 1 + max(depth[parent] for entry in step.after for parent in entry.steps)
    expected = nx.topological_generations(nx.DiGraph(to_networkx(function)))
    assert [set(layer) for layer in found] == [set(layer) for layer in expected]


@given(FUNCTIONS)
def test_the_lines_of_the_picture_are_the_edges(parents):
    function = build(parents)
    assert edges_drawn(to_text(function)) == set(to_networkx(function).edges())


UP, DOWN, LEFT, RIGHT = (-1, 0), (1, 0), (0, -1), (0, 1)
EXITS = {
    "│": (UP, DOWN),
    "─": (LEFT, RIGHT),
    "├": (UP, DOWN, RIGHT),
    "┤": (UP, DOWN, LEFT),
    "╰": (UP, RIGHT),
    "╯": (UP, LEFT),
    "╭": (DOWN, RIGHT),
    "╮": (DOWN, LEFT),
    "┬": (DOWN, LEFT, RIGHT),
    "┴": (UP, LEFT, RIGHT),
    "┼": (UP, DOWN, LEFT, RIGHT),
}


def edges_drawn(picture):
    """Follow every line down from every node, as a reader would."""
    lines = picture.splitlines()[2:]
    grid = {(row, column): character for row, line in enumerate(lines) for column, character in enumerate(line)}
    width = max(column for (_, column), character in grid.items() if character in "│●├┤╰╯╭╮┬┴┼▸◂")
    names = {place: lines[place[0]][width + 1 :].split()[0] for place, character in grid.items() if character == "●"}
    return {(names[start], names[end]) for start in names for end in followed(grid, start, names)}


def followed(grid, start, nodes):
    ends, seen, waiting = set(), set(), [(start, DOWN)]
    while waiting:
        (row, column), way = waiting.pop()
        place = (row + way[0], column + way[1])
        if (place, way) in seen:
            continue
        seen.add((place, way))
        character = grid.get(place, " ")
        if place in nodes:
            ends.add(place)
        elif (character in "▸◂") or (character == "│" and way in (LEFT, RIGHT)):
            waiting.append((place, way))
        else:
            ways = [each for each in EXITS.get(character, ()) if each not in (UP, (-way[0], -way[1]))]
            waiting += [(place, each) for each in ways if not against_an_arrow(grid, place, each)]
    return ends


def against_an_arrow(grid, place, way):
    ahead = grid.get((place[0], place[1] + way[1]))
    return (way, ahead) in {(LEFT, "▸"), (RIGHT, "◂")}


def test_the_package_imports_nothing_heavy():
    heavy = ("networkx", "slugify", "matplotlib", "pydantic")
    code = (
        f"import sys, inngest_testkit.functions as f; f.load_functions; print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_unknown_names_of_the_package_are_refused():
    import inngest_testkit.functions as package

    with pytest.raises(AttributeError, match="has no attribute 'nope'"):
        package.nope  # noqa: B018
    assert (
        sorted(package.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name)) == package.__all__
    )
    assert all(hasattr(package, name) for name in package.__all__)
