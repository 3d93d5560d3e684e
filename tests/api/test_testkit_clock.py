"""`/testkit/clock`, `/testkit/queue`, `/testkit/reset`, `/testkit/events`."""

from __future__ import annotations

import anyio
import pytest

from inngest_testkit import AsyncEngine, Engine, Function, Step, after, on_cron, on_event
from inngest_testkit.clock import WallClock

from .conftest import client_of
from .controlled import ask, drip, settled, until

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["AsyncEngine", "Engine"])
async def engine(request):
    """Either kind: on the server's loop, or in threads."""
    if request.param == "AsyncEngine":
        async with AsyncEngine() as engine:
            await engine.register(drip())
            yield engine
    else:
        engine = Engine()
        await anyio.to_thread.run_sync(lambda: engine._runner.run(engine._core.register(drip())))
        yield engine
        await anyio.to_thread.run_sync(engine.close)


@pytest.fixture
async def client(engine):
    async with client_of(engine) as client:
        yield client


async def test_the_clock_tells_time_and_whether_there_is_something_to_do(client):
    at_first = await ask(client, "GET", "clock")
    assert at_first == {
        "now": "2024-01-01T00:00:00Z",
        "next_due": None,
        "virtual": True,
        "frozen": True,
        "held": False,
        "idle": True,
        "open_runs": 0,
    }
    await client.post("/e/key", json={"name": "signed.up", "data": {}})
    clock = await settled(client)
    assert (clock["next_due"], clock["open_runs"]) == ("2024-01-04T00:00:00Z", 1)


async def test_an_event_that_was_taken_leaves_the_engine_not_idle_until_it_is_worked(client):
    """So that a test can wait: right after the event's reply the clock does not say idle before all is done."""
    for _ in range(20):
        await client.post("/e/key", json={"name": "signed.up", "data": {}})
        await settled(client)
        runs = (await ask(client, "GET", "runs"))["runs"]
        run = await ask(client, "GET", f"runs/{runs[-1]['id']}")
        assert [step["id"] for step in run["steps"]] == ["charge"]


@pytest.mark.parametrize(
    ("move", "now"),
    [
        ({"advance": "1d"}, "2024-01-02T00:00:00Z"),
        ({"advance": 90}, "2024-01-01T00:01:30Z"),
        ({"advance": 0.5}, "2024-01-01T00:00:00.500000Z"),
        ({"to": "2024-01-01T09:00:00+01:00"}, "2024-01-01T08:00:00Z"),
        ({"run_to_idle": True}, "2024-01-04T00:00:00Z"),
    ],
    ids=str,
)
async def test_the_clock_is_moved(client, move, now):
    await ask(client, "POST", "events", {"name": "signed.up"})
    assert (await ask(client, "POST", "clock", move))["now"] == now


async def test_what_becomes_due_on_the_way_is_worked(client):
    sent = await ask(client, "POST", "events", {"name": "signed.up"})
    await ask(client, "POST", "clock", {"advance": "3d"})
    run = await ask(client, "GET", f"runs/{sent['runs'][0]['id']}")
    assert (run["status"], run["ended_at"], run["output"]) == ("COMPLETED", "2024-01-04T00:00:00Z", "hello")


@pytest.mark.parametrize(
    ("move", "status", "error"),
    [
        ({}, 400, "give one of advance, to, run_to_idle, freeze; found none"),
        ({"advance": "1d", "freeze": True}, 400, "found advance and freeze"),
        ({"advance": "3 days"}, 400, "'3 days' is not a duration: write '3d'"),
        ({"advance": "-1d"}, 400, "time can't go backwards"),
        ({"advance": True}, 400, "advance: expected a valid string or a valid number, found true"),
        ({"advance": "9999999d"}, 400, "leaves the calendar"),
        ({"to": "2023-01-01T00:00:00Z"}, 400, "time can't go backwards"),
        ({"to": "2024-01-01T00:00:00"}, 400, "has no time zone: write '2024-01-01T00:00:00Z'"),
        ({"to": "tomorrow"}, 400, "'tomorrow' is not a moment: write ISO 8601"),
        ({"run_to_idle": False}, 400, "run_to_idle is true or left out"),
        ({"run_to_idle": True, "limit": "soon"}, 400, "'soon' is not a duration"),
        ({"advance": 1, "limit": "1d"}, 400, "limit goes with run_to_idle, found it with advance"),
        ({"advnce": 1}, 400, "there is no field 'advnce'; known: 'advance', "),
        ({"freeze": "no"}, 400, 'freeze: expected a valid boolean, found "no"'),
        ([], 400, "the body is a JSON object with advance, to, run_to_idle, freeze, limit, found []"),
    ],
    ids=str,
)
async def test_a_move_that_cannot_be_is_refused(client, move, status, error):
    """The error names the field and what to write; the clock stays."""
    answer = await ask(client, "POST", "clock", move, status=status)
    assert error in answer["error"]
    assert answer["status"] == status
    assert (await ask(client, "GET", "clock"))["now"] == "2024-01-01T00:00:00Z"


