"""Ask an AI's API in the place of the server's gateway.

Source: the adapters of the SDKs: what each `format` calls the key. With respx, or a mock of the step, nothing leaves
the process.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from inngest_testkit.drivers.base import Bridge, StepRequest, StepResponse, direct
from inngest_testkit.runs.model import ErrorInfo
from inngest_testkit.values import encode

if TYPE_CHECKING:
    import httpx

__all__ = ["Gateway"]

_TIMEOUT_S = 60.0


class Gateway:
    """Answers the steps that ask for AI inference, by an HTTP call of the step's own url, headers and body."""

    def __init__(self, bridge: Bridge[Any] = direct) -> None:
        self._bridge = bridge

    async def infer(self, request: StepRequest) -> StepResponse:
        """Make one attempt; the model's answer is the output, a status from 400 on is an error."""
        response: StepResponse = await self._bridge(_post(dict(request.opts)))
        return response


async def _post(opts: dict[str, Any]) -> StepResponse:
    import httpx

    url = str(opts.get("url") or "")
    headers, params = _authorised(opts)
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT_S) as client:
            response = await client.post(url, json=opts.get("body"), headers=headers, params=params)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return StepResponse(error=ErrorInfo(type(error).__name__, f"the AI gateway cannot reach {url!r}: {error}"))
    return _read(url, response)


def _authorised(opts: dict[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the headers and the query, with the key where the format has it."""
    given, key = opts.get("headers") or {}, str(opts.get("auth_key") or "")
    headers = {_written(str(name)): str(value) for name, value in given.items()}
    match opts.get("format"):
        case "anthropic":
            return {"X-Api-Key": key, **headers}, {}
        case "gemini":
            return headers, {"key": key}
    return {"Authorization": f"Bearer {key}", **headers}, {}


def _written(name: str) -> str:
    """Return a header's name as the server, whose language does so, writes it; some APIs in tests look at the case."""
    return "-".join(part.capitalize() for part in name.split("-"))


def _read(url: str, response: httpx.Response) -> StepResponse:
    try:
        answer: object = response.json()
    except ValueError:
        answer = response.text
    if response.status_code < HTTPStatus.BAD_REQUEST:
        return StepResponse(output=encode(answer, exact=True))
    text = f"the AI's API at {url!r} answered {response.status_code}: {response.text[:500]}"
    return StepResponse(error=ErrorInfo("AIGatewayError", text))
