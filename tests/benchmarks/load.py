"""Events over HTTP at a steady rate, to a server in a process of its own; every accepted one must have its run.

`python tests/benchmarks/load.py --rate 1000 --seconds 60` prints what came of it; the exit status is 1 when an accepted
event has no run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import sys
import time
from dataclasses import dataclass, field

import anyio

from inngest_testkit import AsyncEngine, Function, Step, on_event
from inngest_testkit.api.server import serving
from inngest_testkit.clock import WallClock
from inngest_testkit.runs import HistoryKind

CONNECTIONS, KEPT = 32, 10_000
HEAD = b"POST /e/key HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


@dataclass
class Load:
    """What came of it; times in seconds, memory in MB after the first tenth and at the end."""

    took: float
    accepted: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    completed: int = 0
    latencies: list[float] = field(default_factory=list)
    memory: tuple[int, int] = (0, 0)

    @property
    def lost(self) -> set[str]:
        return set(self.accepted) - set(self.started)

    def __str__(self) -> str:
        half, late = (sorted(self.latencies)[int(len(self.latencies) * share)] * 1000 for share in (0.5, 0.99))
        return (
            f"{len(self.accepted)} events accepted in {self.took:.1f} s, {len(self.accepted) / self.took:.0f}/s; "
            f"{len(set(self.started))} runs started, {self.completed} completed, {len(self.lost)} lost; "
            f"answered in {half:.1f} ms (median), {late:.1f} ms (99 %); "
            f"memory {self.memory[0]} MB after a tenth, {self.memory[1]} MB at the most"
        )


def serve(pipe):
    """Serve a function of one step until told to stop, then tell which events started runs."""
    anyio.run(_serve, pipe)


async def _serve(pipe):
    engine, started, completed = AsyncEngine(clock=WallClock(), keep=KEPT), [], 0
    await engine.register(Function("load", on_event("load/event"), steps=[Step("a", lambda event: event.data["n"])]))

    def listen(entry):
        nonlocal completed
        if entry.kind is HistoryKind.RUN_CREATED:
            started.append(entry.data["event_id"])
        elif entry.kind is HistoryKind.RUN_COMPLETED:
            completed += 1

    engine._core.journal.listen(listen)
    async with serving(engine) as server:
        pipe.send(server.port)
        while (asked := await anyio.to_thread.run_sync(pipe.recv)) != "stop":
            pipe.send((asked, _memory()))
        await engine.run_until_complete(limit="1m")
        pipe.send((started, completed, _memory()))


def _memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


async def _client(port, events, load):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (number := await events.get()) is not None:
        body = b'{"name":"load/event","data":{"n":%d,"who":"someone@example.com"}}' % number
        begun = time.perf_counter()
        writer.write(HEAD % len(body) + body)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        reply = json.loads(await reader.readexactly(length))
        load.latencies.append(time.perf_counter() - begun)
        assert reply["status"] == 200, reply
        load.accepted += reply["ids"]
    writer.close()


async def _send(port, rate, total, load, tenth):
    events = asyncio.Queue()
    clients = [asyncio.create_task(_client(port, events, load)) for _ in range(CONNECTIONS)]
    begun, sent, told = time.perf_counter(), 0, False
    while sent < total:
        due = min(total, int((time.perf_counter() - begun) * rate) + 1)
        for number in range(sent, due):
            events.put_nowait(number)
        sent = due
        if not told and sent >= total / 10:
            told = True
            tenth()
        await asyncio.sleep(0.002)
    for _ in clients:
        events.put_nowait(None)
    await asyncio.gather(*clients)
    load.took = time.perf_counter() - begun


def run(rate, total):
    """Send so many events at a rate (a second), and return what came of it."""
    context = multiprocessing.get_context("spawn")
    pipe, other = context.Pipe()
    server = context.Process(target=serve, args=(other,))
    server.start()
    load = Load(0.0)
    try:
        port = pipe.recv()
        asyncio.run(_send(port, rate, total, load, lambda: pipe.send("memory")))
        pipe.send("stop")
        _, early = pipe.recv()
        load.started, load.completed, late = pipe.recv()
        load.memory = early, late
    finally:
        server.join(30)
        server.kill()
    return load


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=1000, help="events a second")
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    came = run(options.rate, options.rate * options.seconds)
    sys.stdout.write(f"{came}\n")
    sys.exit(bool(came.lost))
