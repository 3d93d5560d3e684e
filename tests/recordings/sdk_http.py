"""Plays the requests of a script on the HTTP face of the engine."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from inngest_testkit.api import make_app

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inngest_testkit import Engine

#: Headers of an answer that were recorded.
_RECORDED = ("x-inngest-server-kind", "content-type")


@dataclass(frozen=True)
class Answer:
    """What a request was answered with; `name` says which request it was."""

    name: str
    status: int
    headers: dict[str, str]
    body: Any


def answer_of(engine: Engine, request: Mapping[str, Any], write_out: Callable[[Any], Any]) -> Answer:
    """Send a request of a script to an engine's face, without a socket."""
    body = write_out(request["body"])
    content = body if body is None or isinstance(body, str) else json.dumps(body)

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(make_app(engine))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8288") as client:
            return await client.request(request["method"], request["path"], content=content, headers=request["headers"])

    response = asyncio.run(send())
    headers = {name: response.headers[name] for name in _RECORDED if name in response.headers}
    return Answer(_name(request), response.status_code, headers, _read(response.text))


def recorded_answer(played: Mapping[str, Any], request: Mapping[str, Any]) -> Answer:
    """Read what a request of a script was answered with when it was recorded."""
    response = played["response"]
    return Answer(_name(request), response["status"], response["headers"], response["body"])


def _name(request: Mapping[str, Any]) -> str:
    return f"{request['method']} {request['path']} {json.dumps(request['body'])[:100]}"


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
