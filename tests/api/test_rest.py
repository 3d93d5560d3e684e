"""REST: events and runs as they are, at once, for functions of both kinds."""

from __future__ import annotations

import asyncio

import anyio
import anyio.lowlevel
import inngest
import pytest

from inngest_testkit import AsyncEngine, Engine, Function, Step, on_cron, on_event
from inngest_testkit.api import ApiSettings

from .conftest import client_of
from .functions import app, failing, invoking, paying, sleeping, two_steps, waiting
from .reading import NOBODY, data_of, internal_ids


async def test_a_run_is_told_as_completed_at_once(engine, client):
    await engine.serve(*app(two=("go", {}, two_steps)))
    run = (await engine.send("go")).run
    told = await data_of(client, f"/v1/runs/{run.id}")
    assert told["status"] == "Completed"
    assert told["output"] == {"done": True}
    assert told["run_started_at"] == told["ended_at"] == "2024-01-01T00:00:00Z"
    assert (await internal_ids(client, "go")) == [told["event_id"]]


async def test_a_failed_run_tells_its_error(engine, client):
    await engine.serve(*app(bad=("go", {"retries": 0}, failing)))
    run = (await engine.send("go")).run
    told = await data_of(client, f"/v1/runs/{run.id}")
    assert (told["status"], told["output"]["name"], told["output"]["message"]) == ("Failed", "ValueError", "no")


async def test_whoever_reads_that_a_run_failed_has_seen_it(engine, client):
    await engine.serve(*app(bad=("go", {"retries": 0}, failing)))
    (run_id,) = [run.id for run in (await engine.send("go")).runs]
    assert engine._core.journal.unobserved_failures() == [run_id]
    await data_of(client, f"/v1/runs/{run_id}")
    assert engine._core.journal.unobserved_failures() == []


async def test_a_dag_run_has_the_output_of_its_last_step_when_it_is_over(engine, client):
    await engine.register(paying())
    run = (await engine.send("order")).run
    told = await data_of(client, f"/v1/runs/{run.id}")
    assert told["status"] == "Running"
    assert "output" not in told
    await engine.send("shipped")
    told = await data_of(client, f"/v1/runs/{run.id}")
    assert (told["status"], told["output"]) == ("Completed", "thanks")


async def test_a_failed_dag_run_tells_its_error(engine, client):
    def breaks():
        raise RuntimeError("broken")

    await engine.register(Function("dag", on_event("go"), steps=[Step("s", breaks)]))
    run = (await engine.send("go")).run
    await engine.run_until_complete(run)
    told = await data_of(client, f"/v1/runs/{run.id}")
    assert (told["status"], told["output"]["message"]) == ("Failed", "broken")


async def test_a_scheduled_run_tells_its_schedule(engine, client):
    await engine.register(Function("daily", on_cron("0 9 * * *"), steps=[Step("s", lambda: 1)]))
    await engine.advance("1d")
    (run,) = engine.runs()
    assert (await data_of(client, f"/v1/runs/{run.id}"))["cron"] == "0 9 * * *"


async def test_the_timer_of_an_app_has_the_runs_that_it_started(engine, client):
    await engine.serve(*invoking())
    await engine.send("go")
    (of_child,) = engine.runs(function="shop-child")
    (invoked,) = await internal_ids(client, "inngest/function.invoked")
    (told,) = await data_of(client, f"/v1/events/{invoked}/runs")
    assert (told["run_id"], told["event_id"]) == (of_child.id, invoked)


# -- jobs


async def test_jobs_are_what_is_queued_for_a_run(engine, client):
    await engine.serve(*app(nap=("go", {}, sleeping)))
    run = (await engine.send("go")).run
    (job,) = await data_of(client, f"/v1/runs/{run.id}/jobs")
    assert (job["kind"], job["at"], job["attempt"]) == ("sleep", "2024-01-01T00:01:00Z", 0)
    await engine.advance("1m")
    assert await data_of(client, f"/v1/runs/{run.id}/jobs") == []


# -- cancelling


async def test_a_run_is_cancelled_and_told_as_cancelled_at_once(engine, client):
    await engine.serve(*app(nap=("go", {}, sleeping)))
    run = (await engine.send("go")).run
    for _ in range(2):
        answer = await client.delete(f"/v1/runs/{run.id}")
        assert (answer.status_code, answer.content) == (200, b"")
    told = await data_of(client, f"/v1/runs/{run.id}")
    assert (told["status"], told["ended_at"]) == ("Cancelled", "2024-01-01T00:00:00Z")
    assert "output" not in told


async def test_an_app_may_cancel_in_the_middle_of_its_call(engine, client):
    async def cancels(ctx: inngest.Context) -> str:
        (other,) = engine.runs(function="shop-nap")
        assert (await client.delete(f"/v1/runs/{other.id}")).status_code == 200
        return "asked"

    await engine.serve(*app(nap=("go", {}, sleeping), cancels=("stop", {}, cancels)))
    nap = (await engine.send("go")).run
    run = (await engine.send("stop")).run
    assert run.output == "asked"
    with anyio.fail_after(5):
        while nap.status != "CANCELLED":
            await anyio.lowlevel.checkpoint()


