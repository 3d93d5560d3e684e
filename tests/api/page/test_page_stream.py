"""The stream of what happens: what it tells, and that it ends."""

from __future__ import annotations

import json
import time

import anyio
import anyio.lowlevel
import httpx
import pytest

from inngest_testkit import AsyncEngine, Engine, Function, HistoryKind, Step, on_event
from inngest_testkit.api import ApiSettings
from inngest_testkit.api.face import Face
from inngest_testkit.api.host import host_of
from inngest_testkit.api.page import stream
from inngest_testkit.api.page.stream import Hub, Reader
from inngest_testkit.api.server import LiveServer
from inngest_testkit.runs import HistoryEntry


def messages(lines):
    """The name and the value of each message of a stream."""
    name = ""
    for line in lines:
        key, _, value = line.partition(": ")
        if key == "event":
            name = value
        elif key == "data":
            yield name, json.loads(value)


@pytest.fixture
def engine():
    with Engine() as engine:
        engine.register(Function("works", on_event("go"), steps=[Step("a", lambda: 1)]))
        yield engine


def until(done, seconds=10):
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_it_begins_with_where_the_engine_stands_and_tells_each_transition(engine):
    with LiveServer(engine) as server, httpx.stream("GET", f"{server.url}/page/stream") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        told = messages(answer.iter_lines())
        name, status = next(told)
        assert (name, status["virtual"], status["now"], status["runs"]) == ("status", True, 1_704_067_200_000, 0)
        run = engine.send("go\n\ndata: x").runs
        assert run == ()
        run = engine.send("go").run
        entries = []
        while not entries or entries[-1]["kind"] != "run.completed":
            name, value = next(told)
            if name == "entry":
                entries.append(value)
        assert (entries[0]["kind"], entries[0]["name"]) == ("event.received", "go\n\ndata: x")
        step = next(entry for entry in entries if entry["kind"] == "step.completed")
        assert step == {
            "kind": "step.completed",
            "at": 1_704_067_200_000,
            "run": run.id,
            "function": "works",
            "step": "a",
            "attempt": 0,
        }
        while name != "status":
            name, status = next(told)
        assert status["runs"] == 1


def test_nobody_listens_any_more_when_the_reader_is_gone(engine):
    with LiveServer(engine) as server:
        with httpx.stream("GET", f"{server.url}/page/stream") as answer:
            # Kept, or the connection would end with it.
            read = messages(answer.iter_lines())
            next(read)
            assert len(engine._core.journal.listeners) == 1
        until(lambda: not engine._core.journal.listeners)


def test_it_ends_with_the_server(engine):
    with LiveServer(engine) as server:
        answer = httpx.Client().send(httpx.Request("GET", f"{server.url}/page/stream"), stream=True)
        next(messages(answer.iter_lines()))
        began = time.monotonic()
    assert time.monotonic() - began < 4
    answer.close()


async def test_a_face_that_stops_ends_its_streams():
    async with AsyncEngine() as engine:
        face = Face(host_of(engine), ApiSettings())
        hub = Hub(face)
        told = []

        async def read():
            told.extend([message async for message in hub.stream()])

        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(read)
                while not hub.readers:
                    await anyio.lowlevel.checkpoint()
                face.stop()
        assert told[0].startswith(b"retry: 1000\n\nevent: status\n")
        assert engine._core.journal.listeners == ()


async def test_a_quiet_stream_tells_that_it_is_still_there():
    async with AsyncEngine() as engine:
        hub = Hub(Face(host_of(engine), ApiSettings()), look_s=0.01, heartbeat_s=0.05)
        with anyio.fail_after(5):
            told = hub.stream()
            first = await anext(told)
            assert first.endswith(await anext(told))
            await told.aclose()


async def test_a_clock_that_is_moved_is_told_though_nothing_happens():
    async with AsyncEngine() as engine:
        hub = Hub(Face(host_of(engine), ApiSettings()), look_s=0.01, heartbeat_s=60)
        with anyio.fail_after(5):
            told = hub.stream()
            await anext(told)
            await engine.advance("1h")
            assert b'"now":1704070800000' in await anext(told)
            await told.aclose()


async def test_a_reader_that_is_too_far_behind_is_dropped(monkeypatch):
    monkeypatch.setattr(stream, "MOST_WAITING", 3)
    async with AsyncEngine() as engine:
        reader = Reader()
        entry = HistoryEntry(engine.now, HistoryKind.RUN_STARTED, "run")
        for _ in range(3):
            reader.push(entry)
        assert not reader.is_over
        reader.push(entry)
        assert reader.is_over
        reader.push(entry)
        assert await reader.wait(0) == []  # nothing is kept for it
