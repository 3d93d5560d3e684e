"""`/testkit/runs`, `/testkit/mocks`, and who may ask."""

from __future__ import annotations

import httpx
import pytest

from inngest_testkit import Function, Step, after, on_event
from inngest_testkit.api import ApiSettings, make_app

from .conftest import client_of
from .controlled import ask, drip

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(engine):
    def decline():
        raise ValueError("no money")

    waits = [
        Step("a", lambda: 1),
        Step("b", lambda: 2, after=after("a", event="go", match="async.data.id == 1", ttl="7d")),
    ]
    await engine.register(
        drip(),
        Function("waits", on_event("waits"), steps=waits),
        Function("declines", on_event("pay"), steps=[Step("card", decline)]),
    )
    async with client_of(engine) as client:
        yield client


async def started(client, name):
    """The id of the run that an event starts."""
    return (await ask(client, "POST", "events", {"name": name, "data": {"n": 1}}))["runs"][0]["id"]


async def test_a_run_is_told_whole(engine, client):
    run_id = await started(client, "waits")
    run = await ask(client, "GET", f"runs/{run_id}")
    assert run["timeline"] == engine.run(run_id).timeline()
    assert run["history"] == [entry.to_dict() for entry in engine.run(run_id).history]
    assert run["steps"] == [
        {
            "id": "a",
            "status": "COMPLETED",
            "output": 1,
            "error": None,
            "attempts": [
                {
                    "number": 0,
                    "started_at": "2024-01-01T00:00:00Z",
                    "ended_at": "2024-01-01T00:00:00Z",
                    "error": None,
                    "retry_at": None,
                }
            ],
            "started_at": "2024-01-01T00:00:00Z",
            "ended_at": "2024-01-01T00:00:00Z",
        }
    ]
    assert run["waiting"] == [
        {
            "kind": "event",
            "step": "b",
            "until": "2024-01-08T00:00:00Z",
            "event": "go",
            "match": "async.data.id == 1",
            "on_timeout": False,
        }
    ]
    assert (run["status"], run["ended_at"], run["events"][0]["data"], run["held"]) == ("RUNNING", None, {"n": 1}, [])


async def test_a_failure_is_told_with_its_attempts_and_counts_as_seen(engine, client):
    run_id = await started(client, "pay")
    await ask(client, "POST", "clock", {"run_to_idle": True})
    assert engine.unobserved_failures != ()
    run = await ask(client, "GET", f"runs/{run_id}")
    assert (run["status"], run["error"]["name"], run["error"]["message"]) == ("FAILED", "ValueError", "no money")
    assert [attempt["retry_at"] is None for attempt in run["steps"][0]["attempts"]] == [False, False, True]
    assert engine.unobserved_failures == ()


async def test_runs_are_listed_by_function_and_status(client):
    first, second = await started(client, "waits"), await started(client, "signed.up")
    await ask(client, "POST", "clock", {"run_to_idle": True})

    async def ids(query):
        return [run["id"] for run in (await ask(client, "GET", f"runs?{query}"))["runs"]]

    assert await ids("") == [first, second]
    assert await ids("function=drip") == [second]
    assert await ids("status=running") == [first]
    assert await ids("function=drip&status=RUNNING") == []


