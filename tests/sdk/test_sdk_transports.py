"""What all transports do, over apps of each framework in this process."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace

import anyio
import inngest
import pytest
import respx

from inngest_testkit.drivers.base import direct
from inngest_testkit.errors import MissingExtraError
from inngest_testkit.sdk.protocol import Header, hash_step
from inngest_testkit.sdk.signatures import verify
from inngest_testkit.sdk.transports.detect import transport_for

from .served import (
    KEY,
    PATH,
    async_functions,
    call_request,
    check_charged,
    dev_client,
    fastapi_app,
    flask_app,
    production_client,
    served,
    sync_functions,
)

FRAMEWORKS = ["fastapi", "flask", "django-asgi", "django-wsgi"]
ASGI = ["fastapi", "django-asgi"]


@pytest.fixture(params=FRAMEWORKS)
def framework(request):
    return request.param


async def exchange(app, bridge, request):
    """Make one call over a transport of its own."""
    transport = transport_for(app, PATH, bridge)
    try:
        return await transport.call(request)
    finally:
        await transport.close()


def test_a_call_of_a_sync_function(play, framework):
    """It runs the step and answers with its operation, whatever drives it."""
    client = dev_client()
    with served(framework, client, sync_functions(client)) as app:
        check_charged(play(lambda bridge: exchange(app, bridge, call_request())))


@pytest.mark.parametrize("framework", ASGI)
def test_a_call_of_an_async_function(play, framework):
    client = dev_client()
    with served(framework, client, async_functions(client)) as app:
        check_charged(play(lambda bridge: exchange(app, bridge, call_request())))


@pytest.mark.parametrize("framework", ["flask", "django-wsgi"])
def test_an_async_function_behind_wsgi_runs_under_the_sync_engine(play_sync, framework):
    """Nothing is handed out, so there is no loop that would keep the framework from making one."""
    client = dev_client()
    with served(framework, client, async_functions(client)) as app:
        check_charged(play_sync(lambda bridge: exchange(app, bridge, call_request())))


@pytest.mark.parametrize("framework", ["flask", "django-wsgi"])
def test_an_async_function_behind_wsgi_fails_where_a_loop_runs(framework):
    client = dev_client()
    with served(framework, client, async_functions(client)) as app:
        assert anyio.run(exchange, app, direct, call_request()).status == 500


@pytest.mark.parametrize("framework", ["flask", "django-wsgi"])
def test_a_sync_function_behind_wsgi_runs_in_the_callers_thread(play, framework):
    """So its thread-locals, and the transaction that a test has open, are the function's as well."""
    client, threads = dev_client(), []

    @client.create_function(fn_id="one", trigger=inngest.TriggerEvent(event="go"))
    def one(ctx: inngest.ContextSync) -> None:
        ctx.step.run("note", lambda: threads.append(threading.get_ident()))

    with served(framework, client, [one]) as app:
        play(lambda bridge: exchange(app, bridge, call_request()))
    assert threads == [threading.get_ident()]


def test_a_targeted_call_and_a_memo(play_sync, framework):
    """The step's id and the body reach the SDK."""
    client = dev_client()
    request = call_request(step_id=hash_step("charge"))
    body = request.body.replace(b'"steps": {}', b'"steps": {"%s": {"data": "paid"}}' % hash_step("charge").encode())

    async def scenario(bridge):
        return await exchange(app, bridge, request), await exchange(app, bridge, replace(call_request(), body=body))

    with served(framework, client, sync_functions(client)) as app:
        targeted, discovery = play_sync(scenario)
    check_charged(targeted)
    assert (discovery.status, discovery.body) == (200, b'"paid"')


def test_an_unknown_function_is_the_sdks_answer(play_sync, framework):
    client = dev_client()
    with served(framework, client, sync_functions(client)) as app:
        response = play_sync(lambda bridge: exchange(app, bridge, call_request("shop-other")))
    assert response.status == 500
    assert b"function_not_found" in response.body
    assert Header.SDK in response.headers


