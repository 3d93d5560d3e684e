"""Apps that are given by their address: asked to register, again and again, so that what changes in them is known.

Source: the server's `pkg/devserver` (polling) and the Python SDK's notes on syncing (in band, out of band).
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
import httpx

from inngest_testkit.api.sdk import registration_of, sync
from inngest_testkit.errors import InvalidFunctionsError, SetupError
from inngest_testkit.sdk.protocol import Header
from inngest_testkit.sdk.signatures import sign

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inngest_testkit.api.face import Face

__all__ = ["POLL_S", "Discovery", "keep_synced"]

#: Seconds between two looks at an app. Source: recordings/sdk `rest_reads`, `/dev` ("poll_interval").
POLL_S = 5.0
_TIMEOUT_S = 10.0
_SYNC_KIND = "x-inngest-sync-kind"
_OK = 400

_log = logging.getLogger("inngest_testkit")


@dataclass(slots=True)
class Discovery:
    """One app that is looked for; `problem` is why it is not registered, empty when it is."""

    url: str
    problem: str = "it was not asked yet"
    has_registered: bool = False


async def keep_synced(face: Face, urls: Sequence[str], *, poll_s: float | None = POLL_S) -> None:
    """Ask the apps at these addresses to register, and ask again every `poll_s` seconds, until cancelled.

    With None an app is asked until it has registered, and then no more. What changes is logged, once.
    """
    apps = [Discovery(url) for url in urls]
    async with httpx.AsyncClient(timeout=_TIMEOUT_S, follow_redirects=True) as client:
        while True:
            for app in apps:
                if poll_s is not None or app.problem:
                    await _look(face, client, app)
            if poll_s is None and not any(app.problem for app in apps):
                return
            await anyio.sleep(POLL_S if poll_s is None else poll_s)


async def _look(face: Face, client: httpx.AsyncClient, app: Discovery) -> None:
    problem = await _ask(face, client, app.url)
    if problem != app.problem:
        if problem and app.has_registered:
            _log.warning("the app at %s does not answer as it did, and its functions stay: %s", app.url, problem)
        elif problem:
            _log.warning("the app at %s is not registered: %s", app.url, problem)
        else:
            _log.info("the app at %s is registered", app.url)
            app.has_registered = True
    app.problem = problem


async def _ask(face: Face, client: httpx.AsyncClient, url: str) -> str:
    """Ask an app to register; returns why it did not."""
    key = face.settings.signing_key
    headers = {"user-agent": "Inngest", "content-type": "application/json"}
    headers[Header.SERVER_KIND] = face.settings.server_kind
    body = b""
    if key is not None:
        # Only who signs may ask an app for its functions; any other app registers by itself.
        body = json.dumps({"url": url}).encode()
        headers |= {_SYNC_KIND: "in_band", Header.SIGNATURE: sign(body, key, face.host.core.clock.now())}
    try:
        answer = await client.put(url, headers=headers, content=body)
        if answer.status_code >= _OK:
            return f"it answered {answer.status_code}: {' '.join(answer.text.split())[:200]}"
        if answer.headers.get(_SYNC_KIND) == "in_band":
            given = answer.json()
            await sync(face, registration_of({"appname": given.get("app_id"), **given}))
            return ""
        said = answer.json()
        # The SDK passes a refusal on with status 200.
        return str(said.get("error") or "") if isinstance(said, dict) else ""
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"it cannot be reached: {str(error) or type(error).__name__}"
    except (InvalidFunctionsError, SetupError) as error:
        return str(error)
    except ValueError:
        return "its answer is not JSON; is this the address that the SDK is served at, such as /api/inngest?"
