"""Steps that ask an AI's API: mocked, or answered by respx in the place of the API."""

from __future__ import annotations

import httpx
import pytest
import respx
from inngest.experimental import ai
from inngest.experimental.ai import anthropic, deepseek, gemini, grok, openai

from inngest_testkit import RunStatus

from .apps import GO, shop

ADAPTERS = {
    "openai": (openai.Adapter, "https://api.openai.com/v1/chat/completions"),
    "anthropic": (anthropic.Adapter, "https://api.anthropic.com/v1/messages"),
    "deepseek": (deepseek.Adapter, "https://api.deepseek.com/v1/chat/completions"),
    "grok": (grok.Adapter, "https://api.x.ai/v1/chat/completions"),
    "gemini": (gemini.Adapter, "https://generativelanguage.googleapis.com/v1beta/models/model-1:generateContent"),
}


def asking(adapter: ai.BaseAdapter):
    def body(ctx):
        return (yield ctx.step.ai.infer("ask", adapter=adapter, body={"messages": [{"role": "user"}]}))

    return body


def engine_of(name="openai", **options):
    make, _ = ADAPTERS[name]
    return shop(asking(make(auth_key="key-1", model="model-1")), kind="async", **options)


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_mock_answers_for_the_model_and_sees_what_it_was_asked(name):
    engine = engine_of(name)
    mock = engine.mock("f", "ask", returns={"text": "hello"})
    assert engine.send(GO).run.output == {"text": "hello"}
    assert mock.calls[0].opts["body"]["messages"] == [{"role": "user"}]


@pytest.mark.parametrize("name", ADAPTERS)
@respx.mock(assert_all_mocked=True)
def test_the_api_is_asked_with_its_key_where_its_format_has_it(name, respx_mock):
    _, url = ADAPTERS[name]
    route = respx_mock.post(url__startswith=url).mock(return_value=httpx.Response(200, json={"id": 1}))
    run = engine_of(name).send(GO).run
    assert run.output == {"id": 1}
    request = route.calls.last.request
    found = (request.headers.get("authorization"), request.headers.get("x-api-key"), request.url.params.get("key"))
    expected = {"anthropic": (None, "key-1", None), "gemini": (None, None, "key-1")}
    assert found == expected.get(name, ("Bearer key-1", None, None))


@respx.mock
def test_an_error_of_the_api_is_retried(respx_mock):
    answers = [httpx.Response(529, text="overloaded"), httpx.ConnectError("no route"), httpx.Response(200, json=3)]
    respx_mock.post("https://api.openai.com/v1/chat/completions").mock(side_effect=answers)
    engine = engine_of()
    run = engine.send(GO).run
    engine.run_until_complete(run)
    assert run.output == 3
    first, second, _ = run.steps["ask"].attempts
    assert "answered 529: overloaded" in first.error.message
    assert "cannot reach 'https://api.openai.com/v1/chat/completions'" in second.error.message


@respx.mock
def test_an_api_that_fails_for_good_fails_the_run(respx_mock):
    respx_mock.post("https://api.openai.com/v1/chat/completions").mock(return_value=httpx.Response(401, text="who?"))
    run = engine_of(retries=0).send(GO).run
    assert run.status is RunStatus.FAILED
    assert "answered 401: who?" in run.error.message


@respx.mock
def test_takes_alone_asks_the_api_and_takes_time(respx_mock):
    respx_mock.post("https://api.openai.com/v1/chat/completions").mock(return_value=httpx.Response(200, json=3))
    engine = engine_of()
    engine.mock("f", "ask", takes="10s")
    run = engine.send(GO).run
    assert run.waiting[0].kind == "step"
    engine.advance("10s")
    assert run.output == 3
