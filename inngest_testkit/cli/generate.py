"""Events made from what the triggers say of them, the same for the same seed in every process."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inngest_testkit.errors import EventError, ExpressionError, MissingExtraError, TestkitError
from inngest_testkit.events import Event
from inngest_testkit.expressions import DAG, compile_expression

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from inngest_testkit.functions.model import Function, Trigger

__all__ = ["MadeEvent", "make_events"]

_TRIES, _TRIES_FOR_CONDITION = 8, 100


@dataclass(frozen=True, slots=True)
class MadeEvent:
    """An event that was made for a trigger, and `how`."""

    event: Event
    how: str


def make_events(functions: Sequence[Function], seed: int, now: datetime) -> list[MadeEvent]:
    """Make an event for each event trigger; triggers that one event serves share it.

    From the definition, if there is one: for seed 0 the simplest event, otherwise any; if possible one for which
    the trigger's expression is true. Raises `EventError` where no event fits the definition.
    """
    return [_make(function, trigger, seed, now) for function, trigger in _distinct(functions)]


def _distinct(functions: Sequence[Function]) -> Iterator[tuple[Function, Trigger]]:
    """Give the triggers that need an event of their own: any event of its name does for a trigger that asks nothing."""
    found = [(function, trigger) for function in functions for trigger in function.triggers if trigger.event]
    asking = {trigger.event: None for _, trigger in found if trigger.definition or trigger.expression}
    seen: list[tuple[object, ...]] = []
    for function, trigger in found:
        plain = not trigger.definition and not trigger.expression
        key = (trigger.event, trigger.definition, trigger.expression)
        if key not in seen and not (plain and trigger.event in asking):
            seen.append(key)
            yield function, trigger


def _make(function: Function, trigger: Trigger, seed: int, now: datetime) -> MadeEvent:
    name = trigger.event or ""
    if trigger.definition is None:
        return MadeEvent(Event(name=name), f"the trigger of {function.id} has no definition, so its data are empty")
    try:
        event = _generated(trigger, seed, now)
    except MissingExtraError as error:
        return MadeEvent(Event(name=name), f"with empty data: {error}")
    except TestkitError as error:
        raise _impossible(function, name, error) from None
    except Exception as error:  # noqa: BLE001 - whatever a schema makes other libraries raise
        reason = f"{type(error).__name__}: {error}"
        return MadeEvent(Event(name=name), f"with empty data, since its definition could not be used: {reason}")
    return MadeEvent(event, f"made from the definition in {function.id}, seed {seed}")


def _impossible(function: Function, name: str, reason: object) -> EventError:
    return EventError(f"no event {name!r} can be made for function {function.id!r}: {reason}. Give one with --event")


def _generated(trigger: Trigger, seed: int, now: datetime) -> Event:
    # Late: hypothesis is an extra, and slow to import.
    from inngest_testkit.testing.strategies import events_for

    strategy = events_for(trigger)
    import hypothesis

    count = _TRIES_FOR_CONDITION if trigger.expression else 1 if seed == 0 else _TRIES
    found: list[Event] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(strategy)
    def draw(event: Event) -> None:
        found.append(event)

    with _kept_elsewhere():
        try:
            draw()
        except hypothesis.errors.HypothesisException as error:
            raise EventError(f"{type(error).__name__}: {error}") from None
    fitting = [event for event in found if _is_true(trigger.expression, event, now)] or found
    return fitting[0] if seed == 0 else fitting[-1]


@contextmanager
def _kept_elsewhere() -> Iterator[None]:
    """Let hypothesis keep its tables of characters (seconds of work) with the user, not in the working folder."""
    from hypothesis import configuration

    if os.environ.get("HYPOTHESIS_STORAGE_DIRECTORY"):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="inngest-testkit-") as fallback:
        configuration.set_hypothesis_home_dir(_cache_folder() or fallback)
        try:
            yield
        finally:
            configuration.set_hypothesis_home_dir(None)


def _cache_folder() -> Path | None:
    """Return the user's folder for caches; None when there is none that can be written."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    try:
        folder = (Path(base) if base else Path.home() / ".cache") / "inngest-testkit" / "hypothesis"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return folder if os.access(folder, os.W_OK) else None


def _is_true(expression: str | None, event: Event, now: datetime) -> bool:
    if not expression:
        return True
    fields = event.to_dict()
    try:
        return compile_expression(expression, DAG).test({"event": fields, "user": fields["user"]}, lambda: now)
    except ExpressionError:
        return False
