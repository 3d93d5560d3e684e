"""What is read while a thread works: a run may be dropped between any two looks, or be there without an entry yet."""

from __future__ import annotations

import sys
from threading import Event, Thread

import httpx
import pytest

from inngest_testkit import AsyncEngine, Engine, Function, Step, on_event
from inngest_testkit.api import LiveServer

from .conftest import client_of

LISTS = ["/page/runs.json?text=works", "/page/runs.json?status=COMPLETED", "/page/events.json", "/testkit/runs"]
SINGLES = ["/page/runs/{}.json", "/testkit/runs/{}"]
#: Looks into the journal that the longest of these answers takes, and some more.
MOST_LOOKS = 60


def works():
    return Function("works", on_event("go"), steps=[Step("a", lambda: 1)])


class Watched(dict):
    """A part of the journal that tells of each look at it, after it was taken."""

    def __init__(self, part, seen):
        super().__init__(part)
        self.seen = seen

    def __getitem__(self, key):
        found = super().__getitem__(key)
        self.seen()
        return found

    def get(self, key, default=None):
        found = super().get(key, default)
        self.seen()
        return found


class Dropping:
    """Drops a run at one look into the journal, as another thread does between two."""

    def __init__(self, journal, run_id, number):
        self.journal, self.run_id, self.number, self.looks = journal, run_id, number, 0
        for part in ("runs", "functions", "shapes", "run_events", "causes"):
            setattr(journal, part, Watched(getattr(journal, part), self.seen))

    def seen(self):
        self.looks += 1
        # Whoever drops a run waits while its history is folded.
        if self.looks >= self.number and not self.journal._folding.locked():
            self.journal.forget(self.run_id)


async def read_while_dropped(path):
    """Yield the run, another one and an answer, for each look at which the run may be dropped."""
    for number in range(1, MOST_LOOKS):
        async with AsyncEngine() as engine, client_of(engine) as client:
            await engine.register(works())
            dropped, other = [(await engine.send("go")).run.id for _ in range(2)]
            dropping = Dropping(engine._core.journal, dropped, number)
            yield dropped, other, await client.get(path.format(dropped))
            if dropping.looks < number:
                return
    raise AssertionError(f"{path} takes more than {MOST_LOOKS} looks")


@pytest.mark.parametrize("path", LISTS)
async def test_lists_leave_out_what_is_dropped_meanwhile(path):
    async for _, other, answer in read_while_dropped(path):
        assert answer.status_code == 200, answer.text
        assert other in answer.text


@pytest.mark.parametrize("path", SINGLES)
async def test_a_run_that_is_dropped_meanwhile_is_not_found(path):
    found = set()
    async for dropped, _, answer in read_while_dropped(path):
        assert answer.status_code in (200, 404), answer.text
        assert dropped in answer.text
        found.add(answer.status_code)
    assert found == {200, 404}


async def test_a_run_without_an_entry_is_not_there_yet(engine, client):
    await engine.register(works())
    run = (await engine.send("go")).run
    journal, fresh = engine._core.journal, "01HNEWNEWNEWNEWNEWNEWNEWNE"
    journal.open(fresh, "works", journal.shapes[run.id], run.events, journal.causes[run.id])
    for path in LISTS:
        answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        assert run.id in answer.text
        assert fresh not in answer.text
    for path in SINGLES:
        assert (await client.get(path.format(fresh))).status_code == 404


@pytest.fixture
def _many_switches():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_many_switches")
def test_lists_are_answered_while_a_thread_works():
    engine, stop, codes = Engine(keep=3), Event(), []
    engine.register(works())
    with engine, LiveServer(engine) as server:

        def poll(path):
            with httpx.Client(base_url=server.url, timeout=30) as client:
                while not stop.is_set():
                    codes.append((path, client.get(path).status_code))

        threads = [Thread(target=poll, args=(path,)) for path in LISTS]
        for thread in threads:
            thread.start()
        try:
            for sent in range(5000):
                engine.send([{"name": "go"}] * 3)
                if sent >= 60 and {path for path, _ in codes} == set(LISTS):
                    break
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert {path for path, _ in codes} == set(LISTS)
    assert {code for _, code in codes} == {200}