async def test_a_body_that_is_no_json_is_refused(client):
    answer = await client.post("/testkit/clock", content=b'{"advance": ')
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("the body is not JSON: EOF while parsing a value at line 1")


async def test_idle_has_a_limit(client):
    await ask(client, "POST", "events", {"name": "signed.up"})
    answer = await ask(client, "POST", "clock", {"run_to_idle": True, "limit": "2d"}, status=409)
    assert "1 run is not over at 2024-01-01 00:00:00, and the limit of 2d is reached" in answer["error"]


async def test_the_clock_flows_until_it_is_frozen(client):
    """It moves as real time does, and what becomes due is worked; then it stands again."""
    clock = await ask(client, "POST", "clock", {"freeze": False})
    assert clock["frozen"] is False
    await until(client, "clock", lambda clock: clock["now"] > "2024-01-01T00:00:00.100")
    frozen = await ask(client, "POST", "clock", {"freeze": True})
    await anyio.sleep(0.12)
    assert frozen["frozen"] is True
    assert (await ask(client, "GET", "clock"))["now"] == frozen["now"]


async def test_what_is_due_while_the_clock_flows_is_worked(engine, client):
    link = after("a", wait="100ms")
    function = Function("soon", on_event("soon"), steps=[Step("a", lambda: 1), Step("b", lambda: 2, after=link)])
    await anyio.to_thread.run_sync(lambda: engine.register(function)) if isinstance(engine, Engine) else (
        await engine.register(function)
    )
    await ask(client, "POST", "clock", {"freeze": False})
    sent = await ask(client, "POST", "events", {"name": "soon"})
    run = await until(client, f"runs/{sent['runs'][0]['id']}", lambda run: run["status"] == "COMPLETED")
    began, ended = run["steps"][0]["ended_at"], run["steps"][1]["started_at"]
    assert (began[:19], ended[:19]) == ("2024-01-01T00:00:00", "2024-01-01T00:00:00")
    assert ended != began


async def test_a_queue_that_is_held_is_worked_when_drained_or_released(client):
    """Events still start runs; drained, only what is due now is worked."""
    assert (await ask(client, "POST", "queue", {"action": "hold"}))["held"] is True
    sent = await ask(client, "POST", "events", {"name": "signed.up"})
    assert sent["runs"][0]["status"] == "QUEUED"
    queue = await ask(client, "GET", "queue")
    assert [(item["step"], item["due_at"]) for item in queue["pending"]] == [("$trigger", "2024-01-01T00:00:00Z")]
    await ask(client, "POST", "clock", {"advance": "1d"})
    drained = await ask(client, "POST", "queue", {"action": "drain"})
    assert [(item["step"], item["due_at"]) for item in drained["pending"]] == [("welcome", "2024-01-05T00:00:00Z")]
    assert drained["held"] is True
    await ask(client, "POST", "clock", {"advance": "4d"})
    assert len((await ask(client, "GET", "queue"))["pending"]) == 1
    assert (await ask(client, "POST", "queue", {"action": "release"}))["pending"] == []
    assert (await ask(client, "GET", "clock"))["open_runs"] == 0


async def test_a_held_queue_is_not_run_to_idle(client):
    await ask(client, "POST", "queue", {"action": "hold"})
    answer = await ask(client, "POST", "clock", {"run_to_idle": True}, status=409)
    assert "the queue is held, so nothing is worked; release it first" in answer["error"]


async def test_an_unknown_order_names_those_there_are(client):
    answer = await ask(client, "POST", "queue", {"action": "stop"}, status=400)
    assert answer["error"] == "action: expected 'hold', 'release' or 'drain', found \"stop\""


