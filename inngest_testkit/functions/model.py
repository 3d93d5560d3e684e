"""What can run: a function is triggers, steps and the edges between them.

The classes hold what was written, valid or not; `validation` says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, Protocol, TypeAlias, TypedDict, Unpack

from inngest_testkit.durations import format_duration
from inngest_testkit.errors import SetupError, suggestion

__all__ = [
    "TRIGGER",
    "After",
    "DockerRuntime",
    "EventDefinition",
    "FlowOptions",
    "Function",
    "HttpRuntime",
    "PythonRuntime",
    "Runtime",
    "Step",
    "StepCode",
    "Trigger",
    "VersionConstraint",
    "after",
    "docker",
    "http",
    "on_cron",
    "on_event",
]

#: The parent of a function's first steps.
TRIGGER = "$trigger"

#: A step's code: sync or async, asked for its parameters by name.
StepCode: TypeAlias = Callable[..., Any]

#: The options of flow control, and the names by which they are registered.
OPTIONS = {
    "batch_events": "batchEvents",
    "cancel": "cancel",
    "concurrency": "concurrency",
    "debounce": "debounce",
    "idempotency": "idempotency",
    "priority": "priority",
    "rate_limit": "rateLimit",
    "singleton": "singleton",
    "throttle": "throttle",
    "timeouts": "timeouts",
}


class SdkOption(Protocol):
    """An object of the official SDK that says how a function is to be run, such as `inngest.Throttle`."""

    def to_dict(self) -> object:
        """Return what it is registered as."""
        ...


#: One option's fields, or an object of the SDK.
Option: TypeAlias = Mapping[str, object] | SdkOption


class FlowOptions(TypedDict, total=False):
    """The options of flow control that a function may have. None is as good as left out."""

    batch_events: Option | None
    cancel: Option | Sequence[Option] | None
    concurrency: int | Option | Sequence[int | Option] | None
    debounce: Option | None
    idempotency: str | None
    priority: Option | None
    rate_limit: Option | None
    singleton: Option | None
    throttle: Option | None
    timeouts: Option | None


@dataclass(frozen=True, slots=True)
class EventDefinition:
    """The shape of an event: `format` is `json-schema` or `cue`, `definition` its text or (parsed) content."""

    format: str
    definition: object
    synced: bool = False


@dataclass(frozen=True, slots=True)
class Trigger:
    """What starts a function: an event (by exact name, with an optional expression), or a cron schedule.

    `jitter` is the duration, as text, within which the run of a schedule begins after its moment; None for at once.
    """

    event: str | None = None
    expression: str | None = None
    cron: str | None = None
    definition: EventDefinition | None = None
    jitter: str | None = None

    def __str__(self) -> str:
        if self.cron is not None:
            return f"cron {self.cron!r}" + (f" jitter {self.jitter}" if self.jitter else "")
        return f"event {self.event!r}" + (f" if {self.expression}" if self.expression else "")


@dataclass(frozen=True, slots=True)
class After:
    """One entry of a step's `after`: an edge from one step, or from several that must all be done.

    `if_` decides when the parent is done; then either `wait` delays the step, or `event` (with `match`, `ttl` and
    `on_timeout`) makes it wait for an event. Durations are texts.
    """

    steps: tuple[str, ...]
    if_: str | None = None
    wait: str | None = None
    event: str | None = None
    match: str | None = None
    ttl: str | None = None
    on_timeout: bool = False
    join: bool = False

    @property
    def is_async(self) -> bool:
        """Whether the edge waits for an event."""
        return self.event is not None or self.match is not None or self.ttl is not None or self.on_timeout


@dataclass(frozen=True, slots=True)
class VersionConstraint:
    """Which version of an action is wanted: none given, the newest; `major` alone, its newest minor; both, that one."""

    major: int | None = None
    minor: int | None = None

    def __str__(self) -> str:
        if self.major is None:
            return "newest"
        return f"{self.major}" if self.minor is None else f"{self.major}.{self.minor}"

    @classmethod
    def parse(cls, text: str) -> VersionConstraint:
        """Read `1` (the newest minor of it) or `1.2` (exact); raises `SetupError`."""
        parts = text.split(".") if isinstance(text, str) else []
        if not 1 <= len(parts) <= 2 or not all(part.isdecimal() for part in parts):
            raise SetupError(f"{text!r} is not a version constraint: write '1' or '1.2', or none for the newest")
        return cls(*(int(part) for part in parts))


@dataclass(frozen=True, slots=True)
class PythonRuntime:
    """A callable in this process."""

    type: ClassVar[str] = "python"
    run: StepCode

    def __repr__(self) -> str:
        return f"python({getattr(self.run, '__qualname__', repr(self.run))})"


@dataclass(frozen=True, slots=True)
class HttpRuntime:
    """A POST to `url`."""

    type: ClassVar[str] = "http"
    url: str


@dataclass(frozen=True, slots=True)
class DockerRuntime:
    """A container, built from the step's `path` (`file://` and a folder below the function's)."""

    type: ClassVar[str] = "docker"
    entrypoint: str | None = None


Runtime: TypeAlias = PythonRuntime | HttpRuntime | DockerRuntime


@dataclass(frozen=True, slots=True, init=False)
class Step:
    """One step of a function.

    `run` is a callable in this process, sync or async; `runtime` says another place (`http(url)`, `docker(path)`).
    `after` names the parents: an id, an `after(...)`, or a list of either; several entries start the step when
    the first of them is done. `version` says which version of the step's action to run (`VersionConstraint.parse`);
    without one, the newest. A step that is always mocked needs neither `run` nor `runtime`.
    """

    id: str
    runtime: Runtime | None
    after: tuple[After, ...]
    name: str
    path: str
    version: VersionConstraint | None

    def __init__(
        self,
        id: str,  # noqa: A002 - the field's name
        run: StepCode | None = None,
        *,
        after: str | After | Iterable[str | After] = TRIGGER,
        runtime: Runtime | None = None,
        name: str | None = None,
        path: str = "",
        version: str | None = None,
    ) -> None:
        if run is not None and runtime is not None:
            raise SetupError(f"step {id!r}: give either a callable or a runtime, not both")
        if run is not None and not callable(run):
            raise SetupError(f"step {id!r}: run must be a callable, found {type(run).__name__}: {run!r}")
        if runtime is not None and not isinstance(runtime, (PythonRuntime, HttpRuntime, DockerRuntime)):
            raise SetupError(f"step {id!r}: unknown runtime {runtime!r}; write http(url) or docker(path)")
        if runtime is None and run is not None:
            runtime = PythonRuntime(run)
        if isinstance(runtime, _DockerAt):
            path, runtime = runtime.path, DockerRuntime()
        object.__setattr__(self, "id", id)
        object.__setattr__(self, "runtime", runtime)
        object.__setattr__(self, "after", _entries(after))
        object.__setattr__(self, "name", id if name is None else name)
        object.__setattr__(self, "path", path)
        object.__setattr__(self, "version", None if version is None else VersionConstraint.parse(version))


@dataclass(frozen=True, slots=True, init=False)
class Function:
    """A function: its id, its triggers and its steps.

    Flow control is written as in the SDK: `batch_events`, `cancel`, `concurrency`, `debounce`, `idempotency`,
    `priority`, `rate_limit`, `singleton`, `throttle`, `timeouts`. `idempotency` is an expression and replaces
    `rate_limit` and `throttle`; the others take the fields of their registration, `{"limit": 5, "period": "1m"}`, with
    durations as texts or timedeltas, or the SDK's own objects, `inngest.Throttle(...)`; `cancel` and `concurrency`
    also lists of these, and `concurrency` a number. `flow_control` keeps them as written, by their registered names.

    Raises `SetupError` for parts of the wrong kind; what can only be seen in the whole (cycles, unknown parents,
    expressions that do not compile) is found when an engine registers the function.
    """

    id: str
    triggers: tuple[Trigger, ...]
    steps: tuple[Step, ...]
    name: str
    flow_control: Mapping[str, object] = field(hash=False)

    def __init__(
        self,
        id: str,  # noqa: A002 - the field's name
        *triggers: Trigger,
        steps: Iterable[Step] = (),
        name: str | None = None,
        **flow_control: Unpack[FlowOptions],
    ) -> None:
        for trigger in triggers:
            if not isinstance(trigger, Trigger):
                raise SetupError(
                    f"function {id!r}: expected on_event(...) or on_cron(...), found {type(trigger).__name__}; "
                    "steps go into steps=[...]"
                )
        if isinstance(steps, Step) or not isinstance(steps, Iterable):
            raise SetupError(f"function {id!r}: steps takes a list of Step(...), found {type(steps).__name__}")
        listed = tuple(steps)
        for step in listed:
            if not isinstance(step, Step):
                raise SetupError(f"function {id!r}: expected Step(...) in steps, found {step!r}")
        for key in flow_control:
            if key not in OPTIONS:
                raise SetupError(f"function {id!r}: unknown option {key!r}{suggestion(key, OPTIONS)}")
        object.__setattr__(self, "id", id)
        object.__setattr__(self, "triggers", triggers)
        object.__setattr__(self, "steps", listed)
        object.__setattr__(self, "name", id if name is None else name)
        given = {OPTIONS[key]: value for key, value in flow_control.items() if value is not None}
        object.__setattr__(self, "flow_control", given)

    def __repr__(self) -> str:
        return f"Function({self.id!r}, {len(self.triggers)} triggers, {len(self.steps)} steps)"


@dataclass(frozen=True, slots=True)
class _DockerAt(DockerRuntime):
    """What `docker(path)` gives; the step takes the path over."""

    path: str = ""


def on_event(name: str, *, if_: str | None = None, definition: EventDefinition | None = None) -> Trigger:
    """Start the function for each event of this exact name for which `if_`, if given, is true."""
    return Trigger(event=name, expression=if_, definition=definition)


def on_cron(schedule: str, *, jitter: str | timedelta | None = None) -> Trigger:
    """Start the function on a schedule: five fields (minute hour day month weekday), optional `TZ=Area/City` before.

    With `jitter` (1 s to 5 min) a run begins between one second and that much after the schedule's moment, by a length
    of time that depends on the engine's seed, the function, the schedule and the moment alone.
    """
    return Trigger(cron=schedule, jitter=_text(jitter))


def after(
    step: str | Iterable[str] = TRIGGER,
    *,
    if_: str | None = None,
    wait: str | timedelta | None = None,
    event: str | None = None,
    match: str | None = None,
    ttl: str | timedelta | None = None,
    on_timeout: bool = False,
) -> After:
    """Describe an edge into a step.

    `step` is the parent; a list means that all of them must be done. `if_` is evaluated when the parent is done and
    may read `event`, `steps` and `response` (the parent's output). `wait` delays the step. Instead, with `event` the
    step waits, at most `ttl`, for an event of that name for which `match` (which also reads it as `async`) is true;
    `on_timeout=True` turns it around: the step runs when no such event came.
    """
    if wait is not None and event is not None:
        raise SetupError(f"after({step!r}, ...): give either wait or event; with an event, ttl is how long to wait")
    single = isinstance(step, str)
    parents = (step,) if isinstance(step, str) else tuple(step)
    return After(
        steps=parents,
        if_=if_,
        wait=_text(wait),
        event=event,
        match=match,
        ttl=_text(ttl),
        on_timeout=on_timeout,
        join=not single,
    )


def http(url: str) -> HttpRuntime:
    """Run the step as a POST to `url`."""
    return HttpRuntime(url)


def docker(path: str) -> DockerRuntime:
    """Run the step in a container built from `path`, `file://` and a folder."""
    return _DockerAt(path=path)


def _text(span: str | timedelta | None) -> str | None:
    return format_duration(span) if isinstance(span, timedelta) else span


def _entries(given: str | After | Iterable[str | After]) -> tuple[After, ...]:
    if isinstance(given, str):
        return (After((given,)),)
    if isinstance(given, After):
        return (given,)
    if not isinstance(given, Iterable):
        raise SetupError(f"after takes a step's id, after(...), or a list of them, found {given!r}")
    entries = tuple(After((entry,)) if isinstance(entry, str) else entry for entry in given)
    for entry in entries:
        if not isinstance(entry, After):
            raise SetupError(f"after takes a step's id, after(...), or a list of them, found {entry!r}")
    return entries or (After((TRIGGER,)),)