@pytest.mark.parametrize(
    ("query", "status", "error"),
    [
        (
            "function=dripp",
            404,
            "there is no function 'dripp'; known functions: 'declines', 'drip', 'waits'; did you mean",
        ),
        ("status=done", 404, "there is no status 'DONE'"),
        ("state=running", 400, "there is no parameter 'state'; known: 'function', 'status'"),
        ("status=failed&status=running", 400, "the parameter 'status' is given twice"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(client, query, status, error):
    assert error in (await ask(client, "GET", f"runs?{query}", status=status))["error"]


async def test_a_run_is_cancelled_once(client):
    run_id = await started(client, "waits")
    first = await ask(client, "POST", f"runs/{run_id}/cancel")
    assert (first["cancelled"], first["run"]["status"]) == (True, "CANCELLED")
    assert (await ask(client, "POST", f"runs/{run_id}/cancel"))["cancelled"] is False


@pytest.mark.parametrize(("method", "path"), [("GET", "runs/nope"), ("POST", "runs/nope/cancel")])
async def test_an_unknown_run_is_not_found(client, method, path):
    answer = await ask(client, method, path, status=404)
    assert answer == {"error": "there is no run 'nope': this engine does not have it", "status": 404}


async def test_a_mock_returns_and_tells_its_calls(client):
    await ask(client, "POST", "mocks", {"function": "drip", "step": "charge", "returns": None}, status=201)
    run_id = await started(client, "signed.up")
    run = await ask(client, "GET", f"runs/{run_id}")
    assert (run["steps"][0]["status"], run["steps"][0]["output"]) == ("COMPLETED", None)
    (mock,) = (await ask(client, "GET", "mocks"))["mocks"]
    (call,) = mock["calls"]
    assert (mock["call_count"], call["run_id"], call["event"]["data"], call["steps"]) == (1, run_id, {"n": 1}, {})


async def test_a_mock_fails_as_often_as_it_is_told(client):
    """Under the error's name; the next attempt runs the step's own code."""
    error = {"name": "CardDeclined", "message": "no"}
    await ask(client, "POST", "mocks", {"function": "drip", "step": "charge", "error": error, "times": 1}, status=201)
    run_id = await started(client, "signed.up")
    retrying = (await ask(client, "GET", f"runs/{run_id}"))["steps"][0]
    assert (retrying["status"], retrying["error"]["name"], retrying["error"]["message"]) == (
        "RETRYING",
        "CardDeclined",
        "no",
    )
    await ask(client, "POST", "clock", {"run_to_idle": True})
    assert (await ask(client, "GET", f"runs/{run_id}"))["steps"][0]["output"] == {"ok": True}


async def test_an_error_that_is_not_retryable_ends_the_run(client):
    body = {"function": "drip", "step": "charge", "error": {"message": "never", "retryable": False}}
    await ask(client, "POST", "mocks", body, status=201)
    run = await ask(client, "GET", f"runs/{await started(client, 'signed.up')}")
    assert (run["status"], len(run["steps"][0]["attempts"])) == ("FAILED", 1)


async def test_a_mock_takes_virtual_time(client):
    await ask(client, "POST", "mocks", {"function": "drip", "step": "charge", "takes": "5m"}, status=201)
    run = await ask(client, "GET", f"runs/{await started(client, 'signed.up')}")
    assert run["waiting"][0]["until"] == "2024-01-01T00:05:00Z"
    await ask(client, "POST", "clock", {"advance": "5m"})
    run = await ask(client, "GET", f"runs/{run['id']}")
    assert run["steps"][0]["output"] == {"ok": True}


async def test_mocks_are_taken_away(client):
    for step in ("charge", "welcome"):
        await ask(client, "POST", "mocks", {"function": "drip", "step": step, "returns": 0}, status=201)
    assert (await ask(client, "DELETE", "mocks?function=drip&step=charge")) == {"removed": 1}
    assert [mock["step"] for mock in (await ask(client, "GET", "mocks"))["mocks"]] == ["welcome"]
    assert (await ask(client, "DELETE", "mocks")) == {"removed": 1}
    run = await ask(client, "GET", f"runs/{await started(client, 'signed.up')}")
    assert run["steps"][0]["output"] == {"ok": True}


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"function": "drip", "step": "charge"}, 400, "say what the mock does: returns, error, or takes"),
        ({"function": "drip", "step": "charge", "returns": 1, "error": {}}, 400, "give one of returns and error"),
        ({"function": "drip", "step": "chrge", "returns": 1}, 404, "did you mean 'charge'?"),
        ({"function": "dripp", "step": "charge", "returns": 1}, 404, "did you mean 'drip'?"),
        ({"function": "drip", "step": "charge", "takes": "long"}, 400, "'long' is not a duration"),
        ({"function": "drip", "step": "charge", "takes": "-1s"}, 400, "takes cannot be negative"),
        (
            {"function": "drip", "step": "charge", "returns": 1, "times": 0},
            400,
            "times: expected greater than or equal",
        ),
        ({"step": "charge", "returns": 1}, 400, "the field 'function' is missing"),
        ({"function": "drip", "step": "charge", "error": {"name": "x y"}}, 400, "error.name: "),
        ({"function": "drip", "step": "charge", "error": {"nme": "x"}}, 400, "there is no field 'error.nme'"),
        ({"function": "drip", "step": "charge", "side_effect": "print(1)"}, 400, "there is no field 'side_effect'"),
    ],
    ids=str,
)
async def test_a_mock_that_cannot_be_is_refused(client, body, status, error):
    assert error in (await ask(client, "POST", "mocks", body, status=status))["error"]
    assert (await ask(client, "GET", "mocks"))["mocks"] == []


def from_address(engine, address, settings=None):
    """A client of the face that comes from this address."""
    app = make_app(engine, settings)
    transport = httpx.ASGITransport(app, client=(address, 5000))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8288")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
async def test_this_machine_may_control(engine, address):
    async with from_address(engine, address) as client:
        await ask(client, "GET", "clock")


@pytest.mark.parametrize("address", ["10.0.0.7", "::ffff:10.0.0.7", "2001:db8::1", "testclient"])
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "clock"), ("POST", "reset"), ("DELETE", "mocks"), ("GET", "runs")]
)
async def test_others_may_not_unless_told(engine, address, method, path):
    async with from_address(engine, address) as client:
        answer = await ask(client, method, path, status=403)
        assert f"the request came from {address}" in answer["error"]
        assert "ApiSettings(remote_control=True)" in answer["error"]
    async with from_address(engine, address, ApiSettings(remote_control=True)) as client:
        await ask(client, method, path)


async def test_a_page_of_another_site_may_not(client):
    """A browser sends simple requests across sites, with the name of the site."""
    answer = await client.post("/testkit/reset", headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    own = await client.post("/testkit/reset", headers={"origin": "http://127.0.0.1:8288"})
    assert own.status_code == 200


async def test_strict_servers_are_not_controlled_and_others_need_not_be(engine):
    async with client_of(engine, ApiSettings(strict=True)) as client:
        answer = await ask(client, "GET", "clock", status=403)
        assert "start it with strict=False" in answer["error"]
    async with client_of(engine, ApiSettings(control=False)) as client:
        assert (await client.get("/testkit/clock")).status_code == 404
