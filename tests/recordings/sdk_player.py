"""Plays a recording of the SDK on an engine, in this process and on virtual time, and says what it did."""

from __future__ import annotations

import asyncio
import json
import re
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest import mock

import inngest

from inngest_testkit import Engine, HistoryKind, NotFoundError
from inngest_testkit.sdk.protocol import DISCOVERY, CallResponse, Header, Opcode
from inngest_testkit.sdk.transports import in_process

from .sdk_behaviour import START, Call, Outcome, Received, SdkBehaviour
from .sdk_http import Answer, answer_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from inngest_testkit import Run
    from inngest_testkit.sdk.protocol import CallRequest

    from .sdk_recording import SdkRecording

#: Seconds that are watched after the last thing that was recorded, so that what comes later than it should is seen.
_WATCHED = 3.0
_NOW = re.compile(r"\{now_ms([+-]\d+)\}")
_PAD = re.compile(r"\{pad:(\d+)\}")


def play(recording: SdkRecording) -> SdkBehaviour:
    """Serve a recording's functions, play its script on the fake clock, and watch."""
    with (
        Engine(start=start_of(recording), retry_interval=recording.retry_interval, nondeterminism="ignore") as engine,
        _warnings(),
    ):
        return _Player(recording, engine).play()


def start_of(recording: SdkRecording) -> datetime:
    """Return the virtual moment from which a script counts."""
    to_minute = [item["to_minute_s"] for item in recording.script if "to_minute_s" in item]
    return START + timedelta(minutes=1) - timedelta(seconds=to_minute[0]) if to_minute else START


