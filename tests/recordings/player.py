"""Plays a recording on an engine, through its public surface, and says what it did."""

from __future__ import annotations

import hashlib
import json
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from inngest_testkit import Engine, HistoryKind, TriggerExpressionWarning
from inngest_testkit.errors import EventError, InvalidFunctionsError
from inngest_testkit.functions.model import HttpRuntime
from inngest_testkit.ids import workflow_uuid
from inngest_testkit.values import Json

from .behaviour import START, Behaviour, Call, Fact, canonical, playable, sent
from .step_server import StepServer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from inngest_testkit import Run
    from inngest_testkit.runs import HistoryEntry

    from .recording import Recording
    from .step_server import Received

#: Longer texts are recorded as their length and hash.
_LONGEST = 3000


def play(recording: Recording, folder: Path) -> Behaviour:
    """Load a recording's functions from a folder, send its script on the fake clock, and watch."""
    recording.write(folder)
    with Engine(start=_start(recording)) as engine:
        try:
            engine.load(folder)
        except InvalidFunctionsError as error:
            return Behaviour(problems=error.problems)
        return _Player(recording, engine).play()


def _start(recording: Recording) -> datetime:
    """Start so that a full minute comes when the recorded server's first cron run did."""
    if recording.script or not recording.calls:
        return START
    return START + timedelta(minutes=1) - _span(recording.calls[0]["at_s"])


def _span(seconds: float) -> timedelta:
    return timedelta(milliseconds=round(seconds * 1000))


@dataclass
class _Player:
    recording: Recording
    engine: Engine
    start: datetime = field(init=False)
    #: Ids that the senders gave, and the number of each run by its id.
    given_ids: set[str] = field(default_factory=set)
    runs: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start = self.engine.now
        self.server = StepServer(self.engine, self.recording.responders)

    def play(self) -> Behaviour:
        self._slow_steps()
        with self.server.router, _expected_warnings() as warned:
            replies = self._send_script()
            self._advance_to(self._end())
        failures = [entry for entry in self.engine.history if entry.kind is HistoryKind.TRIGGER_FAILED]
        assert len(warned) == len(failures)
        self.runs = {run.id: number for number, run in enumerate(self.engine.runs())}
        return Behaviour(
            replies=tuple(replies),
            calls=tuple(self._call(received) for received in self.server.received),
            facts=tuple(self._facts()),
            stuck=tuple(
                self.runs[run.id] for run in self.engine.runs() if not (run.is_over or run.waiting or run.held)
            ),
            parents=self._parents(),
        )

    # -- the script

    def _slow_steps(self) -> None:
        """Let steps whose answer was delayed take that long in virtual time."""
        for function in self.engine.functions:
            for step in function.steps:
                answers = self.recording.responders.get(_url_name(step.runtime), [])
                delays = {answer.get("delay_s", 0) for answer in answers}
                if any(delays):
                    (delay,) = delays
                    self.engine.mock(function.id, step.id, takes=f"{delay}s")

    def _send_script(self) -> list[str]:
        replies = []
        for item in playable(self.recording):
            self._advance_to(item["at_s"])
            events = sent(item)
            try:
                self.engine.send(events)
            except EventError:
                replies.append("refused")
                continue
            replies.append("taken")
            given = events if isinstance(events, list) else [events]
            self.given_ids |= {event["id"] for event in given if event.get("id")}
        return replies

    def _end(self) -> float:
        watched = self.recording.observe_s
        if self.recording.script or not self.recording.calls:
            return watched
        return watched + self.recording.calls[-1]["at_s"]

    def _advance_to(self, seconds: float) -> None:
        self.engine.advance(self.start + _span(seconds) - self.engine.now)

    # -- what happened

    def _call(self, received: Received) -> Call:
        text = received.request.content.decode()
        body = json.loads(text) if text else None
        raw = text.replace(event_id, "<generated>") if (event_id := self._made_up_id(received.run)) else text
        return Call(
            at=self._seconds(received.at),
            run=self.runs[received.run.id],
            step=received.step,
            method=received.request.method,
            body=_shortened(json.loads(raw)) if body else None,
            raw=raw,
        )

    def _made_up_id(self, run: Run) -> str | None:
        event_id = run.events[0].id
        return None if event_id in self.given_ids else event_id

    def _seconds(self, moment: datetime) -> float:
        return (moment - self.start).total_seconds()

    def _facts(self) -> Iterable[Fact]:
        names = {event.id: event.name for event in self.engine.events()}
        for entry in self.engine.history:
            for kind, about, span in _fact(entry, names):
                run = self.runs.get(entry.run_id or "")
                yield Fact(kind, run, about, self._seconds(entry.at), span)

    def _parents(self) -> dict[tuple[str, str], tuple[str, ...]]:
        return {
            (workflow_uuid(function.id), _url_name(step.runtime)): tuple(
                parent for entry in step.after for parent in entry.steps
            )
            for function in self.engine.functions
            for step in function.steps
        }


