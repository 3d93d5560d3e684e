"""Apps that register over HTTP: what is answered, and that their functions are called where they say."""

from __future__ import annotations

import copy
import hashlib
import importlib.metadata
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import respx

from inngest_testkit import RunStatus
from inngest_testkit.api import ApiSettings
from inngest_testkit.errors import SetupError

from .conftest import client_of

RECORDED = json.loads((Path(__file__).parent.parent / "recordings/data/sdk/register.json").read_text())
CASES = {
    action["case"]: (action["http"], reply["response"])
    for action, reply in zip(RECORDED["script"], RECORDED["http"], strict=True)
}
URL = "http://app.test/api/inngest"
#: Recorded refusals whose words are those of the server's own JSON library.
IN_WORDS_OF_ITS_OWN = {"not json": "unexpected EOF"}


def registration(*functions, app="shop", url=URL, **more):
    steps = {
        function["id"]: {
            "step": {
                "id": "step",
                "name": "step",
                "retries": {"attempts": 0},
                "runtime": {"type": "http", "url": f"{url}?fnId={function['id']}&stepId=step"},
            }
        }
        for function in functions
    }
    configs = [{"name": function["id"], "steps": steps[function["id"]], **function} for function in functions]
    return {"appName": app, "url": url, "sdk": "js:v4.0.0", "framework": "express", "functions": configs, **more}


GREET = {"id": "shop-greet", "triggers": [{"event": "greet"}]}
ASK = {"id": "shop-ask", "triggers": [{"event": "ask"}]}
SDK = {"x-inngest-sdk": "inngest-js:v4.0.0"}


def sleeping():
    """What an app answers that sleeps for a day; it has the machine's clock."""
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    return httpx.Response(206, json=[{"op": "Sleep", "id": "a" * 40, "displayName": "nap", "name": until}], headers=SDK)


@pytest.mark.filterwarnings("ignore::inngest_testkit.FlowControlWarning")
@pytest.mark.parametrize("case", CASES)
async def test_a_registration_is_answered_as_recorded(client, case):
    """Of one that is refused the answer has the reasons, too, which the server only logs."""
    request, recorded = copy.deepcopy(CASES[case])
    body = request["body"]
    text = body if isinstance(body, str) else json.dumps(body).replace("{app_url}", URL)
    answer = await client.request(request["method"], request["path"], content=text, headers=request["headers"])
    assert answer.status_code == recorded["status"]
    assert answer.headers["content-type"] == recorded["headers"]["content-type"]
    assert answer.headers["x-inngest-server-kind"] == "dev"
    replied, expected = answer.json(), recorded["body"]
    if recorded["status"] == 200:
        assert replied["ok"]
        assert replied["modified"]
        assert replied.keys() == expected.keys()
    elif case in IN_WORDS_OF_ITS_OWN:
        assert replied["error"].startswith("Invalid request: ")
    else:
        assert expected["error"].removeprefix("Invalid request: ") in replied["error"]


async def test_every_problem_of_every_function_is_told(client):
    body = registration({"id": "shop-a", "triggers": [{}]}, {"id": "shop-b", "triggers": [{"cron": "nonsense"}]})
    answer = (await client.post("/fn/register", json=body)).json()
    assert "shop-a" in answer["error"]
    assert "shop-b" in answer["error"]
    assert (await client.post("/fn/register", json=registration(GREET))).json()["ok"]


async def test_functions_are_called_where_they_say(client, engine):
    await client.post("/fn/register", json=registration(GREET, ASK))
    with respx.mock:
        called = respx.post(f"{URL}", params={"fnId": "shop-greet", "stepId": "step"}).respond(
            200, json="hello", headers=SDK
        )
        run = (await engine.send("greet", {"n": 1})).run
    assert run.output == "hello"
    assert called.call_count == 1
    assert json.loads(called.calls[0].request.content)["event"]["data"] == {"n": 1}


async def test_one_function_may_have_an_address_of_its_own(client, engine):
    body = registration(GREET, ASK)
    body["functions"][1]["steps"]["step"]["runtime"]["url"] = "http://other.test/x?env=blue&fnId=shop-ask&stepId=step"
    await client.post("/fn/register", json=body)
    with respx.mock:
        respx.post(f"{URL}?fnId=shop-greet&stepId=step").respond(200, json=1, headers=SDK)
        respx.post("http://other.test/x?env=blue&fnId=shop-ask&stepId=step").respond(200, json=2, headers=SDK)
        assert [(await engine.send(name)).run.output for name in ("greet", "ask")] == [1, 2]


async def test_the_same_registration_again_changes_nothing(client, engine):
    replies = [(await client.post("/fn/register", json=registration(GREET))).json() for _ in range(2)]
    assert [reply["modified"] for reply in replies] == [True, False]
    assert replies[0]["app_id"] == replies[1]["app_id"]
    assert len(await engine._core._data.function_history("shop-greet")) == 1


