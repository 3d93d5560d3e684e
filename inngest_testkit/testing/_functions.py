"""Generate DAG functions that an engine accepts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypedDict

from inngest_testkit.functions.model import TRIGGER, Function, Step, after, on_cron, on_event
from inngest_testkit.testing._conditions import conditions, matches
from inngest_testkit.testing._extra import st
from inngest_testkit.testing._values import known_objects

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Unpack

    from hypothesis.strategies import SearchStrategy

    from inngest_testkit.functions.model import After, Trigger
    from inngest_testkit.testing.conditions import Condition
    from inngest_testkit.values import JsonValue

__all__ = ["FunctionOptions", "Returns", "function_sets", "functions"]

_NAMES = "abcdefghijklmnopqrstuvwxyz"
_FUNCTION_IDS = ("f", "g", "h", "i", "j")
_MOST_ENTRIES = 3
#: A choice of strategies is kept, because making them takes longer than drawing from them.
_KEPT = 1024


@dataclass(frozen=True, eq=False)
class Returns:
    """A step's code that returns `output`."""

    output: JsonValue

    def __call__(self) -> JsonValue:
        """Return the output."""
        return self.output

    def __repr__(self) -> str:
        return f"Returns({self.output!r})"


class FunctionOptions(TypedDict, total=False):
    """What generated functions may have.

    `min_steps` and `max_steps` (up to 26) bound the steps. `events` are the names that trigger, `awaited` the names
    that async edges wait for; `waits`, `ttls` and `crons` the texts to choose from: an empty choice leaves that part
    out. `conditions`, `trigger_conditions` and `joins` say whether edges have an `if_` (and async ones a `match`),
    triggers an expression, and whether edges join several parents. `most_entries` bounds the edges into a step.
    """

    min_steps: int
    max_steps: int
    events: Sequence[str]
    awaited: Sequence[str]
    waits: Sequence[str]
    ttls: Sequence[str]
    crons: Sequence[str]
    conditions: bool
    trigger_conditions: bool
    joins: bool
    most_entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    min_steps: int = 1
    max_steps: int = 6
    events: tuple[str, ...] = ("start", "restart")
    awaited: tuple[str, ...] = ("go", "stop", "start")
    waits: tuple[str, ...] = ("1s", "1m", "1h", "3d")
    ttls: tuple[str, ...] = ("1m", "1h", "3d")
    crons: tuple[str, ...] = ()
    conditions: bool = True
    trigger_conditions: bool = True
    joins: bool = True
    most_entries: int = _MOST_ENTRIES


def _shape(options: FunctionOptions) -> _Shape:
    parts: dict[str, Any] = {key: tuple(part) if isinstance(part, Iterable) else part for key, part in options.items()}
    return _Shape(**parts)


def functions(
    id: str = "f",  # noqa: A002 - the function's field
    **options: Unpack[FunctionOptions],
) -> SearchStrategy[Function]:
    """Generate valid functions over every kind of edge; they shrink to one step after the trigger.

    Edges are plain, wait, join, have a condition, or wait for an event; a parent may be named twice. Each step is a
    `Returns`, whose output has the fields that the conditions read. See `FunctionOptions` for the options.
    """
    return _functions(id, _shape(options))


def function_sets(
    *, max_functions: int = 3, **options: Unpack[FunctionOptions]
) -> SearchStrategy[tuple[Function, ...]]:
    """Generate one to `max_functions` (up to 5) functions to register together, which share their events."""
    each = [_functions(name, _shape(options)) for name in _FUNCTION_IDS[:max_functions]]
    return st.one_of(*(st.tuples(*each[:size]) for size in range(1, len(each) + 1)))


@lru_cache(_KEPT)
def _functions(function_id: str, shape: _Shape) -> SearchStrategy[Function]:
    sizes = range(shape.min_steps, shape.max_steps + 1)
    lists = st.one_of(*(_steps(names, shape) for size in sizes for names in _orders(_NAMES[:size])))
    of_id, trigger = st.just(function_id), _triggers(shape)
    return st.builds(Function, of_id, trigger, steps=lists) | st.builds(Function, of_id, trigger, trigger, steps=lists)


def _orders(names: str) -> list[str]:
    """Give orders in which steps of these names follow one another: children may sort before their parents."""
    return list(dict.fromkeys([names, names[::-1], names[::2] + names[1::2]]))


def _steps(names: str, shape: _Shape) -> SearchStrategy[tuple[Step, ...]]:
    return st.tuples(*(_step(names[:index], name, shape) for index, name in enumerate(names)))


@lru_cache(_KEPT)
def _step(earlier: str, name: str, shape: _Shape) -> SearchStrategy[Step]:
    entries = st.lists(_entry(earlier, shape), min_size=1, max_size=shape.most_entries)
    return st.builds(Step, st.just(name), st.builds(Returns, known_objects()), after=entries)


def _triggers(shape: _Shape) -> SearchStrategy[Trigger]:
    names = st.sampled_from(shape.events)
    kinds: list[SearchStrategy[Trigger]] = [st.builds(on_event, names)]
    if shape.trigger_conditions:
        kinds.append(st.builds(on_event, names, if_=conditions()))
    if shape.crons:
        kinds.append(st.builds(on_cron, st.sampled_from(shape.crons)))
    return st.one_of(*kinds)


@lru_cache(_KEPT)
def _entry(earlier: str, shape: _Shape) -> SearchStrategy[After]:
    """Generate an edge from the trigger, from a step, or (a join) from several."""
    without = conditions(*earlier) if shape.conditions else None
    kinds = _edges(st.just(TRIGGER), without, earlier, shape)
    if earlier:
        with_response = conditions(*earlier, response=True) if shape.conditions else None
        kinds += _edges(st.sampled_from(earlier), with_response, earlier, shape)
    if earlier and shape.joins:
        parents = st.lists(st.sampled_from([TRIGGER, *earlier]), min_size=2, max_size=3, unique=True)
        kinds += _edges(parents, without, earlier, shape)
    return st.one_of(*kinds)


def _edges(
    parents: SearchStrategy[Any], condition: SearchStrategy[Condition] | None, earlier: str, shape: _Shape
) -> list[SearchStrategy[After]]:
    """Give an edge of each kind, with and without a condition."""
    kinds = _kinds(earlier, shape)
    if condition is not None:
        kinds += [{**parts, "if_": condition} for parts in kinds]
    return [st.builds(after, parents, **parts) for parts in kinds]


def _kinds(earlier: str, shape: _Shape) -> list[dict[str, SearchStrategy[Any]]]:
    kinds: list[dict[str, SearchStrategy[Any]]] = [{}]
    if shape.waits:
        kinds.append({"wait": st.sampled_from(shape.waits)})
    if shape.awaited and shape.ttls:
        awaits = {"event": st.sampled_from(shape.awaited), "ttl": st.sampled_from(shape.ttls)}
        both_ways = {**awaits, "on_timeout": st.booleans()}
        kinds.append(both_ways)
        kinds.extend([{**both_ways, "match": matches(*earlier)}] if shape.conditions else [])
    return kinds