# -- the state of a run under way


async def test_an_app_reads_memos_and_events_in_the_middle_of_its_call(engine, client):
    seen = {}

    async def reads(ctx: inngest.Context) -> str:
        await ctx.step.run("x", two)
        for what in ("actions", "batch"):
            answer = await client.get(f"/v0/runs/{ctx.run_id}/{what}")
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"
            seen[what] = answer.json()
        return "read"

    async def two() -> int:
        return 2

    await engine.serve(*app(reads=("go", {}, reads)))
    run = (await engine.send("go", {"n": 1})).run
    assert run.output == "read"
    assert list(seen["actions"].values()) == [{"data": 2}]
    sent = {"name": "go", "data": {"n": 1}, "id": run.events[0].id, "ts": 1704067200000}
    assert seen["batch"] == [sent]
    assert (await client.get(f"/v0/runs/{run.id}/actions")).status_code == 410


async def test_the_state_of_a_dag_run_has_the_outputs_of_its_steps(engine, client):
    await engine.register(paying())
    run = (await engine.send("order")).run
    assert (await client.get(f"/v0/runs/{run.id}/actions")).json() == {"charge": {"paid": True}}


async def test_the_state_is_for_whoever_has_the_signing_key(engine):
    settings = ApiSettings(signing_key="signkey-test-00")
    await engine.serve(*app(nap=("go", {}, sleeping)))
    run = (await engine.send("go")).run
    async with client_of(engine, settings) as client:
        assert (await client.get(f"/v0/runs/{run.id}/actions")).status_code == 401


# -- apps


async def test_functions_of_both_kinds_are_told_by_their_apps(engine, client):
    await engine.serve(*app(two=("go", {"retries": 2}, two_steps)))
    await engine.register(paying())
    (of_app,) = (await client.get("/v1/apps/shop/functions")).json()
    assert (of_app["id"], of_app["config"]["steps"][0]["retries"]) == ("shop-two", 2)
    (dag,) = (await client.get("/v1/apps/local/functions")).json()
    assert [step["id"] for step in dag["config"]["steps"]] == ["charge", "thank"]
    assert (await client.get("/v1/apps/nobody/functions")).json() == []


# -- what is not there, and nonsense


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/v1/events/nonsense", 400, "Invalid event ID: nonsense"),
        (f"/v1/events/{NOBODY}", 404, "Event not found"),
        (f"/v1/events/8{NOBODY[1:]}", 400, f"Invalid event ID: 8{NOBODY[1:]}"),
        ("/v1/events?cursor=x", 400, "Invalid cursor query parameter"),
        ("/v1/events?received_after=soon", 400, "Invalid received_after query parameter"),
        ("/v1/runs/nonsense", 400, "Invalid run ID: nonsense"),
        ("/v1/runs/nonsense/jobs", 400, "Invalid run ID: nonsense"),
        (f"/v1/runs/{NOBODY}", 500, f"Unable to load function run: {NOBODY}"),
        (f"/v1/runs/{NOBODY}/jobs", 500, f"Unable to load function run: {NOBODY}"),
    ],
)
async def test_errors_of_reads_stand_in_the_body_alone(path, status, error, client):
    answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.json() == {"error": error, "data": None, "status": status}


async def test_an_unknown_event_has_no_runs(client):
    assert await data_of(client, f"/v1/events/{NOBODY}/runs") == []


@pytest.mark.parametrize(("run_id", "status"), [(NOBODY, 404), ("nonsense", 400)])
async def test_a_run_that_is_not_there_cannot_be_cancelled(run_id, status, client):
    answer = await client.delete(f"/v1/runs/{run_id}")
    assert (answer.status_code, answer.json()["status"]) == (status, status)


async def test_a_dropped_run_is_not_there(engine):
    async with AsyncEngine(keep=1) as engine, client_of(engine) as client:
        await engine.register(Function("dag", on_event("go"), steps=[Step("s", lambda: 1)]))
        first, second = [(await engine.send("go")).run.id for _ in range(2)]
        assert (await client.get(f"/v1/runs/{first}")).json()["status"] == 500
        assert (await data_of(client, f"/v1/runs/{second}"))["status"] == "Completed"


# -- an engine in another thread


def test_an_engine_of_another_thread_is_read():
    async def read(engine, run_id):
        async with client_of(engine) as client:
            assert (await data_of(client, f"/v1/runs/{run_id}"))["status"] == "Running"
            assert (await client.get(f"/v0/runs/{run_id}/actions")).json() == {"charge": {"paid": True}}
            assert (await client.delete(f"/v1/runs/{run_id}")).status_code == 200

    with Engine() as engine:
        engine.register(paying())
        run = engine.send("order").run
        asyncio.run(read(engine, run.id))
        assert run.status == "CANCELLED"


async def test_a_wait_shows_in_the_jobs(engine, client):
    await engine.serve(*app(wait=("go", {}, waiting)))
    run = (await engine.send("go")).run
    (job,) = await data_of(client, f"/v1/runs/{run.id}/jobs")
    assert (job["kind"], job["at"]) == ("pause", "2024-01-01T01:00:00Z")