async def test_a_function_that_is_gone_is_started_no_more_and_its_runs_go_on(client, engine):
    """A run that sleeps is called at the address that its function had."""
    await client.post("/fn/register", json=registration(GREET, ASK))
    with respx.mock:
        route = respx.post(url__startswith=URL)
        route.side_effect = [
            sleeping(),
            httpx.Response(200, json="awake", headers=SDK),
        ]
        run = (await engine.send("greet")).run
        assert (await client.post("/fn/register", json=registration(ASK))).json()["modified"]
        assert not (await engine.send("greet")).runs
        await engine.advance("2d")
    assert run.status is RunStatus.COMPLETED
    assert run.output == "awake"


async def test_a_new_registration_counts_for_runs_under_way(client, engine):
    """They are called at the new address."""
    await client.post("/fn/register", json=registration(GREET))
    with respx.mock:
        respx.post(url__startswith=URL).mock(sleeping())
        respx.post(url__startswith="http://new.test/").respond(200, json="new", headers=SDK)
        run = (await engine.send("greet")).run
        await client.post("/fn/register", json=registration(GREET, url="http://new.test/api/inngest"))
        await engine.advance("2d")
    assert run.output == "new"


async def test_an_app_that_cannot_be_reached_is_called_again(client, engine):
    body = registration(GREET)
    body["functions"][0]["steps"]["step"]["retries"]["attempts"] = 1
    await client.post("/fn/register", json=body)
    with respx.mock:
        respx.post(url__startswith=URL).side_effect = [
            httpx.ConnectError("refused"),
            httpx.Response(200, json="at last", headers=SDK),
        ]
        run = (await engine.send("greet")).run
        await engine.run_until_complete(run)
    assert run.output == "at last"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "Invalid request"),
        (b"{", "Invalid request"),
        (b"[]", "expected an object with appName, url and functions, found list"),
        (b'{"appName": "a", "functions": 5}', "functions is a list of objects, found int"),
        (b'{"appName": "a", "functions": [5]}', "expected an object, found 5"),
        (b"[" * 100_000, "Invalid request"),
        (b"\xff", "Invalid request"),
    ],
)
async def test_what_is_no_registration_is_refused(client, engine, body, problem):
    answer = await client.post("/fn/register", content=body)
    assert answer.status_code == 400
    assert problem in answer.json()["error"]
    assert engine.functions == ()


KEY = "signkey-test-" + "ab" * 32
HASH = hashlib.sha256(bytes.fromhex("ab" * 32)).hexdigest()


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (f"Bearer {HASH}", 200),
        (f"Bearer signkey-test-{HASH}", 200),
        (f"Bearer {KEY}", 401),
        ("Bearer nonsense", 401),
        ("", 401),
        (None, 401),
    ],
)
async def test_with_a_signing_key_only_who_knows_it_may_register(engine, given, status):
    async with client_of(engine, ApiSettings(signing_key=KEY)) as client:
        headers = {} if given is None else {"authorization": given}
        answer = await client.post("/fn/register", json=registration(GREET), headers=headers)
    assert answer.status_code == status
    assert len(engine.functions) == (status == 200)


async def test_with_a_signing_key_calls_are_signed(engine):
    async with client_of(engine, ApiSettings(signing_key=KEY)) as client:
        headers = {"authorization": f"Bearer {HASH}"}
        await client.post("/fn/register", json=registration(GREET), headers=headers)
        with respx.mock:
            called = respx.post(url__startswith=URL).respond(200, json="hello", headers=SDK)
            await engine.send("greet")
    assert called.calls[0].request.headers["x-inngest-signature"].startswith("t=1704067200&s=")


def test_a_signing_key_is_hexadecimal():
    with pytest.raises(SetupError, match="signing_key is hexadecimal"):
        ApiSettings(signing_key="secret")


async def test_the_server_says_which_functions_it_has(client):
    """In the shape that was recorded, without versions and without options of another server."""
    await client.post("/fn/register", json=registration(GREET, ASK))
    answer = (await client.get("/dev")).json()
    [recorded] = [each["response"]["body"] for each in RECORDED["after"] if each["request"]["path"] == "/dev"]
    assert answer.keys() == recorded.keys()
    assert [function["slug"] for function in answer["functions"]] == ["shop-ask", "shop-greet"]
    assert answer["functions"][0].keys() | {"fv"} == recorded["functions"][0].keys()
    assert answer["functions"][0]["steps"][0]["uri"] == f"{URL}?fnId=shop-ask&stepId=step"
    assert answer["version"].startswith("dev-")


async def test_a_package_that_is_only_on_the_path_says_so(client, monkeypatch):
    """Its version cannot be told, and the server answers."""

    def not_found(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", not_found)
    assert (await client.get("/dev")).json()["version"] == "dev-testkit-(not installed)"
