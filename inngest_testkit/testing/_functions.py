"""Generate DAG functions that an engine accepts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from inngest_testkit.functions.model import TRIGGER, Function, Step, after, on_cron, on_event
from inngest_testkit.testing._conditions import conditions, matches
from inngest_testkit.testing._extra import st
from inngest_testkit.testing._values import known_objects

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from hypothesis.strategies import DrawFn, SearchStrategy

    from inngest_testkit.functions.model import After, Trigger
    from inngest_testkit.values import JsonValue

__all__ = ["FunctionOptions", "Returns", "function_sets", "functions"]

_NAMES = "abcdefghijklmnopqrstuvwxyz"
_FUNCTION_IDS = ("f", "g", "h", "i", "j")
_MOST_ENTRIES = 3


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
    events: Sequence[str] = ("start", "restart")
    awaited: Sequence[str] = ("go", "stop", "start")
    waits: Sequence[str] = ("1s", "1m", "1h", "3d")
    ttls: Sequence[str] = ("1m", "1h", "3d")
    crons: Sequence[str] = ()
    conditions: bool = True
    trigger_conditions: bool = True
    joins: bool = True
    most_entries: int = _MOST_ENTRIES

    @property
    def kinds(self) -> list[str]:
        waits = ["wait"] if self.waits else []
        return ["plain", *waits, *(["async"] if self.awaited and self.ttls else [])]


def functions(
    id: str | None = None,  # noqa: A002 - the function's field
    **options: Unpack[FunctionOptions],
) -> SearchStrategy[Function]:
    """Generate valid functions over every kind of edge; they shrink to one step after the trigger.

    Edges are plain, wait, join, have a condition, or wait for an event; a parent may be named twice. Each step is a
    `Returns`, whose output has the fields that the conditions read. `id` is the function's (none: `f`); see
    `FunctionOptions` for the rest.
    """
    return _functions(id or _FUNCTION_IDS[0], _Shape(**options))


def function_sets(*, max_functions: int = 3, **options: Unpack[FunctionOptions]) -> SearchStrategy[list[Function]]:
    """Generate one to `max_functions` (up to 5) functions to register together, which share their events."""
    shape = _Shape(**options)

    def of_size(size: int) -> SearchStrategy[list[Function]]:
        return st.tuples(*(_functions(name, shape) for name in _FUNCTION_IDS[:size])).map(list)

    return st.one_of(*(of_size(size) for size in range(1, max_functions + 1)))


@st.composite
def _functions(draw: DrawFn, function_id: str, shape: _Shape) -> Function:
    count = draw(st.integers(shape.min_steps, shape.max_steps))
    names = draw(st.permutations(_NAMES[:count]))
    steps = [draw(_step(names[:index], name, shape)) for index, name in enumerate(names)]
    triggers = draw(st.lists(_triggers(shape), min_size=1, max_size=2))
    return draw(st.builds(Function, st.just(function_id), *map(st.just, triggers), steps=st.just(steps)))


def _triggers(shape: _Shape) -> SearchStrategy[Trigger]:
    names = st.sampled_from(list(shape.events))
    kinds: list[SearchStrategy[Trigger]] = [st.builds(on_event, names)]
    if shape.trigger_conditions:
        kinds.append(st.builds(on_event, names, if_=conditions()))
    if shape.crons:
        kinds.append(st.builds(on_cron, st.sampled_from(list(shape.crons))))
    return st.one_of(*kinds)


@st.composite
def _step(draw: DrawFn, earlier: Sequence[str], name: str, shape: _Shape) -> Step:
    entries = draw(st.lists(_entry(earlier, shape), min_size=1, max_size=shape.most_entries))
    code = draw(st.builds(Returns, known_objects()))
    return draw(st.builds(Step, st.just(name), st.just(code), after=st.just(entries)))


@st.composite
def _entry(draw: DrawFn, earlier: Sequence[str], shape: _Shape) -> After:
    parents = draw(_parents(earlier, joins=shape.joins))
    single = isinstance(parents, str)
    parts: dict[str, SearchStrategy[object]] = {}
    if shape.conditions and draw(st.booleans()):
        parts["if_"] = conditions(*earlier, response=single and parents != TRIGGER)
    kind = draw(st.sampled_from(shape.kinds))
    if kind == "wait":
        parts["wait"] = st.sampled_from(list(shape.waits))
    elif kind == "async":
        parts.update(_awaits(earlier, shape))
        if not shape.conditions or draw(st.booleans()):
            del parts["match"]
    return draw(st.builds(after, st.just(parents), **parts))


def _awaits(earlier: Sequence[str], shape: _Shape) -> dict[str, SearchStrategy[object]]:
    return {
        "event": st.sampled_from(list(shape.awaited)),
        "ttl": st.sampled_from(list(shape.ttls)),
        "on_timeout": st.booleans(),
        "match": matches(*earlier),
    }


def _parents(earlier: Sequence[str], *, joins: bool) -> SearchStrategy[str | list[str]]:
    all_parents = [TRIGGER, *earlier]
    single: SearchStrategy[str | list[str]] = st.sampled_from(all_parents)
    if not joins or len(all_parents) < 2:
        return single
    joined = st.lists(st.sampled_from(all_parents), min_size=2, max_size=3, unique=True)
    return st.one_of(single, joined)
