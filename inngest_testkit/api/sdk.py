"""The endpoints for SDKs: apps register themselves.

Source: recordings/sdk README, "Registration", `register.json`; the server's `pkg/devserver/api.go`.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from starlette.routing import Route

from inngest_testkit.api.face import Face, json_reply
from inngest_testkit.api.reads.functions import config_of
from inngest_testkit.drivers.scope import call_of_run
from inngest_testkit.engine.serving import Registration
from inngest_testkit.errors import InvalidFunctionsError, SetupError
from inngest_testkit.executor.checkpoints import checkpoint_problem
from inngest_testkit.ids import workflow_uuid
from inngest_testkit.version import installed_version

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from inngest_testkit.engine.serving import Synced

__all__ = ["registration_of", "routes", "sync"]

_EXPECTED_KIND = "x-inngest-expected-server-kind"


def routes(face: Face) -> list[Route]:
    """Return the routes that SDKs register at."""
    return [
        Route("/dev", partial(_about, face)),
        Route("/fn/register", partial(_register, face), methods=["POST", "PUT"]),
        Route("/v1/checkpoint/{run_id}/async", partial(_checkpoint, face), methods=["POST"]),
    ]


async def _about(face: Face, _: Request) -> Response:
    """Say what server this is, and which functions it has. SDKs look here for a dev server."""
    functions = sorted(face.host.core.plans.values(), key=lambda plan: plan.function.id)
    strict, keys = face.settings.strict, face.settings.event_keys
    answer = {
        "version": f"dev-testkit-{installed_version()}",
        "authed": strict,
        "startOpts": {"require_keys": strict},
        "functions": [config_of(plan, None) for plan in functions],
        "handlers": None,
        "isSingleNodeService": False,
        "isMissingSigningKey": strict and face.settings.signing_key is None,
        "isMissingEventKeys": strict and not keys,
        "features": {},
    }
    return json_reply(answer)


async def _register(face: Face, request: Request) -> Response:
    """Take the registration of an app that runs elsewhere."""
    kind = request.headers.get(_EXPECTED_KIND, "")
    if kind and kind != face.settings.server_kind:
        return _refused(f"Expected server kind {face.settings.server_kind}, got {kind}")
    body = await face.body(request)
    try:
        registered = json.loads(body)
        synced = await sync(face, registration_of(registered))
    except InvalidFunctionsError as error:
        problems = "\n".join(f"- {problem}" for problem in error.problems)
        text = problems[2:] if problems.startswith("- App ID") else f"At least one function is invalid:\n{problems}"
        return _error(400, text, plain=True)
    except (ValueError, RecursionError, SetupError) as error:
        return _refused(f"Invalid request: {error}")
    app_id, sync_id = workflow_uuid(synced.registration.app_id), str(face.host.core.ids_over_http.uuid())
    return json_reply(
        {
            "ok": True,
            "modified": synced.is_modified,
            "sync_id": sync_id,
            "app_id": app_id,
        },
        plain=True,
    )


async def _checkpoint(face: Face, request: Request) -> Response:
    """Take steps that an app has run, and goes on from in the same call; they are kept when it answers.

    Source: the server's `pkg/execution/checkpoint`; 409 tells the app that it is not called any more.
    """
    try:
        given = json.loads(await face.body(request))
    except (ValueError, RecursionError) as error:
        return _error(400, f"invalid request body: {error}")
    steps = given.get("steps") if isinstance(given, dict) else None
    if not isinstance(steps, list):
        return _error(400, 'invalid request body: expected {"steps": [...]}, the operations of the steps that were run')
    for step in steps:
        if problem := checkpoint_problem(step):
            return _error(400, problem)
    call = call_of_run(face.host.core, request.path_params["run_id"])
    if call is None:
        return _error(409, f"run {request.path_params['run_id']} is not being called")
    call.checkpointed += steps
    return json_reply({"data": None})


async def sync(face: Face, registration: Registration) -> Synced:
    """Let the engine call an app's functions where they say, from now on.

    Raises `InvalidFunctionsError` with every problem of every function, `SetupError` for an address that is none.
    """
    return await face.host.call(lambda core: core.sync(registration, face.settings.signing_key))


def registration_of(registered: object) -> Registration:
    """Read a registration, whose field names count in any case; raises `SetupError` for functions that are no list."""
    if not isinstance(registered, dict):
        raise SetupError(f"expected an object with appName, url and functions, found {type(registered).__name__}")
    fields = {name.lower(): value for name, value in registered.items()}
    functions = fields.get("functions") or []
    if not isinstance(functions, list):
        raise SetupError(f"functions is a list of objects, found {type(functions).__name__}")
    texts = {name: str(fields.get(name) or "") for name in ("appname", "url", "sdk", "framework")}
    return Registration(texts["appname"], functions, texts["url"], texts["sdk"], texts["framework"])


def _error(status: int, text: str, *, plain: bool = False) -> Response:
    return json_reply({"error": text, "data": None, "status": status}, status, plain=plain)


def _refused(error: str) -> Response:
    return json_reply({"error": error}, 400, plain=True)
