"""Generate functions that an engine refuses, each for one reason that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from inngest_testkit.functions.model import OPTIONS, TRIGGER, Function, Step, after, docker, on_cron, on_event
from inngest_testkit.testing._extra import st
from inngest_testkit.testing._functions import Returns, functions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Unpack

    from hypothesis.strategies import DrawFn, SearchStrategy

    from inngest_testkit.functions.model import After, FlowOptions, Trigger
    from inngest_testkit.testing._functions import FunctionOptions

__all__ = ["DEFECTS", "Defect", "broken_functions"]

_BAD_EXPRESSIONS = ("event.data.n ==", "(event.data.n == 1", "event.data.n === 1", "nothing.n == 1")
_BAD_DURATIONS = ("soon", "5", "1 h", "", "1y")
_BAD_JITTERS = ("soon", "5", "500ms", "6m", "-2s")
_BAD_CRONS = ("* * * *", "60 * * * *", "every day", "* * * * * *")
_BAD_OPTIONS: tuple[FlowOptions, ...] = (
    {"batch_events": {"max_size": 1, "timeout": "5s"}},
    {"cancel": {"event": "stop", "if": "size(event.data.list) == 1"}},
    {"concurrency": [{"limit": 1, "scope": "env"}]},
    {"debounce": {"period": "8d"}},
    {"priority": {"run": "event.data."}},
    {"rate_limit": {"limit": 10, "period": "25h"}},
    {"singleton": {"mode": "wait"}},
    {"timeouts": {"start": "soon"}},
)


class Defect(NamedTuple):
    """What is wrong with a function: its `kind` (one of `DEFECTS`), and the `step` that has it, if it is a step."""

    kind: str
    step: str | None


def broken_functions(*kinds: str, **options: Unpack[FunctionOptions]) -> SearchStrategy[tuple[Function, Defect]]:
    """Generate functions with exactly one defect, of one of the `kinds` (none given: of any of `DEFECTS`).

    See `FunctionOptions` for what the function has besides.
    """
    valid = functions(**options)
    return st.one_of(*(_broken(valid, kind) for kind in kinds or DEFECTS))


@st.composite
def _broken(draw: DrawFn, valid: SearchStrategy[Function], kind: str) -> tuple[Function, Defect]:
    function = draw(valid)
    step = draw(st.sampled_from(function.steps))
    broken, named = _DEFECTS[kind](draw, function, step)
    return draw(_as_written(broken)), Defect(kind, named)


def _as_written(function: Function) -> SearchStrategy[Function]:
    """Give the same function, so that it is shown as the call that makes it."""
    triggers, written = map(st.just, function.triggers), function.flow_control
    options = {name: st.just(written[key]) for name, key in OPTIONS.items() if key in written}
    return st.builds(Function, st.just(function.id), *triggers, steps=st.just(list(function.steps)), **options)


_Broken = tuple[Function, str | None]


def _cycle(draw: DrawFn, function: Function, step: Step) -> _Broken:
    """Let a step follow itself, or let one of its parents follow it."""
    ways = [parent for entry in step.after for parent in entry.steps if parent != TRIGGER]
    early = draw(st.sampled_from([step.id, *dict.fromkeys(ways)]))
    return _with_entry(function, early, after(step.id)), early


def _in_edge(make: Callable[[DrawFn], After]) -> Callable[[DrawFn, Function, Step], _Broken]:
    def defect(draw: DrawFn, function: Function, step: Step) -> _Broken:
        return _with_entry(function, step.id, make(draw)), step.id

    return defect


def _joined_response(draw: DrawFn, function: Function, step: Step) -> _Broken:
    if len(function.steps) == 1:
        function = _with_steps(function, [*function.steps, Step(f"{step.id}2", Returns(None))])
    first = next(each for each in function.steps if all(p == TRIGGER for e in each.after for p in e.steps))
    others = [each.id for each in function.steps if each.id != first.id]
    joined = draw(st.sampled_from(others))
    new = Step(f"{joined}3", Returns(None), after=after([first.id, joined], if_="response.n == 1"))
    return _with_steps(function, [*function.steps, new]), new.id


def _with_new_step(make: Callable[[Step], Step]) -> Callable[[DrawFn, Function, Step], _Broken]:
    def defect(_: DrawFn, function: Function, step: Step) -> _Broken:
        new = make(step)
        return _with_steps(function, [*function.steps, new]), new.id

    return defect


def _with_trigger(triggers: Sequence[Trigger]) -> Callable[[DrawFn, Function, Step], _Broken]:
    def defect(draw: DrawFn, function: Function, _: Step) -> _Broken:
        return _with_triggers(function, (*function.triggers, draw(st.sampled_from(triggers)))), None

    return defect


def _no_trigger(_: DrawFn, function: Function, __: Step) -> _Broken:
    return _with_triggers(function, ()), None


def _no_id(_: DrawFn, function: Function, __: Step) -> _Broken:
    return Function("", *function.triggers, steps=function.steps, name="nameless"), None


def _idempotency(_: DrawFn, function: Function, __: Step) -> _Broken:
    return Function(function.id, *function.triggers, steps=function.steps, idempotency=""), None


def _throttle(_: DrawFn, function: Function, __: Step) -> _Broken:
    return Function(function.id, *function.triggers, steps=function.steps, throttle={"count": 1}), None


def _flow_control(draw: DrawFn, function: Function, _: Step) -> _Broken:
    options = draw(st.sampled_from(_BAD_OPTIONS))
    return Function(function.id, *function.triggers, steps=function.steps, **options), None


def _with_triggers(function: Function, triggers: Sequence[Trigger]) -> Function:
    return Function(function.id, *triggers, steps=function.steps)


def _with_steps(function: Function, steps: Sequence[Step]) -> Function:
    return Function(function.id, *function.triggers, steps=steps)


def _with_entry(function: Function, step_id: str, entry: After) -> Function:
    steps = [
        Step(each.id, runtime=each.runtime, after=[*each.after, entry]) if each.id == step_id else each
        for each in function.steps
    ]
    return _with_steps(function, steps)


def _bad(texts: Sequence[str]) -> SearchStrategy[str]:
    return st.sampled_from(texts)


_DEFECTS: dict[str, Callable[[DrawFn, Function, Step], _Broken]] = {
    "cycle": _cycle,
    "unknown parent": _in_edge(lambda _: after("nowhere")),
    "no parent": _in_edge(lambda _: after([])),
    "parent twice in a join": _in_edge(lambda _: after([TRIGGER, TRIGGER])),
    "condition": _in_edge(lambda draw: after(if_=draw(_bad(_BAD_EXPRESSIONS)))),
    "wait": _in_edge(lambda draw: after(wait=draw(_bad(_BAD_DURATIONS)))),
    "ttl": _in_edge(lambda draw: after(event="go", ttl=draw(_bad(_BAD_DURATIONS)))),
    "match": _in_edge(lambda draw: after(event="go", ttl="1h", match=draw(_bad(_BAD_EXPRESSIONS)))),
    "no ttl": _in_edge(lambda _: after(event="go")),
    "no awaited event": _in_edge(lambda _: after(ttl="1h")),
    "response of a join": _joined_response,
    "duplicate step": _with_new_step(lambda step: Step(step.id, Returns(None))),
    "shared DSN": _with_new_step(lambda step: Step(step.id.upper(), Returns(None))),
    "step without id": _with_new_step(lambda _: Step("", Returns(None))),
    "step named as the trigger": _with_new_step(lambda _: Step(TRIGGER, Returns(None))),
    "docker path": _with_new_step(lambda step: Step(f"{step.id}2", runtime=docker("no/file/url"))),
    "no trigger": _no_trigger,
    "trigger without event": _with_trigger([on_event("")]),
    "trigger expression": _with_trigger([on_event("start", if_=text) for text in _BAD_EXPRESSIONS]),
    "cron": _with_trigger([on_cron(text) for text in _BAD_CRONS]),
    "jitter": _with_trigger([on_cron("0 9 * * *", jitter=text) for text in _BAD_JITTERS]),
    "function without id": _no_id,
    "idempotency": _idempotency,
    "throttle": _throttle,
    "flow control": _flow_control,
}

#: The kinds of defect that a broken function can have.
DEFECTS: tuple[str, ...] = tuple(_DEFECTS)
