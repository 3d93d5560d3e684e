"""`inngest-testkit run`: functions from files, on the fake clock."""

from __future__ import annotations

import json
import shlex
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from inngest_testkit.cli.generate import make_events
from inngest_testkit.cli.inputs import check_events, read_events, read_mocks
from inngest_testkit.cli.output import print_run, runs_to_json, summary
from inngest_testkit.durations import parse_duration
from inngest_testkit.engine import Engine
from inngest_testkit.errors import (
    DurationError,
    EventError,
    RunawayError,
    RunIncompleteError,
    SetupError,
)
from inngest_testkit.functions.loader import FILE_NAMES
from inngest_testkit.functions.model import HttpRuntime
from inngest_testkit.runs import RunStatus, StepStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime, timedelta
    from pathlib import Path

    from inngest_testkit.cli.inputs import StepMock
    from inngest_testkit.cli.output import Screen
    from inngest_testkit.drivers.mock import Mock
    from inngest_testkit.events import Event
    from inngest_testkit.functions.model import Function, Runtime
    from inngest_testkit.runs import Run

__all__ = ["RunOptions", "no_functions", "run_functions"]

#: A function's id and a step's.
Step: TypeAlias = tuple[str, str]

_LONGEST, _WITH_SCHEDULE = "366d", "1d"


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of the command, as given."""

    path: Path
    events: tuple[str, ...] = ()
    mocks: tuple[str, ...] = ()
    until: str | None = None
    start: str | None = None
    seed: int = 0
    as_json: bool = False


def run_functions(options: RunOptions, screen: Screen) -> int:
    """Run the functions and print their runs; return the exit status.

    Raises the library's errors for what is wrong with the functions and the options; nothing has been run then.
    """
    until = _until(options.until)
    engine = _engine(options)
    try:
        with _told_warnings(screen):
            return _run(engine, options, until, screen)
    finally:
        engine.close()


def _run(engine: Engine, options: RunOptions, until: timedelta | None, screen: Screen) -> int:
    functions = engine.load(options.path)
    if not functions:
        raise no_functions(options.path)
    mocks = _mock_steps(engine, read_mocks(options.mocks, functions))
    batches = _batches(options, functions, engine, screen)
    started_at = engine.now
    _send(engine, batches, functions, screen)
    _work(engine, until, functions, screen)
    runs = engine.runs()
    if options.as_json:
        screen.write(runs_to_json(runs, seed=options.seed, started_at=started_at, now=engine.now))
    else:
        _print(runs, started_at, engine, screen)
    _give_hints(runs, functions, mocks, screen)
    return int(any(run.status in (RunStatus.FAILED, RunStatus.CANCELLED) for run in runs))


def _print(runs: Sequence[Run], started_at: datetime, engine: Engine, screen: Screen) -> None:
    for run in runs:
        print_run(run, screen)
        screen.write("")
    screen.write(summary(runs, started_at, engine.now), "bold")


def no_functions(path: Path) -> SetupError:
    """Return the error for a folder without functions."""
    names = " or ".join(FILE_NAMES)
    return SetupError(f"no functions found under '{path}': looked for {names} in it and in every folder below it")


def _until(text: str | None) -> timedelta | None:
    if text is None:
        return None
    try:
        span = parse_duration(text)
    except DurationError as error:
        raise SetupError(f"--until: {error}") from None
    if span.total_seconds() < 0:
        raise SetupError(f"--until: {text!r} is negative, and time can't go backwards")
    return span


def _engine(options: RunOptions) -> Engine:
    try:
        return Engine(seed=options.seed, start=options.start)
    except SetupError as error:
        raise SetupError(f"--start: {error}") from None


@contextmanager
def _told_warnings(screen: Screen) -> Iterator[None]:
    """Print what the engine warns of, such as a trigger's expression that has no value."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            for warning in caught:
                screen.tell("Warning", str(warning.message))


def _mock_steps(engine: Engine, wanted: Sequence[StepMock]) -> dict[Step, tuple[Mock, str]]:
    """Put the mocks into the engine; return each with the text that named it."""
    mocks = {}
    for each in wanted:
        what: dict[str, Any] = {"returns": each.returns} if each.raises is None else {"raises": each.raises}
        mocks[each.function_id, each.step_id] = (engine.mock(each.function_id, each.step_id, **what), each.key)
    return mocks


