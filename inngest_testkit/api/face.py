"""What the routes share: the engine behind them, the settings, and how requests are read and answered."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
from starlette.responses import Response

from inngest_testkit.sdk.signatures import is_hash_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

    from inngest_testkit.api.host import Host
    from inngest_testkit.api.settings import ApiSettings

__all__ = ["SERVER_KIND", "BodyError", "Face", "json_reply"]

#: What the server says of itself. Source: recordings/sdk `rest_reads`, the replies' headers.
SERVER_KIND = "dev"

#: More digits than any length has.
_DIGITS = 18
_TEXT, _JSON = "text/plain; charset=utf-8", "application/json"


class BodyError(Exception):
    """A request whose body is too large, or does not arrive; `status` is what it is answered with."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


@dataclass(frozen=True, slots=True)
class Face:
    """An engine's HTTP face."""

    host: Host
    settings: ApiSettings
    #: Called when the server is about to stop, before it waits for its connections: what streams has to end.
    at_stop: list[Callable[[], None]] = field(default_factory=list)

    def stop(self) -> None:
        """End what would keep a connection open for ever."""
        for call in self.at_stop:
            call()

    def knows_signing_key(self, request: Request) -> bool:
        """Whether whoever asks has the app's signing key, whose hash goes with the request; anyone may without one."""
        key = self.settings.signing_key
        if key is None:
            return True
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        return is_hash_of(given, key)

    async def body(self, request: Request, most: int | None = None) -> bytes:
        """Return a request's body; raises `BodyError` for one over `most` bytes (the settings'), or too slow.

        A declared length is looked at before anything is read.
        """
        limit = self.settings.max_body if most is None else most
        too_large = BodyError(413, f"The request is larger than {limit} bytes; send less at a time")
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and (len(declared) > _DIGITS or int(declared) > limit):
            raise too_large
        parts, size = [], 0
        with anyio.move_on_after(self.settings.body_timeout_s):
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise too_large
                parts.append(part)
            return b"".join(parts)
        raise BodyError(408, f"The request's body did not arrive within {self.settings.body_timeout_s:g} s")


def json_reply(
    value: Any,  # noqa: ANN401 - any JSON value
    status: int = 200,
    *,
    plain: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a JSON answer; `plain` is for routes of which the server leaves the type to be guessed, as text."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass") + b"\n"
    return Response(body, status, {"x-inngest-server-kind": SERVER_KIND, **(headers or {})}, _TEXT if plain else _JSON)
