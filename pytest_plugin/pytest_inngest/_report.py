"""What a test's report says about its engines: seed, timelines, and the events that started nothing."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from typing import TYPE_CHECKING

from pytest_inngest._engines import core_of, node_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from inngest_testkit import AsyncEngine, Engine, Event, Run
    from inngest_testkit.runs import HistoryEntry
    from pytest_inngest._engines import Opened

__all__ = ["TITLE", "describe", "timeline"]

#: The heading of the section.
TITLE = "inngest timeline"
_MOST_RUNS = 10
#: Runs of one function that are shown before those of other functions.
_TOGETHER = 3
_MOST_EVENTS = 10
_MOST_FINDINGS = 10
_FIRST_LINES, _LAST_LINES = 20, 40
_DERIVED = ("the test's node id", "--inngest-seed")


def describe(item: pytest.Item, opened: Sequence[Opened]) -> str:
    """Return the text of the section; never raises, so that the failure itself is always reported."""
    try:
        return "\n\n".join(_describe(item, one) for one in opened)
    except Exception as error:  # noqa: BLE001 - an error here would end the whole session
        return f"the timelines cannot be shown: {type(error).__name__}: {error}"


def _describe(item: pytest.Item, opened: Opened) -> str:
    engine = opened.engine
    parts = [
        f"{engine!r}\nseed {engine.seed!r}, from {opened.seed_from}; rerun: {_rerun(item, opened)}",
        *_runs(engine.runs()),
        *_held(engine),
        *_started_nothing(engine, complete=opened.keep == "all"),
        *_never_answered(engine),
    ]
    return "\n\n".join(parts)


def _rerun(item: pytest.Item, opened: Opened) -> str:
    file, colons, rest = node_id(item).partition("::")
    config = item.config
    if config.invocation_params.dir != config.rootpath:
        file = os.path.relpath(config.rootpath / file, config.invocation_params.dir)
    command = f"pytest {shlex.quote(file + colons + rest)}"
    if opened.seed_from in _DERIVED:
        command += f" --inngest-seed={shlex.quote(str(opened.engine.seed))}"
    return command


def _runs(runs: Sequence[Run]) -> list[str]:
    """Return the timelines, of failed runs first, then of the newest."""
    ordered = list(reversed(runs))
    ordered.sort(key=lambda run: run.status.value != "FAILED")
    # The newest of each function before the others of any: many fires of a schedule must not hide the rest.
    number: Counter[str] = Counter()
    places = {}
    for run in ordered:
        places[run.id] = number[run.function_id] // _TOGETHER
        number[run.function_id] += 1
    ordered.sort(key=lambda run: places[run.id])
    texts = [timeline(run) for run in ordered[:_MOST_RUNS]]
    left = ordered[_MOST_RUNS:]
    if left:
        counts: dict[str, int] = {}
        for run in left:
            counts[run.status.value] = counts.get(run.status.value, 0) + 1
        shown = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        texts.append(f"… {_many(len(left), 'older run')} left out ({shown})")
    return texts or ["no runs"]


def timeline(run: Run) -> str:
    """Return a run's timeline, of a long one the beginning and the end, and what was found of its handler."""
    lines = run.timeline().splitlines()
    left = len(lines) - _FIRST_LINES - _LAST_LINES
    if left > 1:
        lines[_FIRST_LINES:-_LAST_LINES] = [f"  … {left} lines left out; run.timeline() has them"]
    found = [f"  {finding.kind}: {finding.message}".splitlines() for finding in run.findings[:_MOST_FINDINGS]]
    left = len(run.findings) - _MOST_FINDINGS
    more = [f"  … {_many(left, 'finding')} left out; run.findings has them"] if left > 0 else []
    return "\n".join([*lines, *("\n    ".join(each) for each in found), *more])


def _started_nothing(engine: Engine | AsyncEngine, *, complete: bool) -> list[str]:
    """Return the part on events that started no run and ended no wait, in the order in which they came.

    Where runs have been dropped (not `complete`), an event that seems unmatched may have been theirs.
    """
    journal = core_of(engine).journal
    reasons: dict[str | None, list[str]] = {}
    for entry in journal.engine:
        reason = _reason(entry)
        if reason:
            reasons.setdefault(entry.data["event_id"], []).append(reason)
    taken = _taken(engine)
    lines = []
    for event_id, event in {each.event.id: each.event for each in journal.received.values()}.items():
        # Hardly any function listens to what the engine itself tells.
        internal = event.name.startswith("inngest/")
        if complete and not internal and event_id not in taken and event_id not in reasons:
            reasons[event_id] = [_unmatched(engine, event)]
        lines += [f"  {event.name} ({event_id}): {reason}" for reason in reasons.get(event_id, ())]
    if not lines:
        return []
    more = [f"  … and {len(lines) - _MOST_EVENTS} more"] if len(lines) > _MOST_EVENTS else []
    return ["\n".join(["events that started nothing:", *lines[:_MOST_EVENTS], *more])]


def _held(engine: Engine | AsyncEngine) -> list[str]:
    """Return the part on what flow control holds back."""
    lines = [f"  {held}" for held in engine.held]
    more = [f"  … and {len(lines) - _MOST_EVENTS} more"] if len(lines) > _MOST_EVENTS else []
    return ["\n".join(["held back:", *lines[:_MOST_EVENTS], *more])] if lines else []


def _never_answered(engine: Engine | AsyncEngine) -> list[str]:
    names = [f"  {mock.function_id}/{mock.step_id}" for mock in engine.unused_mocks]
    return ["\n".join(["mocks that never answered:", *names])] if names else []


def _reason(entry: HistoryEntry) -> str:
    data = entry.data
    if entry.kind.value == "event.dropped":
        return f"function {data['function_id']!r}: {data['rule']}, {data['reason']}"
    if entry.kind.value == "trigger.failed":
        return f"function {data['function_id']!r}: {data['trigger']}: {data['error']}"
    return ""


def _taken(engine: Engine | AsyncEngine) -> set[str | None]:
    """Return the ids of the events that started a run, or that a wait noticed."""
    taken: set[str | None] = {event_id for held in engine.held for event_id in held.event_ids}
    for run in engine.runs():
        taken.update(event.id for event in run.events)
        taken.update(entry.data["event_id"] for entry in run.history if "event_id" in entry.data)
    return taken


def _unmatched(engine: Engine | AsyncEngine, event: Event) -> str:
    return core_of(engine).why_unmatched(event)


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