async def test_reset_begins_again(client):
    """Runs, events, mocks and time are gone, what was held is released, and the same sends get the same ids."""

    async def sends():
        taken = (await client.post("/e/key", json={"name": "signed.up", "data": {}})).json()
        await settled(client)
        sent = await ask(client, "POST", "events", {"name": "signed.up"})
        return taken["ids"], sent["ids"], [run["id"] for run in (await ask(client, "GET", "runs"))["runs"]]

    first = await sends()
    await ask(client, "POST", "mocks", {"function": "drip", "step": "welcome", "returns": 1}, status=201)
    await ask(client, "POST", "clock", {"advance": "1d"})
    await ask(client, "POST", "queue", {"action": "hold"})
    clock = await ask(client, "POST", "reset")
    assert (clock["now"], clock["held"], clock["open_runs"]) == ("2024-01-01T00:00:00Z", False, 0)
    assert (await ask(client, "GET", "mocks"))["mocks"] == []
    assert await sends() == first


async def test_reset_takes_no_fields(client):
    answer = await ask(client, "POST", "reset", {"runs": True}, status=400)
    assert answer["error"] == "there is no field 'runs'"


async def test_events_say_why_they_started_nothing(client):
    sent = await ask(client, "POST", "events", [{"name": "signed.in"}])
    assert (len(sent["ids"]), sent["runs"]) == (1, [])
    assert sent["why_nothing"].endswith("registered triggers: 'signed.up'; did you mean 'signed.up'?")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"nme": "a"}, "the field 'name' is missing; there is no field 'nme'"),
        ([{"name": "a"}, {"name": 1}], "1.name: expected a valid string, found 1"),
        ([{"name": "a"}, {"name": ""}], "event 1 of 2: "),
        ("a", 'the body: expected an object, found "a"'),
        ({"name": "a", "data": []}, "data: expected an object, found []"),
    ],
    ids=str,
)
async def test_events_that_cannot_be_are_refused(client, body, error):
    answer = await ask(client, "POST", "events", body, status=400)
    assert error in answer["error"]
    assert (await ask(client, "GET", "clock"))["open_runs"] == 0


async def test_a_loop_without_end_is_told_and_the_server_works_on(engine, client):
    def again(send):
        send("loop")

    function = Function("loop", on_event("loop"), steps=[Step("s", again)])
    await (
        anyio.to_thread.run_sync(lambda: engine.register(function))
        if isinstance(engine, Engine)
        else engine.register(function)
    )
    engine._core._lockstep.max_steps = 50
    answer = await ask(client, "POST", "events", {"name": "loop"}, status=409)
    assert "50" in answer["error"]
    await ask(client, "POST", "reset")
    assert len((await ask(client, "POST", "events", {"name": "signed.up"}))["runs"]) == 1


async def test_moving_the_machines_clock_is_refused_and_waiting_is_not():
    async with AsyncEngine(clock=WallClock()) as engine, client_of(engine) as client:
        link = after("a", wait="20ms")
        await engine.register(
            Function("soon", on_event("soon"), steps=[Step("a", lambda: 1), Step("b", lambda: 2, after=link)]),
            Function("later", on_cron("0 0 1 1 *"), steps=[Step("a", lambda: 1)]),
        )
        clock = await ask(client, "GET", "clock")
        assert (clock["virtual"], clock["frozen"], clock["idle"]) == (False, False, True)
        for move in ({"advance": 1}, {"to": "2999-01-01T00:00:00Z"}, {"freeze": True}, {"freeze": False}):
            answer = await ask(client, "POST", "clock", move, status=409)
            assert "is for a virtual clock" in answer["error"]
        await ask(client, "POST", "events", {"name": "soon"})
        assert (await ask(client, "POST", "clock", {"run_to_idle": True}))["open_runs"] == 0


async def test_in_real_time_the_queue_is_held_drained_and_released():
    async with AsyncEngine(clock=WallClock()) as engine, client_of(engine) as client:
        await engine.register(Function("quick", on_event("quick"), steps=[Step("a", lambda: 1)]))
        await ask(client, "POST", "queue", {"action": "hold"})
        await ask(client, "POST", "events", {"name": "quick"})
        await anyio.wait_all_tasks_blocked()
        assert len((await ask(client, "GET", "queue"))["pending"]) == 1
        drained = await ask(client, "POST", "queue", {"action": "drain"})
        assert (drained["held"], drained["pending"]) == (True, [])
        await ask(client, "POST", "events", {"name": "quick"})
        await ask(client, "POST", "queue", {"action": "release"})
        assert (await ask(client, "POST", "clock", {"run_to_idle": True}))["open_runs"] == 0
