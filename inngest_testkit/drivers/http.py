"""Run a step as a POST to its URL.

Source: recordings/dag README, "HTTP steps"; that a status outside 2xx is an error is the first of the
deliberate differences in the project's README.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from inngest_testkit.drivers.base import Bridge, StepRequest, StepResponse, direct
from inngest_testkit.errors import NotJsonError
from inngest_testkit.functions.model import HttpRuntime
from inngest_testkit.runs.model import ErrorInfo
from inngest_testkit.values import Json, JsonValue, encode

if TYPE_CHECKING:
    import ssl

    import httpx

__all__ = ["ANSWER_LIMIT", "TIMEOUT_S", "HttpDriver"]

#: Bytes of an answer that are read.
ANSWER_LIMIT = 1 << 20
#: Seconds (of real time) without an answer before an attempt has failed.
TIMEOUT_S = 900.0
_REDIRECTS = 10
_ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


class HttpDriver:
    """Posts `{"ctx", "event", "steps"}`, for a batch with its `events`, and stores `{"status", "body"}`.

    5xx answers and transport errors are retried, other statuses outside 2xx are final. `client` is an
    `httpx.AsyncClient` of your own (to set a proxy, or to answer in process through a transport).
    """

    runtime = "http"

    def __init__(self, client: httpx.AsyncClient | None = None, *, bridge: Bridge[Any] = direct) -> None:
        self._client = client
        self._own = client is None
        self._bridge = bridge

    @property
    def never_suspends(self) -> bool:
        """Whether the driver hands out by itself what needs an event loop."""
        return self._bridge is not direct

    async def execute(self, request: StepRequest) -> StepResponse:
        """See `Driver.execute`."""
        return await self._bridge(self._post(request))  # type: ignore[no-any-return]

    async def _post(self, request: StepRequest) -> StepResponse:
        import httpx

        runtime = request.runtime
        assert isinstance(runtime, HttpRuntime)  # noqa: S101 - the registry of drivers goes by runtime
        if self._client is None:
            self._client = httpx.AsyncClient(
                verify=_tls(), timeout=TIMEOUT_S, follow_redirects=True, max_redirects=_REDIRECTS
            )
        try:
            async with self._client.stream(
                "POST", runtime.url, content=_body(request), headers={"Content-Type": "application/json"}
            ) as answer:
                text = await _read(answer)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            return StepResponse(error=ErrorInfo(type(error).__name__, f'Post "{runtime.url}": {error}'))
        return _response(answer.status_code, text)

    async def close(self) -> None:
        """Close the connections, unless the client was given."""
        if self._own and self._client is not None:
            client, self._client = self._client, None
            await self._bridge(client.aclose())


def _body(request: StepRequest) -> bytes:
    body: dict[str, JsonValue] = {
        "ctx": {"workflow_id": request.workflow_id},
        "event": request.event.value,
        "steps": {step: output.value for step, output in request.outputs.items()},
    }
    if request.batch:
        body["events"] = [event.value for event in (request.event, *request.batch)]
    # Keys sorted, no white space, and the characters that HTML minds escaped.
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.translate(_ESCAPES).encode()


@cache
def _tls() -> ssl.SSLContext:
    """One for all engines: it takes tens of milliseconds to make."""
    import httpx

    return httpx.create_ssl_context()


async def _read(answer: httpx.Response) -> bytes:
    chunks, size = [], 0
    async for chunk in answer.aiter_bytes():
        chunks.append(chunk)
        size += len(chunk)
        if size >= ANSWER_LIMIT:
            break
    return b"".join(chunks)[:ANSWER_LIMIT]


def _response(status: int, raw: bytes) -> StepResponse:
    if 200 <= status <= 299:
        return StepResponse(output=_output(status, raw))
    shown = raw[:200].decode(errors="replace")
    error = ErrorInfo("HTTPStatusError", f"the step answered {status}" + (f": {shown}" if shown else ""))
    return StepResponse(error=error, retryable=status >= 500)


def _output(status: int, raw: bytes) -> Json:
    """Only a JSON object (or null) is decoded; any other answer is kept as text."""
    try:
        body: JsonValue = from_json(raw, allow_inf_nan=False)
        if body is None or isinstance(body, dict):
            return encode({"status": status, "body": body})
    except (ValueError, NotJsonError):
        pass
    return encode({"status": status, "body": raw.decode(errors="replace")})
