"""Step ids that name two steps at once.

The SDK tells uses of one id apart by counting: `a`, `a:1`, `a:2`... in the order in which the handler comes to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inngest_testkit.sdk.protocol import TracedStep

__all__ = ["Duplicate", "find_collisions", "find_duplicates"]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """One id for two steps.

    `kind` is "repeated" (one id, as written, in several branches of a group; `keys` are the ids on the wire) or
    "collision" (ids written differently that are the same on the wire; `ids` are those, `keys` has the one).
    """

    kind: Literal["repeated", "collision"]
    ids: tuple[str, ...]
    keys: tuple[str, ...]

    @property
    def shared(self) -> str:
        """The one id that several steps have: as written, or on the wire."""
        return self.ids[0] if self.kind == "repeated" else self.keys[0]

    def __str__(self) -> str:
        if self.kind == "repeated":
            return (
                f"step id {self.ids[0]!r} is used {len(self.keys)} times among the steps of one parallel group, as "
                f"{_list(self.keys)}: which branch gets which depends on the order in which the handler comes to them, "
                "and that shifts when one branch is ahead, so that a branch is given another's result; "
                "give each branch an id of its own"
            )
        return (
            f"step ids {_list(self.ids)} are one on the wire, {self.keys[0]!r}: a repeated id gets ':1', ':2'... "
            "appended, which meets the id written so; the two steps share one result. Rename one of them"
        )


def find_duplicates(trace: Sequence[TracedStep], found: Sequence[str]) -> tuple[Duplicate, ...]:
    """Find the ids used more than once among the steps of one answer, which has the keys in `found`.

    The trace has them as they were written, which not every SDK tells in its answer.
    """
    if len(found) < 2:  # only a group's answer has more
        return ()
    named = frozenset(found)
    keys = _grouped((step.id, step.key) for step in trace if step.key in named)
    return tuple(Duplicate("repeated", (name,), used) for name, used in keys.items() if len(used) > 1)


def find_collisions(trace: Sequence[TracedStep]) -> tuple[Duplicate, ...]:
    """Find the steps of one entry that are written differently and the same on the wire."""
    keys = [step.key for step in trace]
    if len(set(keys)) == len(keys):
        return ()
    ids = _grouped((step.key, step.id) for step in trace)
    return tuple(Duplicate("collision", written, (key,)) for key, written in ids.items() if len(written) > 1)


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for key, value in pairs:
        found.setdefault(key, {})[value] = None
    return {key: tuple(values) for key, values in found.items()}


def _list(names: Sequence[str]) -> str:
    return " and ".join(repr(name) for name in names)
