"""Answers that an app has streamed: status 201, blanks that keep the connection open, then the real answer as JSON.

Source: the SDK's `CommResponse.create_streaming` (0.5.19) and the server's `httpdriver` (`do`, `ParseStream`).
"""

from __future__ import annotations

import json

from pydantic_core import from_json

from inngest_testkit.sdk.protocol import CallResponse

__all__ = ["unwrapped"]

_STREAMED = 201


def unwrapped(response: CallResponse) -> CallResponse:
    """Return the response itself, or, when it was streamed, the one that it carries.

    The server takes every 201 for streamed; one that it cannot read is to it like no answer.
    """
    if response.status != _STREAMED:
        return response
    try:
        return _read(response)
    except ValueError as error:
        return CallResponse(unreachable=f"error parsing stream: {error}")


def _read(response: CallResponse) -> CallResponse:
    carried = from_json(response.body, allow_inf_nan=False)
    if not isinstance(carried, dict):
        raise ValueError(f"the answer is no JSON object but {carried!r:.60}")  # noqa: TRY004 - as for no JSON at all
    status, headers, body = carried.get("status"), carried.get("headers") or {}, carried.get("body", "")
    if not isinstance(status, int) or not _are_texts(headers):
        raise ValueError("the answer needs a whole number as its status, and texts as its headers")
    text = body if isinstance(body, str) else json.dumps(body)
    return CallResponse(
        status, {**response.headers, **{name.lower(): value for name, value in headers.items()}}, text.encode()
    )


def _are_texts(headers: object) -> bool:
    return isinstance(headers, dict) and all(isinstance(value, str) for value in headers.values())
