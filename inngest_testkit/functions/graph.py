"""A function's graph: for networkx, as layers, as a Mermaid flowchart and as text.

Pictures show every edge with its condition, its wait, and the event that it waits for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inngest_testkit.errors import SetupError
from inngest_testkit.functions.drawing import Row, draw
from inngest_testkit.functions.model import TRIGGER
from inngest_testkit.functions.shape import find_cycles

if TYPE_CHECKING:
    import networkx as nx  # type: ignore[import-untyped]

    from inngest_testkit.functions.model import After, Function

__all__ = ["edge_label", "layers", "to_mermaid", "to_networkx", "to_text"]


def to_networkx(function: Function) -> nx.MultiDiGraph[str]:
    """Give the graph: nodes are `$trigger` and the steps (attribute `step`), edges carry their `After`.

    An entry that joins several steps is one edge from each of them; they share their `key`, the number of the
    entry in the step's `after`. Attributes of an edge: `after`, `if`, `wait`, `event`, `match`, `ttl`, `on_timeout`,
    `join`.
    """
    import networkx as nx

    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph(name=function.id)
    graph.add_node(TRIGGER)
    for step in function.steps:
        graph.add_node(step.id, step=step)
    for step in function.steps:
        for number, entry in enumerate(step.after):
            for parent in entry.steps:
                graph.add_edge(parent, step.id, key=number, after=entry, **_attributes(entry))
    return graph


def _attributes(entry: After) -> dict[str, object]:
    names = ("wait", "event", "match", "ttl", "on_timeout", "join")
    return {"if": entry.if_, **{name: getattr(entry, name) for name in names}}


def layers(function: Function) -> list[list[str]]:
    """Give the steps by their distance from the trigger: `$trigger` alone, then what can follow it, and so on.

    A step stands one layer below the last of its parents; within a layer the order is that of the function.
    Raises `SetupError` for a function with a cycle, which no engine accepts.
    """
    import networkx as nx

    if cycles := find_cycles(function.steps):
        shown = " -> ".join([*cycles[0], cycles[0][0]])
        raise SetupError(f"function {function.id!r} has no layers, since it has a cycle: {shown}; remove an edge of it")
    order = {name: number for number, name in enumerate((TRIGGER, *(step.id for step in function.steps)))}
    generations = nx.topological_generations(to_networkx(function))
    return [sorted(layer, key=lambda name: order.get(name, len(order))) for layer in generations]


def edge_label(entry: After) -> str:
    """Write what an edge asks for: `if response.ok`, `wait 3d`, `until 'app/opened' (ttl 1d, match ...)`."""
    parts = [f"if {_one_line(entry.if_)}"] if entry.if_ else []
    if entry.is_async:
        match = f" matching {_one_line(entry.match)}" if entry.match else ""
        if entry.on_timeout:
            parts.append(f"when no {entry.event!r}{match} comes in {entry.ttl}")
        else:
            parts.append(f"on {entry.event!r}{match}, at most {entry.ttl}")
    elif entry.wait is not None:
        parts.append(f"wait {entry.wait}")
    return "; ".join(parts)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def to_mermaid(function: Function) -> str:
    """Write a Mermaid flowchart."""
    numbers = {name: f"s{number}" for number, name in enumerate((TRIGGER, *(step.id for step in function.steps)))}
    triggers = "<br/>".join(_escaped(str(trigger)) for trigger in function.triggers)
    lines = ["flowchart TD", f'    {numbers[TRIGGER]}(["{triggers or _escaped(TRIGGER)}"])']
    lines += [f'    {numbers[step.id]}["{_escaped(step.id)}"]' for step in function.steps]
    joins = 0
    for step in function.steps:
        for entry in step.after:
            label = _escaped(edge_label(entry))
            arrow = "-.->" if entry.is_async else "-->"
            shown = f'{arrow}|"{label}"|' if label else arrow
            parents = [numbers.setdefault(parent, f"s{len(numbers)}") for parent in entry.steps]
            if len(parents) == 1:
                lines.append(f"    {parents[0]} {shown} {numbers[step.id]}")
                continue
            joins += 1
            lines.append(f'    all{joins}{{"all of them"}}')
            lines += [f"    {parent} --> all{joins}" for parent in parents]
            lines.append(f"    all{joins} {shown} {numbers[step.id]}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """Write a text for Mermaid, which reads quotes, markup and backslashes in labels."""
    return "".join(each if each.isalnum() or each in " .,:/_-=+()?" else f"#{ord(each)};" for each in _one_line(text))


def to_text(function: Function) -> str:
    """Draw the function for a terminal: one row per step, layer by layer, with lines for the edges."""
    parents = {step.id: step.after for step in function.steps}
    rows = [
        Row(name, _parents(parents.get(name, ())), _notes(function, name, parents.get(name, ())))
        for layer in layers(function)
        for name in layer
    ]
    return f"{function.id}\n\n{draw(rows)}"


def _parents(entries: tuple[After, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(parent for entry in entries for parent in entry.steps))


def _notes(function: Function, name: str, entries: tuple[After, ...]) -> list[str]:
    if name == TRIGGER:
        return [str(trigger) for trigger in function.triggers]
    if len(entries) == 1 and len(entries[0].steps) <= 1:
        label = edge_label(entries[0])
        return [label] if label else []
    if len(entries) == 1:
        return [f"after {_entry_note(entries[0])}"]
    return ["after the first of", *(f"  {_entry_note(entry)}" for entry in entries)]


def _entry_note(entry: After) -> str:
    parents = ", ".join(entry.steps)
    label = edge_label(entry)
    return (f"all of {parents}" if len(entry.steps) > 1 else parents) + (f": {label}" if label else "")