@contextmanager
def _warnings() -> Iterator[None]:
    """Let the kit warn of what the recorded functions do wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


@dataclass
class _Player:
    recording: SdkRecording
    engine: Engine
    start: datetime = field(init=False)
    #: What was called, when, and what came back.
    calls: list[tuple[datetime, CallRequest, CallResponse]] = field(default_factory=list)
    #: What the HTTP face answered.
    answers: list[Answer] = field(default_factory=list)
    #: What answers instead of the SDK, and how often (None: until it is taken away).
    instead: CallResponse | None = None
    times: int | None = None
    #: Seconds that the code of the call under way has slept.
    slept: float = 0.0
    #: Where the recording leaves calls out: the operation of each planned step.
    planned: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start = self.engine.now
        self.module = self.recording.load()
        self.clients: dict[str, inngest.Inngest] = {}
        self.recorded_steps = {request.get("step_id") for request in self.recording.requests}

    def play(self) -> SdkBehaviour:
        transport = type("Noting", (in_process.InProcessTransport,), {"call": _noting(self)})
        with (
            mock.patch.object(in_process, "InProcessTransport", transport),
            mock.patch.object(asyncio, "sleep", partial(_sleep_async, self, asyncio.sleep)),
            mock.patch.object(time, "sleep", partial(_sleep_sync, self)),
        ):
            self._serve(self.recording.app, self.recording.factory)
            for app, factory in getattr(self.module, "OTHER", {}).items():
                self._serve(app, factory)
            replies = self._play_script()
            self._advance_to(self._end())
        return self._behaviour(replies)

    def _serve(self, app: str, factory: str) -> None:
        if app not in self.clients:
            make = getattr(self.module, "CLIENT", inngest.Inngest)
            self.clients[app] = make(app_id=app, is_production=False)
        client = self.clients[app]
        self.engine.serve(client, getattr(self.module, factory)(client))

    # -- the script

    def _play_script(self) -> list[tuple[bool, int]]:
        replies = []
        for item in self.recording.script:
            if "to_minute_s" in item:
                continue
            self._advance_to(item["at_s"])
            if "send" in item:
                replies.append((True, len(self.engine.send(self._written_out(item["send"])).ids)))
            elif "http" in item:
                replies.append((self._request(item["http"]), 0))
            else:
                getattr(self, f"_{item['do']}")(item)
        return replies

    def _resync(self, item: Mapping[str, Any]) -> None:
        self._serve(self.recording.app, item["with"])

    def _app_reply(self, item: Mapping[str, Any]) -> None:
        self.instead = CallResponse(item["status"], item["headers"], item["body"].encode())
        self.times = item.get("times")

    def _app_ok(self, item: Mapping[str, Any]) -> None:
        self.instead = None

    def _request(self, request: Mapping[str, Any]) -> bool:
        """Play a request; whether it was answered with 200."""
        if request["method"] == "DELETE":
            return self._cancel(request)
        self.answers.append(answer_of(self.engine, request, self._written_out))
        return self.answers[-1].status == 200

    def _cancel(self, request: Mapping[str, Any]) -> bool:
        """Do what a request for cancelling a run asks for; False when there is no such run."""
        run_id = request["path"].removeprefix("/v1/runs/")
        try:
            self.engine.cancel(self.engine.runs()[0] if run_id == "{run0}" else run_id)
        except NotFoundError:
            return False
        return True

    def _written_out(self, value: Any) -> Any:
        """Write out the long texts and the moments of a script."""
        if isinstance(value, dict):
            return {key: self._written_out(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._written_out(inner) for inner in value]
        if isinstance(value, str) and (pad := _PAD.fullmatch(value)):
            return "x" * int(pad[1])
        if isinstance(value, str) and (now := _NOW.fullmatch(value)):
            return round(self.engine.now.timestamp() * 1000) + int(now[1])
        return value

    def _end(self) -> float:
        moments = [call["at_s"] + call["took_s"] for call in self.recording.requests if "at_s" in call]
        moments += [float(event["received"].removeprefix("@iso:")) for event in self.recording.events]
        return max([*moments, *(item.get("at_s", 0) for item in self.recording.script)]) + _WATCHED

    def _advance_to(self, seconds: float) -> None:
        self.engine.advance(self.start + timedelta(milliseconds=round(seconds * 1000)) - self.engine.now)

    # -- calls

    def replacement(self, request: CallRequest) -> CallResponse | None:
        """Return what answers instead of the SDK, if anything."""
        if request.step_id in self.planned and request.step_id not in self.recorded_steps:
            # The SDK needs a second for fifty calls with a thousand memos.
            done = [{**self.planned[request.step_id], "op": Opcode.STEP_RUN}]
            headers = {Header.SDK.value: "replay", Header.REQUEST_VERSION.value: "2"}
            return CallResponse(206, headers, json.dumps(done).encode())
        if self.instead is None or self.times == 0:
            return None
        if self.times is not None:
            self.times -= 1
        return self.instead

    def note(self, request: CallRequest, response: CallResponse) -> None:
        """Note a call; of one with more steps than were recorded, what each step is."""
        self.calls.append((self.engine.now, request, response))
        if self.recording.left_out and request.step_id == DISCOVERY and response.status == 206:
            self.planned |= {each["id"]: each for each in json.loads(response.body) if each["op"] == Opcode.PLANNED}

    # -- what happened

    def _behaviour(self, replies: Iterable[tuple[bool, int]]) -> SdkBehaviour:
        events = self._events()
        return SdkBehaviour(
            calls=tuple(self._call(*call) for call in self.calls),
            own=tuple(event for event in events if event.event["name"].startswith("inngest/")),
            received=tuple(event for event in events if not event.event["name"].startswith("inngest/")),
            outcomes=tuple(self._outcome(run) for run in self.engine.runs()),
            replies=tuple(replies),
            answers=tuple(self.answers),
        )

    def _call(self, at: datetime, request: CallRequest, response: CallResponse) -> Call:
        return Call(
            at=self._seconds(at),
            took=0.0 if response.takes is None else response.takes.total_seconds(),
            run=request.run_id,
            function=request.function_id,
            step=request.step_id,
            attempt=request.attempt,
            headers=request.headers,
            body=json.loads(request.body),
            status=response.status,
            answer=_read(response.body),
            answer_headers=response.headers,
        )

    def _events(self) -> list[Received]:
        """Return every event with when it came; a run belongs to the first event of each id."""
        starts: dict[tuple[str, str | None], list[str]] = {}
        for run in self.engine.runs():
            for event in run.events:
                starts.setdefault((event.name, event.id), []).append(run.id)
        drops = [entry.data for entry in self.engine.history if entry.kind is HistoryKind.EVENT_DROPPED]
        moments = [entry.at for entry in self.engine.history if entry.kind is HistoryKind.EVENT_RECEIVED]
        return [
            Received(
                self._seconds(at),
                {**event.to_dict(), "v": event.v},
                tuple(starts.pop((event.name, event.id), ())),
                tuple(drop["rule"] for drop in drops if drop["event_id"] == event.id),
            )
            for at, event in zip(moments, self.engine.events(), strict=True)
        ]

    def _outcome(self, run: Run) -> Outcome:
        created = next(entry for entry in run.history if entry.kind is HistoryKind.RUN_CREATED)
        started = next((entry.at for entry in run.history if entry.kind is HistoryKind.RUN_STARTED), None)
        return Outcome(
            run=run.id,
            function=run.function_id,
            status=run.status.value,
            output=run.output,
            events=tuple(event.to_dict() for event in run.events),
            is_batch="events" in created.data,
            queued=self._seconds(run.started_at),
            started=None if started is None else self._seconds(started),
            ended=None if run.ended_at is None else self._seconds(run.ended_at),
        )

    def _seconds(self, moment: datetime) -> float:
        return (moment - self.start).total_seconds()


def _noting(player: _Player) -> Any:
    async def call(transport: in_process.InProcessTransport, request: CallRequest) -> CallResponse:
        player.slept = 0.0
        response = player.replacement(request)
        if response is None:
            response = await super(type(transport), transport).call(request)
        if player.slept:
            response = replace(response, takes=timedelta(seconds=player.slept))
        player.note(request, response)
        return response

    return call


async def _sleep_async(player: _Player, real: Any, seconds: float, result: Any = None) -> Any:
    player.slept += seconds
    return await real(0, result)


def _sleep_sync(player: _Player, seconds: float) -> None:
    player.slept += seconds


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode()
