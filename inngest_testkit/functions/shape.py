"""What the edges of a function make: its cycles, and the steps that no run reaches."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from inngest_testkit.functions.model import TRIGGER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inngest_testkit.functions.model import Step

__all__ = ["children_of", "find_cycles", "find_unreachable"]


def children_of(steps: Sequence[Step]) -> dict[str, tuple[str, ...]]:
    """Give each step's children in the order of the steps, `$trigger` first; unknown parents are left out."""
    found: dict[str, dict[str, None]] = {TRIGGER: {}, **{step.id: {} for step in steps}}
    for step in steps:
        for entry in step.after:
            for parent in entry.steps:
                if parent in found:
                    found[parent][step.id] = None
    return {parent: tuple(children) for parent, children in found.items()}


def find_cycles(steps: Sequence[Step]) -> list[list[str]]:
    """Give cycles so that each step of any cycle is in one of them, each in the order of its edges."""
    children = _without_ends(children_of(steps))
    cycles: list[list[str]] = []
    reported: set[str] = set()
    for start in children:
        if start in reported:
            continue
        cycle = _shortest_way_back(start, children)
        if cycle:
            cycles.append(cycle)
            reported.update(cycle)
    return cycles


def _without_ends(children: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Leave only the steps that can lie on a cycle: those with a parent and a child that can."""
    parents: dict[str, list[str]] = {step: [] for step in children}
    for parent, followers in children.items():
        for child in followers:
            parents[child].append(parent)
    left = dict(children)
    for neighbours, others in ((parents, children), (children, parents)):
        # Take away the steps at one end until there are none; each step and edge is looked at once.
        count = {step: sum(n in left for n in neighbours[step]) for step in left}
        ends = [step for step in left if not count[step]]
        while ends:
            gone = ends.pop()
            del left[gone]
            for other in others[gone]:
                if other in left:
                    count[other] -= 1
                    if not count[other]:
                        ends.append(other)
    return left


def _shortest_way_back(start: str, children: Mapping[str, tuple[str, ...]]) -> list[str]:
    came_from: dict[str, str] = {}
    waiting = deque([start])
    while waiting:
        step = waiting.popleft()
        for child in children[step]:
            if child == start:
                way = [step]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return way[::-1]
            if child in children and child not in came_from:
                came_from[child] = step
                waiting.append(child)
    return []


def find_unreachable(steps: Sequence[Step]) -> set[str]:
    """Give the steps that no run reaches, whatever its conditions; an unknown parent counts as reached."""
    lost = {step.id for step in steps}
    # An entry is open as long as parents of it are lost; one that is not open reaches its step.
    open_parents: dict[tuple[str, int], int] = {}
    entries_of: dict[str, list[tuple[str, int]]] = {}
    for step in steps:
        for number, entry in enumerate(step.after):
            key = (step.id, number)
            blocking = [parent for parent in entry.steps if parent in lost]
            open_parents[key] = len(blocking)
            for parent in blocking:
                entries_of.setdefault(parent, []).append(key)
    waiting = deque(step for (step, _), count in open_parents.items() if not count)
    while waiting:
        reached = waiting.popleft()
        if reached not in lost:
            continue
        lost.discard(reached)
        for key in entries_of.get(reached, ()):
            open_parents[key] -= 1
            if not open_parents[key]:
                waiting.append(key[0])
    return lost
