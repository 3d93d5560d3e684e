"""Apps that listen somewhere."""

from __future__ import annotations

import re
import socket

import anyio
import httpx
import pytest
import respx

from inngest_testkit.drivers.base import direct
from inngest_testkit.errors import SetupError
from inngest_testkit.sdk.protocol import Header
from inngest_testkit.sdk.transports.http import HttpTransport
from tests.servers import listening

from .served import (
    KEY,
    PATH,
    async_functions,
    call_request,
    check_charged,
    dev_client,
    flask_app,
    production_client,
    sync_functions,
)

URL = "http://app.example/api/inngest"


def one_call(url, request=None, **options):
    async def scenario(bridge):
        transport = HttpTransport(url, bridge=bridge, **options)
        try:
            return await transport.call(request or call_request())
        finally:
            await transport.close()

    return scenario


@pytest.mark.parametrize("functions", [sync_functions, async_functions])
def test_a_call_over_a_socket(play, functions):
    client = dev_client()
    with listening(flask_app(client, functions(client))) as origin:
        check_charged(play(one_call(origin + PATH)))


def test_a_signed_call_over_a_socket(play_sync):
    client = production_client()
    with listening(flask_app(client, sync_functions(client))) as origin:
        check_charged(play_sync(one_call(origin + PATH, call_request(signing_key=KEY))))
        assert play_sync(one_call(origin + PATH)).status == 401


def test_a_closed_port_is_out_of_reach(play):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        response = play(one_call(f"http://127.0.0.1:{taken.getsockname()[1]}{PATH}"))
    assert response.unreachable == "Unable to reach SDK URL: All connection attempts failed"
    assert (response.status, response.body) == (0, b"")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (httpx.ReadTimeout(""), "ReadTimeout"),
        (httpx.RemoteProtocolError("Server disconnected"), "Server disconnected"),
    ],
)
def test_no_answer_is_out_of_reach(play_sync, error, reason):
    with respx.mock:
        respx.post(URL).mock(side_effect=error)
        assert play_sync(one_call(URL)).unreachable == f"Unable to reach SDK URL: {reason}"


def test_the_request_is_the_servers(play_sync):
    with respx.mock:
        route = respx.post(URL).respond()
        play_sync(one_call(URL, call_request("shop-a&b", step_id="abc")))
        request = route.calls.last.request
    assert dict(request.url.params) == {"fnId": "shop-a&b", "stepId": "abc"}
    assert request.content == call_request().body
    assert request.headers["user-agent"] == "Inngest"
    assert request.headers["connection"] == "close"
    assert Header.SIGNATURE not in request.headers


def test_sync_is_a_put_without_a_body(play_sync):
    async def scenario(bridge):
        transport = HttpTransport(URL, bridge=bridge)
        response = await transport.sync({Header.SERVER_KIND: "dev"})
        await transport.close()
        return response

    with respx.mock:
        route = respx.put(URL).respond(json={"ok": True})
        assert play_sync(scenario).body == b'{"ok":true}'
        request = route.calls.last.request
    assert (request.content, request.headers[Header.SERVER_KIND]) == (b"", "dev")


@pytest.mark.parametrize(("status", "method"), [(307, "POST"), (308, "POST"), (301, "GET"), (302, "GET"), (303, "GET")])
def test_redirects_are_followed_as_the_server_does(play_sync, status, method):
    with respx.mock:
        respx.post(URL).respond(status, headers={"location": "http://other.example/there"})
        route = respx.route(host="other.example").respond(200)
        play_sync(one_call(URL))
        request = route.calls.last.request
    assert request.method == method
    assert request.content == (call_request().body if method == "POST" else b"")


def test_header_names_of_the_answer_are_in_lower_case(play_sync):
    with respx.mock:
        respx.post(URL).respond(502, headers={"Retry-After": "7"})
        assert play_sync(one_call(URL)).headers[Header.RETRY_AFTER] == "7"


def test_a_client_of_ones_own_is_used_and_left_open():
    async def main():
        answer = httpx.MockTransport(lambda request: httpx.Response(200, text=request.headers["x-team"]))
        async with httpx.AsyncClient(transport=answer, headers={"x-team": "a"}) as client:
            response = await one_call(URL, client=client)(direct)
            assert not client.is_closed
        return response

    assert anyio.run(main).body == b"a"


@pytest.mark.parametrize(
    "url", ["localhost:8000", "http://", "ftp://app.example/", "/api/inngest", "", "http://app:99999"]
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(SetupError, match="is not the URL of an app; write one such as"):
        HttpTransport(url)


@pytest.mark.parametrize(
    ("url", "reason"), [("http://[::1", "Invalid port: ':1'"), ("http://xn--a b.example/", "Invalid A-label")]
)
def test_what_cannot_be_read_as_an_address_is_refused(url, reason):
    with pytest.raises(SetupError, match=rf"^'{re.escape(url)}' is not a URL: {reason}$"):
        HttpTransport(url)