def _batches(options: RunOptions, functions: Sequence[Function], engine: Engine, screen: Screen) -> list[list[Event]]:
    """Return what to send, one list for each moment."""
    if options.events:
        batches = [read_events(text) for text in options.events]
        check_events([event for batch in batches for event in batch], functions)
        return batches
    made = make_events(functions, options.seed, engine.now)
    for each in made:
        screen.tell("Note", f"no --event given: sending {_as_option(each.event)} ({each.how})")
    return [[each.event] for each in made]


def _as_option(event: Event) -> str:
    """Write an event as `--event` reads it."""
    fields = {key: value for key, value in event.to_dict().items() if value or key == "name"}
    ordered = {"name": fields.pop("name"), **fields}
    return json.dumps(ordered, ensure_ascii=False)


def _send(engine: Engine, batches: Sequence[list[Event]], functions: Sequence[Function], screen: Screen) -> None:
    """Send the events; raise `EventError` when they start nothing, and no schedule will."""
    names = {trigger.event for function in functions for trigger in function.triggers if trigger.event}
    reasons = []
    for batch in batches:
        sent = engine.send(batch)
        if not sent.runs and any(event.name in names for event in batch):
            reasons.append(sent.why_nothing)
    if reasons and not engine.runs() and not _scheduled(functions):
        raise EventError(f"no run was started: {reasons[0]}. Give another event with --event")
    for reason in reasons:
        screen.tell("Warning", f"an event started nothing: {reason}")


def _scheduled(functions: Sequence[Function]) -> list[str]:
    return [function.id for function in functions if any(trigger.cron for trigger in function.triggers)]


def _work(engine: Engine, until: timedelta | None, functions: Sequence[Function], screen: Screen) -> None:
    """Move the clock, as far as was asked for."""
    scheduled = _scheduled(functions)
    if until is None and scheduled:
        screen.tell("Note", f"no --until given: stopping after {_WITH_SCHEDULE}, since {scheduled[0]} has a schedule")
        until = parse_duration(_WITH_SCHEDULE)
    try:
        if until is None:
            engine.run_until_complete(limit=_LONGEST)
        else:
            engine.advance(until)
    except RunIncompleteError:
        return  # the summary tells what still waits
    except RunawayError as error:
        raise SetupError(
            f"stopped at {error.now:%Y-%m-%d %H:%M:%S} after {error.max_steps} items of work with more to do: "
            "give a shorter --until, or fewer functions. The last transitions:\n"
            + "\n".join(f"  {line}" for line in error.recent)
        ) from None
    if not engine.runs() and engine.next_due is not None:
        screen.tell("Note", f"no schedule was due; the next is at {engine.next_due:%Y-%m-%d %H:%M:%S}, see --until")


def _give_hints(
    runs: Sequence[Run], functions: Sequence[Function], mocks: Mapping[Step, tuple[Mock, str]], screen: Screen
) -> None:
    """Say how to go on: mocks for the steps that cannot run here, and mocks that nothing asked for."""
    runtimes = {(function.id, step.id): step.runtime for function in functions for step in function.steps}
    names = [step for _, step in runtimes]
    hinted: dict[Step, str] = {}
    for run in runs:
        for name, record in run.steps.items():
            step = (run.function_id, name)
            if step not in mocks and record.error is not None and record.status is not StepStatus.COMPLETED:
                key = name if names.count(name) == 1 else "/".join(step)
                hinted.setdefault(step, _hint(name, key, runtimes[step], record.error.name))
    for hint in hinted.values():
        if hint:
            screen.tell("Hint", hint)
    for mock, key in mocks.values():
        if not mock.called:
            screen.tell("Note", f"--mock {key} was not used: the step did not run")


def _hint(name: str, key: str, runtime: Runtime | None, error: str) -> str:
    if isinstance(runtime, HttpRuntime) and error != "HTTPStatusError":
        mock = _mock_option(key, {"status": 200, "body": {}})
        return f"step {name!r} got no answer from {runtime.url}: start what answers there, or give\n  {mock}"
    if error == "MissingDriverError" and runtime is not None:
        mock = _mock_option(key, {"ok": True})
        return f"step {name!r} needs {runtime.type}, which this command does not run; give its output:\n  {mock}"
    return ""


def _mock_option(key: str, output: object) -> str:
    return f"--mock {shlex.quote(f'{key}={json.dumps(output)}')}"
