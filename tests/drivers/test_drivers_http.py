"""HTTP steps: what is posted, what is stored, what is retried."""

from __future__ import annotations

import json

import httpx
import pytest
import respx

from inngest_testkit import AsyncEngine, Engine, Function, RunStatus, Step, StepStatus, http, on_event

URL = "http://steps.example/one"


def function(url=URL):
    return Function(
        "f", on_event("e"), steps=[Step("one", runtime=http(url)), Step("two", lambda steps: steps["one"], after="one")]
    )


@pytest.fixture
def steps():
    with respx.mock as router:
        yield router


@pytest.fixture
def engine():
    with Engine() as engine:
        engine.register(function())
        yield engine


def test_the_request_is_the_recorded_one(engine, steps):
    route = steps.post(URL).respond(json={"ok": True})
    engine.send("e", {"b": 1, "a": "<&>\u2028"}, id="e1", ts=5)
    request = route.calls.last.request
    assert request.headers["content-type"] == "application/json"
    assert request.content == (
        b'{"ctx":{"workflow_id":"%s"},"event":{"data":{"a":"\\u003c\\u0026\\u003e\\u2028","b":1},"id":"e1",'
        b'"name":"e","ts":5,"user":{}},"steps":{}}' % json.loads(request.content)["ctx"]["workflow_id"].encode()
    )


@pytest.mark.parametrize(
    ("content", "body"),
    [
        (b'{"a": [1]}', {"a": [1]}),
        (b"null", None),
        (b"[1, 2]", "[1, 2]"),
        (b"7", "7"),
        (b'"text"', '"text"'),
        (b"plain", "plain"),
        (b"", ""),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b'{"a": NaN}', '{"a": NaN}'),
        (b'{"a": 1' + b"0" * 400 + b"}", '{"a": 1' + "0" * 400 + "}"),
        (b'{"a":' * 170 + b"1" + b"}" * 170, '{"a":' * 170 + "1" + "}" * 170),
    ],
)
def test_only_a_json_object_is_decoded(engine, steps, content, body):
    steps.post(URL).respond(201, content=content)
    assert engine.send("e").run.output == {"status": 201, "body": body}


def test_an_answer_is_read_up_to_one_mib(engine, steps):
    steps.post(URL).respond(content=b'{"a": "' + b"x" * (1 << 20) + b'"}')
    assert len(engine.send("e").run.output["body"]) == 1 << 20


@pytest.mark.parametrize("status", [400, 404, 422, 304])
def test_a_status_that_another_try_will_not_change_is_final(engine, steps, status):
    route = steps.post(URL).respond(status)
    run = engine.send("e").run
    assert route.call_count == 1
    assert run.status is RunStatus.FAILED
    assert str(status) in run.error.message


@pytest.mark.parametrize(
    "failure",
    [
        httpx.Response(500),
        httpx.Response(503),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("closed"),
    ],
)
def test_an_outage_is_tried_three_times(engine, steps, failure):
    route = steps.post(URL).mock(side_effect=[failure] * 3)
    run = engine.send("e").run
    assert run.steps["one"].status is StepStatus.RETRYING
    engine.run_until_complete(run)
    assert route.call_count == 3
    assert run.status is RunStatus.FAILED


@pytest.mark.parametrize("url", ["http://", "gopher://x", "not a url", ""])
def test_a_url_that_cannot_be_used_fails_like_an_outage(url):
    with Engine() as engine:
        engine.register(function(url))
        run = engine.send("e").run
        engine.run_until_complete(run)
    assert len(run.steps["one"].attempts) == 3
    assert f'Post "{url}"' in run.error.message


async def test_http_steps_run_in_the_callers_loop():
    async with AsyncEngine() as engine:
        await engine.register(function())
        with respx.mock as router:
            router.post(URL).respond(json={"ok": True})
            sent = await engine.send("e")
    assert sent.run.status is RunStatus.COMPLETED
