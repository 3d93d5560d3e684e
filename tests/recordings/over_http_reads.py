"""Plays the recorded reads on the HTTP face of an engine: the script's events, then each request at its moment.

Where the library differs on purpose, `EXPECTED` turns what was recorded into what is expected, as precisely as the
recording was. The rules are those of `sdk_deliberate`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import inngest

from inngest_testkit import AsyncEngine
from inngest_testkit.api import make_app
from inngest_testkit.api.host import host_of
from inngest_testkit.events import Event

from .sdk_player import start_of
from .sdk_recording import SdkRecording
from .sdk_values import Reader

#: Endpoints that say what the server is, which other tests ask.
OF_OTHERS = ("/health", "/dev")
#: How long before the script the recorder let the app register.
_SYNCED_BEFORE = timedelta(milliseconds=505)
#: Where functions are called that are served in this process.
_HERE = "inngest-testkit.invalid"
_MOMENT = re.compile(r"@ms:[+-]\d+")
#: Fields of GraphQL that hold JSON as text.
_TEXTS = {"output", "data"}


@dataclass
class Reply:
    """What a request was answered with: the status, the content type, and the body with the JSON texts in it read."""

    path: str
    status: int
    kind: str
    body: Any


@dataclass
class Played:
    """The replies, and what tells our ids and moments from the recorded ones."""

    replies: list[Reply] = field(default_factory=list)
    runs: dict[str, str] = field(default_factory=dict)


def asked(recording: SdkRecording) -> list[Mapping[str, Any]]:
    """Return what was asked, with what was answered."""
    return [each for each in [*recording.http, *recording.after] if each["request"]["path"] not in OF_OTHERS]


def recorded_replies(recording: SdkRecording) -> list[Reply]:
    """Return the recorded replies; the id of an output is as good as any other."""
    content = json.loads(json.dumps(asked(recording)).replace("<output-id>", "<generated>"))
    return [
        Reply(
            each["request"]["path"],
            each["response"]["status"],
            each["response"]["headers"]["content-type"],
            _read(each["response"]["body"]),
        )
        for each in content
    ]


async def play_reads(recording: SdkRecording) -> Played:
    """Serve the recorded functions, send the script's events, and ask what was asked, when it was."""
    start = start_of(recording)
    async with AsyncEngine(start=start - _SYNCED_BEFORE, retry_interval=recording.retry_interval) as engine:
        client = inngest.Inngest(app_id=recording.app, is_production=False)
        await engine.serve(client, getattr(recording.load(), recording.factory)(client))
        await engine.advance(_SYNCED_BEFORE)
        host, played = host_of(engine), Played()
        app = make_app(host)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8288") as http,
        ):
            sends = [event for item in recording.script for event in item.get("send", ())]
            ids = await host.take([Event.from_mapping(event) for event in sends])
            known = {f"{{event{number}}}": event_id for number, event_id in enumerate(ids)}
            for each in asked(recording):
                await engine.advance(start + timedelta(seconds=each["at_s"]) - engine.now)
                played.runs = {f"run-{number}": run.id for number, run in enumerate(engine.runs())}
                known |= {f"{{run{number}}}": run.id for number, run in enumerate(engine.runs())}
                reply = await _ask(http, each["request"], known)
                outputs = [text for text in _output_ids(reply.json()) if text not in known.values()]
                have = sum(key.startswith("{output") for key in known)
                known |= {f"{{output{have + number}}}": text for number, text in enumerate(outputs)}
                body = json.loads(reply.text.replace(_HERE, "<app>"))
                path = each["request"]["path"]
                played.replies.append(Reply(path, reply.status_code, reply.headers["content-type"], _read(body)))
    return played


async def _ask(http: httpx.AsyncClient, request: Mapping[str, Any], known: Mapping[str, str]) -> httpx.Response:
    def written(value: Any) -> Any:
        text = json.dumps(value).replace("<generated>", "01H00000000000000000000000")
        for name, own in known.items():
            text = text.replace(name, own)
        return json.loads(text)

    body = written(request["body"])
    content = None if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return await http.request(request["method"], written(request["path"]), content=content, headers=request["headers"])


def _output_ids(body: Any) -> Iterator[str]:
    if isinstance(body, dict):
        for key, value in body.items():
            if key == "outputID" and value is not None:
                yield value
            else:
                yield from _output_ids(value)
    elif isinstance(body, list):
        for value in body:
            yield from _output_ids(value)


def _read(value: Any, key: str = "") -> Any:
    """Read what is JSON as text, in which moments stand bare."""
    if isinstance(value, dict):
        return {name: _read(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_read(inner, key) for inner in value]
    if isinstance(value, str) and (key == "payloads" or (key in _TEXTS and value[:1] in '{["')):
        return json.loads(_MOMENT.sub(lambda found: f'"{found[0]}"', value))
    return value


def differences(recording: SdkRecording, expected: list[Reply], played: Played) -> list[str]:
    """Say where the replies are not what is expected."""
    reader = Reader(start_of(recording), recording.module)
    reader.runs = dict(played.runs)
    found = []
    for number, (one, other) in enumerate(zip(expected, played.replies, strict=True)):
        where = f"reply {number}, {one.path}"
        if (one.status, one.kind) != (other.status, other.kind):
            found.append(f"{where}: {one.status} {one.kind}, got {other.status} {other.kind}")
        found += reader.differences(one.body, other.body, where)
    return found


# -- what differs on purpose


@dataclass(frozen=True)
class ReplyDifference:
    """The `rules` that it follows, `what` differs, and `expected`, made from what was recorded."""

    rules: tuple[int, ...]
    what: str
    expected: Callable[[list[Reply]], list[Reply]]


def expectation(replies: list[Reply], applied: list[ReplyDifference]) -> list[Reply]:
    """Turn what was recorded into what is expected."""
    for difference in applied:
        replies = difference.expected(deepcopy(replies))
    return replies


def never_stale(replies: list[Reply]) -> list[Reply]:
    """The server repeats what it had kept, as text; here it is read anew."""
    for reply in replies:
        if reply.path.startswith("/v1/") and reply.kind.startswith("text/plain"):
            reply.kind = "application/json"
            reply.body["metadata"] = {"fetched_at": "@iso:+9.042", "cached_until": "@iso:+24.042"}
    return replies


def without_the_servers_queue(replies: list[Reply]) -> list[Reply]:
    """A job is told without what only the server's own queue has."""
    for reply in replies:
        for job in reply.body["data"] if reply.path.endswith("/jobs") else ():
            del job["Raw"]["genID"], job["Raw"]["eat"]
            del job["Raw"]["data"]["groupID"], job["Raw"]["data"]["pf"], job["Raw"]["data"]["identifier"]["pf"]
            # The id is the one that the call's request has.
            job["JobID"] = job["Raw"]["id"] = "<job>"
    return replies


def with_the_events_name(replies: list[Reply]) -> list[Reply]:
    """A run tells the name of its event when it is asked for alone, too."""
    for reply in replies:
        run = (reply.body.get("data") or {}).get("run") if reply.path == "/v0/gql" else None
        if run is not None and "eventName" in run:
            run["eventName"] = reply.body["data"]["runTrigger"]["eventName"]
    return replies


EXPECTED = [
    ReplyDifference((13,), "what is told is true when it is told", never_stale),
    ReplyDifference((13,), "a job has nothing of the server's own queue", without_the_servers_queue),
    ReplyDifference((13,), "a run knows the name of its event", with_the_events_name),
]
