"""Steps called in asyncio tasks outside `group.parallel`.

The SDK answers a call with the first step that ends it. What other tasks have begun by then has run, and is lost:
their bodies run again at the next entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from inngest_testkit.runs.entries import Entry, TracedStep

__all__ = ["concurrent_steps", "gather_message", "steps_in_tasks"]

_SHOWN = 5


def steps_in_tasks(entry: Entry) -> tuple[TracedStep, ...]:
    """Return the steps that were called in a task other than the handler's own, outside `group.parallel`."""
    return tuple(step for step in entry.trace if step.in_task and not step.grouped)


def concurrent_steps(entry: Entry, answered: Collection[str]) -> tuple[TracedStep, ...]:
    """Return the steps that the entry began side by side in tasks; none, or at least two.

    `answered` holds the keys that earlier answers named. One new step in a task, as `asyncio.wait_for` makes it, does
    no harm: the answer names it. Of two or more, it names only the first that ended.
    """
    if not steps_in_tasks(entry):
        return ()
    new = tuple(step for step in entry.trace if not step.grouped and step.key not in answered)
    return new if len(new) > 1 and any(step.in_task for step in new) else ()


def gather_message(steps: Sequence[TracedStep]) -> str:
    """Say what is wrong with steps that were begun side by side, and how to write it."""
    names = ", ".join(repr(step.key) for step in steps[:_SHOWN]) + (", …" if len(steps) > _SHOWN else "")
    calls = ", ".join(f"lambda: ctx.step.run({step.id!r}, ...)" for step in steps[:2])
    more = ", ..." if len(steps) > len(steps[:2]) else ""
    return (
        f"steps {names} were begun side by side in asyncio tasks (asyncio.gather, create_task, TaskGroup): an answer "
        "names only the first that ends, so bodies run more than once on the server, and sleeps and waits come one "
        f"after the other; use await ctx.group.parallel(({calls}{more}))"
    )
