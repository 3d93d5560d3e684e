"""What the options `--event` and `--mock` say; every mistake in them names the option and the place."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inngest_testkit.errors import EventError, SetupError, suggestion
from inngest_testkit.events import Event, to_event
from inngest_testkit.failures import StepFailedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inngest_testkit.functions.model import Function

__all__ = ["StepMock", "check_events", "read_events", "read_mocks"]

_SHOWN = 60


@dataclass(frozen=True, slots=True)
class StepMock:
    """One `--mock`: the step that it stands for, and its output or its error."""

    function_id: str
    step_id: str
    key: str
    returns: object = None
    raises: StepFailedError | None = None


def read_events(given: str) -> list[Event]:
    """Read one `--event`: JSON, or `@` and a file (`@-`: the standard input); an object, or a list of them.

    Raises `EventError` with line and column where it is not JSON, and for what is no event.
    """
    text, place = _source(given)
    value = _parsed(text, place, "an event", f'write {{"name": {json.dumps(text)}}}' if _is_name(text) else "")
    if isinstance(value, list):
        if not value:
            raise EventError(f"{place}: the list is empty; give at least one event")
        return [_event(one, f"{place}: event {number} of {len(value)}") for number, one in enumerate(value, start=1)]
    return [_event(value, place)]


def _source(given: str) -> tuple[str, str]:
    if given == "@-":
        return _read_input(), "<stdin>"
    if not given.startswith("@"):
        return given, "--event"
    name = given[1:]
    try:
        return Path(name).read_text(encoding="utf-8-sig"), name
    except UnicodeDecodeError:
        raise EventError(f"--event {given}: the file is not UTF-8 text") from None
    except OSError as error:
        raise EventError(f"--event {given}: the file cannot be read: {error.strerror or error}") from None


def _read_input() -> str:
    try:
        return sys.stdin.read().removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise EventError("--event @-: the standard input is not UTF-8 text") from None


def _is_name(text: str) -> bool:
    return "/" in text and not any(each in text for each in '{}[]" \n')


def _event(value: object, place: str) -> Event:
    if not isinstance(value, dict):
        raise EventError(f'{place}: an event is an object such as {{"name": "user/signed.up"}}, found {_shown(value)}')
    try:
        return to_event(value)
    except EventError as error:
        raise EventError(f"{place}: {error}") from None


def _parsed(text: str, place: str, what: str, remedy: str = "") -> object:
    if not text.strip():
        raise EventError(f"{place}: there is nothing in it; expected the JSON of {what}")
    try:
        return json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        line, column = error.lineno, error.colno
        source = text.splitlines()[line - 1] if line <= len(text.splitlines()) else ""
        # A long line is shown around the place.
        first = max(0, column - 1 - _SHOWN // 2)
        shown = source[first : first + _SHOWN]
        reason = error.msg[:1].lower() + error.msg[1:] + (f"; {remedy}" if remedy else "")
        raise EventError(
            f"{place}:{line}:{column}: this is not JSON: {reason}\n | {shown}\n | {' ' * (column - 1 - first)}^"
        ) from None
    except ValueError as error:
        raise EventError(f"{place}: this is not JSON: {error}") from None
    except RecursionError:
        raise EventError(f"{place}: it is nested too deeply") from None


def _refuse(constant: str) -> object:
    raise ValueError(f"JSON has no {constant}; write null")


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def check_events(events: Iterable[Event], functions: Sequence[Function]) -> None:
    """Raise `EventError` for an event that no trigger names and that no step waits for."""
    triggers = [t.event for f in functions for t in f.triggers if t.event]
    awaited = [e.event for f in functions for s in f.steps for e in s.after if e.event]
    for event in events:
        if event.name not in triggers and event.name not in awaited:
            known = suggestion(event.name, [*triggers, *awaited], label="known events")
            raise EventError(f"no function is triggered by {event.name!r}{known}")


def read_mocks(given: Sequence[str], functions: Sequence[Function]) -> list[StepMock]:
    """Read every `--mock`; raises `SetupError` for an unknown or ambiguous step, and for what is not JSON."""
    steps = [(function.id, step.id) for function in functions for step in function.steps]
    mocks: dict[tuple[str, str], StepMock] = {}
    for text in given:
        mock = _mock(text, steps)
        step = (mock.function_id, mock.step_id)
        if step in mocks:
            raise SetupError(f"--mock {mock.key}: this step is mocked already, by --mock {mocks[step].key}=…; keep one")
        mocks[step] = mock
    return list(mocks.values())


def _mock(text: str, steps: Sequence[tuple[str, str]]) -> StepMock:
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise SetupError(f"--mock {text}: write STEP=JSON, FUNCTION/STEP=JSON, or STEP=!TEXT for a step that fails")
    function_id, step_id = _find(key, steps)
    if value.startswith("!"):
        return StepMock(function_id, step_id, key, raises=StepFailedError(value[1:] or "failed by --mock"))
    try:
        return StepMock(function_id, step_id, key, returns=_parsed(value, f"--mock {key}", "the step's output"))
    except EventError as error:
        quoted = f"\nText needs quotes: --mock '{key}={json.dumps(value)}'" if value.isalnum() else ""
        raise SetupError(f"{error}{quoted}") from None


def _find(key: str, steps: Sequence[tuple[str, str]]) -> tuple[str, str]:
    found = [(function, step) for function, step in steps if key in (step, f"{function}/{step}")]
    if len(found) == 1:
        return found[0]
    if found:
        several = " or ".join(f"{function}/{step}" for function, step in found)
        raise SetupError(f"--mock {key}: {len(found)} functions have this step; write {several}")
    names = [f"{function}/{step}" for function, step in steps] if "/" in key else [step for _, step in steps]
    raise SetupError(f"--mock {key}: there is no step {key!r}{suggestion(key, names, label='known steps')}")
