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
    left = dict(children)
    while True:
        followed = {child for parent in left for child in left[parent]}
        ends = [step for step in left if step not in followed or not any(child in left for child in left[step])]
        if not ends:
            return left
        for step in ends:
            del left[step]


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
    while True:
        reached = {
            step.id
            for step in steps
            if step.id in lost and any(not any(parent in lost for parent in entry.steps) for entry in step.after)
        }
        if not reached:
            return lost
        lost -= reached