@contextmanager
def _expected_warnings() -> Iterator[list[warnings.WarningMessage]]:
    """Collect the warnings about triggers; any other is an error, as everywhere."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("error")
        warnings.simplefilter("always", TriggerExpressionWarning)
        yield caught


def _url_name(runtime: object) -> str:
    assert isinstance(runtime, HttpRuntime)
    return runtime.url.rsplit("/", 1)[-1]


def _shortened(value: Any) -> Any:
    """Write long texts as the recordings do."""
    if isinstance(value, dict):
        return {key: _shortened(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_shortened(inner) for inner in value]
    if isinstance(value, str) and len(value) > _LONGEST:
        return f"<{len(value)} characters, sha256 {hashlib.sha256(value.encode()).hexdigest()}>"
    return value


# -- facts


def _as_logged(value: Any) -> Any:
    """Write a value as the log does: long texts shortened, and no fraction where there is none."""
    if isinstance(value, dict):
        return {key: _as_logged(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_as_logged(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return _shortened(value)


def _fact(entry: HistoryEntry, names: dict[str | None, str]) -> list[tuple[str, str, float | None]]:
    """Say an entry of the history as the server's log would."""
    data = entry.data
    match entry.kind:
        case HistoryKind.EDGE_TAKEN:
            until = data.get("until", entry.at)
            return [("scheduled", data["edge"].split("->")[0], (until - entry.at).total_seconds())]
        case HistoryKind.STEP_VISITED_AGAIN:
            return [("visited again", str(entry.step), None)]
        case HistoryKind.STEP_COMPLETED:
            output: Json = data["output"]
            return [("output", f"{entry.step} {canonical(_as_logged(output.value))}", None)]
        case HistoryKind.STEP_FAILED:
            return _failed(entry)
        case HistoryKind.PAUSE_RESUMED:
            return [("resumed", data["event"], None)]
        case HistoryKind.PAUSE_CONSUMED:
            return [("consumed", data["event"], None)]
        case HistoryKind.PAUSE_TIMED_OUT:
            return [(f"timed out, {'taken' if data['taken'] else 'not taken'}", data["edge"], None)]
        case HistoryKind.EVENT_DROPPED:
            return [("skipped", names[data["event_id"]], None)]
        case HistoryKind.TRIGGER_FAILED:
            return [("trigger failed", names[data["event_id"]], None)]
        case HistoryKind.RUN_FAILED:
            return [("run failed", data["error"].message.splitlines()[0], None)]
        case HistoryKind.RUN_CANCELLED:
            return [("run cancelled", "", None)]
    return []


def _failed(entry: HistoryEntry) -> list[tuple[str, str, float | None]]:
    failed: tuple[str, str, float | None] = ("attempt failed", str(entry.step), None)
    until = entry.data.get("retry_at")
    if until is None:
        return [failed, ("failed for good", str(entry.step), None)]
    return [failed, ("retry", f"{entry.step} {(entry.attempt or 0) + 1}", (until - entry.at).total_seconds())]
