"""REST: cancellations of many runs, and signals."""

from __future__ import annotations

import asyncio
import json

import anyio
import anyio.lowlevel
import httpx
import inngest
import pytest

from inngest_testkit.api.host import host_of
from inngest_testkit.api.signals import PromisedSignals
from inngest_testkit.engine.serving import Registration
from inngest_testkit.values import encode

from .functions import app, sleeping
from .reading import data_of


async def test_many_runs_are_cancelled_at_once(engine, client):
    await engine.serve(*app(nap=("go", {}, sleeping), other=("go", {}, sleeping)))
    for user in ("ann", "bob"):
        await engine.send("go", {"user": user})
        await engine.advance("10s")
    asked = {
        "app_id": "shop",
        "function_id": "nap",
        "started_before": "2024-01-01T00:00:20Z",
        "if": "event.data.user == 'bob'",
    }
    answer = await client.post("/v1/cancellations", json=asked)
    assert answer.status_code == 200
    made = answer.json()["data"]
    assert (made["function_id"], made["kind"], made["cause"]) == ("shop-nap", "bulk_run", "API")
    (run,) = [run for run in engine.runs() if run.status == "CANCELLED"]
    assert (run.function_id, run.events[0].data) == ("shop-nap", {"user": "bob"})
    assert await data_of(client, "/v1/cancellations") == [made]
    assert (await client.delete(f"/v1/cancellations/{made['id']}")).json()["data"] == {"ok": True}
    assert await data_of(client, "/v1/cancellations") == []
    assert (await client.delete(f"/v1/cancellations/{made['id']}")).status_code == 404


async def test_a_cancellation_concerns_what_started_in_its_time(engine, client):
    await engine.serve(*app(nap=("go", {}, sleeping)))
    runs = []
    for _ in range(3):
        runs.append((await engine.send("go")).runs[-1])
        await engine.advance("10s")
    asked = {"app_id": "shop", "function_id": "shop-nap"}
    asked |= {"started_after": "2024-01-01T00:00:05Z", "started_before": "2024-01-01T00:00:15Z"}
    assert (await client.post("/v1/cancellations", json=asked)).status_code == 200
    naps = engine.runs(function="shop-nap")
    assert [run.status.value for run in naps] == ["RUNNING", "CANCELLED", "RUNNING"]


@pytest.mark.parametrize(
    ("asked", "status", "error"),
    [
        ({}, 400, "app_id is required\nfunction_id is required\nstarted_before is required"),
        ({"app_id": "a", "function_id": "b"}, 400, "started_before is required"),
        ({"started_before": "2030-01-01T00:00:00Z"}, 400, None),
        ([], 400, "Invalid cancellation request"),
        ({"app_id": 1}, 400, "Invalid cancellation request"),
        ({"started_before": "soon"}, 400, "Invalid cancellation request"),
        ({"app_id": "a", "function_id": "b", "started_before": "2024-01-01T00:00:00Z"}, 404, "function not found"),
    ],
)
async def test_a_cancellation_that_makes_no_sense_is_refused(asked, status, error, client):
    answer = await client.post("/v1/cancellations", json=asked)
    assert answer.status_code == status
    if error is None:
        assert answer.json()["error"].endswith("started_before must be in the past")
    else:
        assert answer.json() == {"error": error, "data": None, "status": status}


async def test_a_cancellations_condition_must_compile(engine, client):
    await engine.serve(*app(nap=("go", {}, sleeping)))
    asked = {"app_id": "shop", "function_id": "nap", "started_before": "2024-01-01T00:00:00Z", "if": "event.data.x =="}
    answer = await client.post("/v1/cancellations", json=asked)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("invalid expression: ")


# -- signals


@pytest.fixture
def signalled(respx_mock):
    """An app elsewhere whose function waits for the signal that its event names."""
    url = "http://app.test/api/inngest"
    done = {}

    def answer(request):
        body = json.loads(request.content)
        headers = {"x-inngest-sdk": "js:v3", "x-inngest-req-version": "1", "content-type": "application/json"}
        if body["steps"]:
            (done[body["ctx"]["run_id"]],) = body["steps"].values()
            return httpx.Response(200, headers=headers, json="done")
        opts = {"signal": body["event"]["data"]["signal"], "timeout": "1h", **body["event"]["data"].get("opts", {})}
        step = {"op": "WaitForSignal", "id": "a" * 40, "displayName": "approval", "name": "approval", "opts": opts}
        return httpx.Response(206, headers=headers, json=[step])

    respx_mock.post(url__startswith=url).mock(side_effect=answer)
    step = {"id": "step", "name": "step", "runtime": {"type": "http", "url": f"{url}?fnId=far-fn&stepId=step"}}
    function = {"id": "far-fn", "name": "fn", "triggers": [{"event": "go"}], "steps": {"step": step}}
    return Registration("far", [function], url), done