def test_an_unknown_path_is_the_frameworks_answer(play_sync, framework):
    client = dev_client()

    async def scenario(bridge):
        transport = transport_for(app, "/elsewhere", bridge)
        response = await transport.call(call_request())
        await transport.close()
        return response

    with served(framework, client, sync_functions(client)) as app:
        response = play_sync(scenario)
    assert response.status == 404
    assert Header.SDK not in response.headers


def test_a_signed_call_passes_and_its_response_is_signed(play_sync, framework):
    client = production_client()
    with served(framework, client, sync_functions(client)) as app:
        response = play_sync(lambda bridge: exchange(app, bridge, call_request(signing_key=KEY)))
    check_charged(response)
    assert verify(response.body, KEY, response.headers[Header.SIGNATURE])


@pytest.mark.parametrize("key", ["signkey-test-ffff", None])
def test_a_call_signed_with_another_key_or_not_at_all_is_refused(play_sync, framework, key):
    client = production_client()
    with served(framework, client, sync_functions(client)) as app:
        response = play_sync(lambda bridge: exchange(app, bridge, call_request(signing_key=key)))
    assert response.status == 401
    assert b'"message"' in response.body  # what it says differs from version to version


def test_sync_makes_the_app_register_itself(play_sync, framework):
    client = dev_client()

    async def scenario(bridge):
        transport = transport_for(app, PATH, bridge)
        response = await transport.sync({Header.SERVER_KIND: "dev"})
        await transport.close()
        return response

    with respx.mock, served(framework, client, sync_functions(client)) as app:
        register = respx.post("http://127.0.0.1:8288/fn/register").respond(json={"ok": True})
        response = play_sync(scenario)
        registered = register.calls.last.request
    assert (response.status, response.body) == (200, b'{"ok": true}')
    assert b"http://testserver/api/inngest?fnId=shop-one&stepId=step" in registered.content


def test_a_whole_url_says_where_the_app_is(play_sync):
    seen = []

    def app(environ, start_response):
        seen.append((environ["wsgi.url_scheme"], environ["HTTP_HOST"], environ["PATH_INFO"], environ["QUERY_STRING"]))
        start_response("200 OK", [])
        return []

    transport = transport_for(app, "https://shop.example/hooks?fnId=old&team=a")
    play_sync(lambda _: transport.call(call_request()))
    assert seen == [("https", "shop.example", "/hooks", "fnId=shop-one&team=a&stepId=step")]


def test_a_redirect_is_followed_with_method_and_body(play_sync):
    """FastAPI redirects from a path with a slash too many."""
    client = dev_client()

    async def scenario(bridge):
        transport = transport_for(app, PATH + "/", bridge)
        response = await transport.call(call_request())
        await transport.close()
        return response

    with served("fastapi", client, sync_functions(client)) as app:
        check_charged(play_sync(scenario))


def test_an_app_that_redirects_for_ever_is_out_of_reach(play_sync):
    def app(environ, start_response):
        start_response("308 Permanent Redirect", [("location", "/api/inngest")])
        return []

    response = play_sync(lambda bridge: exchange(app, bridge, call_request()))
    assert response.unreachable == "Unable to reach SDK URL: Exceeded maximum allowed redirects."


def test_signed_calls_without_the_extra(play_sync, monkeypatch):
    monkeypatch.setitem(sys.modules, "jcs", None)
    client = dev_client()
    app = flask_app(client, sync_functions(client))
    with pytest.raises(MissingExtraError):
        play_sync(lambda bridge: exchange(app, bridge, call_request(signing_key=KEY)))


def test_a_streamed_answer_is_unwrapped(play):
    """FastAPI's streaming option: the response is the one that it would be without."""
    client = dev_client()
    app = fastapi_app(client, async_functions(client), streaming=inngest.Streaming.FORCE)
    check_charged(play(lambda bridge: exchange(app, bridge, call_request())))