async def test_a_run_goes_on_with_the_signal_that_it_waits_for(engine, client, signalled):
    registration, done = signalled
    await engine._core.sync(registration, None)
    run = (await engine.send("go", {"signal": "approve"})).run
    (wait,) = run.waiting
    assert (wait.kind, wait.event) == ("signal", "approve")
    await engine.send("signal/approve")
    assert run.status == "RUNNING"
    answer = await client.post("/v1/signals", json={"signal": "approve", "data": {"by": "ann"}})
    assert (answer.status_code, answer.json()["data"]) == (200, {"run_id": run.id})
    assert (run.status, done[run.id]) == ("COMPLETED", {"data": {"signal": "approve", "data": {"by": "ann"}}})
    assert (await client.post("/v1/signals", json={"signal": "approve"})).status_code == 404


async def test_of_two_signals_at_once_one_finds_nobody_waiting(engine, client, signalled):
    registration, done = signalled
    await engine._core.sync(registration, None)
    run = (await engine.send("go", {"signal": "approve"})).run
    answers = await asyncio.gather(
        *(client.post("/v1/signals", json={"signal": "approve", "data": n}) for n in range(2))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 404]
    (told,) = [n for n, answer in enumerate(answers) if answer.status_code == 200]
    assert done[run.id]["data"]["data"] == told


async def test_of_two_signals_in_the_middle_of_an_apps_call_one_is_taken(engine, client, signalled):
    async def signals_twice(ctx: inngest.Context) -> list[int]:
        answers = [await client.post("/v1/signals", json={"signal": "approve", "data": n}) for n in range(2)]
        return [answer.status_code for answer in answers]

    registration, done = signalled
    await engine._core.sync(registration, None)
    await engine.serve(*app(asks=("ask", {}, signals_twice)))
    run = (await engine.send("go", {"signal": "approve"})).run
    assert (await engine.send("ask")).run.output == [200, 404]
    with anyio.fail_after(5):
        while not run.is_over:
            await anyio.lowlevel.checkpoint()
    assert done[run.id]["data"]["data"] == 0


async def test_what_was_promised_to_a_run_is_forgotten_when_the_engine_begins_again(engine, signalled, monkeypatch):
    registration, _ = signalled
    await engine._core.sync(registration, None)
    host = host_of(engine)
    signals = PromisedSignals(host)

    async def later(_):
        """As when the engine is at work, and begins again before it comes to this."""

    monkeypatch.setattr(host, "do", later)
    run = (await engine.send("go", {"signal": "approve"})).run
    assert [await signals.send("approve", encode(1)) for _ in range(2)] == [run.id, None]
    await engine.reset()
    again = (await engine.send("go", {"signal": "approve"})).run
    assert again.id == run.id
    assert await signals.send("approve", encode(1)) == again.id


async def test_a_wait_for_a_signal_times_out(engine, client, signalled):
    registration, done = signalled
    await engine._core.sync(registration, None)
    run = (await engine.send("go", {"signal": "approve"})).run
    await engine.advance("1h")
    assert (run.status, done[run.id]) == ("COMPLETED", None)


async def test_two_runs_do_not_wait_for_one_signal(engine, signalled):
    registration, _ = signalled
    await engine._core.sync(registration, None)
    first = (await engine.send("go", {"signal": "approve"})).run
    second = (await engine.send("go", {"signal": "approve"})).run
    assert (first.status, second.status) == ("RUNNING", "FAILED")
    assert "Signal conflict; signal wait already exists for another run" in str(second.error)


async def test_a_wait_may_take_the_place_of_another(engine, client, signalled):
    registration, done = signalled
    await engine._core.sync(registration, None)
    first = (await engine.send("go", {"signal": "approve"})).run
    second = (await engine.send("go", {"signal": "approve", "opts": {"conflict": "replace"}})).run
    answer = await client.post("/v1/signals", json={"signal": "approve", "data": 1})
    assert answer.json()["data"] == {"run_id": second.id}
    assert (await client.post("/v1/signals", json={"signal": "approve"})).status_code == 404
    await engine.advance("1h")
    assert (first.status, done[first.id]) == ("COMPLETED", None)


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ('"x"', 400, "Invalid signal data"),
        ("x", 400, "Invalid signal data"),
        ('{"signal": 1}', 400, "Invalid signal data"),
        ("{}", 400, "Invalid signal data: the signal needs a name"),
        ('{"signal": "nobody"}', 404, "No signal found"),
    ],
)
async def test_a_signal_that_nobody_waits_for(body, status, error, client):
    answer = await client.post("/v1/signals", content=body)
    assert (answer.status_code, answer.json()) == (status, {"error": error, "data": None, "status": status})
