"""Cancel many runs of a function at once, by when they started and by a condition: `/v1/cancellations`.

Source: the texts of what is refused are recorded, recordings/sdk README, "Reading and other endpoints"; the dev server
then finds no function, so the rest is from the server's code, `pkg/api/apiv1/cancellation.go`. A run that is to be
cancelled is there already, so it is cancelled at once, and what is kept is the list.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from inngest_testkit.api.face import Face, json_reply
from inngest_testkit.api.reads.functions import app_of
from inngest_testkit.api.reads.ids import ACCOUNT, ENVIRONMENT, is_ulid, rfc3339
from inngest_testkit.clock import as_utc, later
from inngest_testkit.errors import ExpressionError, SetupError
from inngest_testkit.expressions import SDK, compile_expression
from inngest_testkit.ids import Ids, workflow_uuid

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from inngest_testkit.engine.core import Core
    from inngest_testkit.expressions import Expression
    from inngest_testkit.functions.app import Plan

__all__ = ["Cancellations"]

#: Cancellations that are listed, the last ones.
_KEPT = 1000
#: How far ahead of the clock the end may lie.
_AHEAD = timedelta(seconds=5)
_PATH = "/v1/cancellations"


class _RefusedError(Exception):
    """A request that is answered with a status and a reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which runs are to be cancelled."""

    plan: Plan
    before: datetime
    after: datetime | None
    condition: Expression | None

    def concerns(self, core: Core, run_id: str) -> bool:
        """Whether a run is one of them. One for which the condition cannot be evaluated is not."""
        journal = core.journal
        try:
            if journal.functions[run_id] != self.plan.function.id:
                return False
            started, event = journal.runs[run_id][0].at, journal.run_events[run_id][0]
        except (KeyError, IndexError):
            return False
        if started > self.before or (self.after is not None and started < self.after):
            return False
        try:
            return self.condition is None or self.condition.test({"event": event.to_dict()}, core.clock.now)
        except ExpressionError:
            return False

    async def carry_out(self, core: Core) -> None:
        """Cancel the runs that go on."""
        for run_id in [each for each in list(core.journal.open_runs) if self.concerns(core, each)]:
            await core.cancel(run_id)


class Cancellations:
    """The cancellations that were asked for, by id."""

    def __init__(self, face: Face) -> None:
        self._face, core = face, face.host.core
        self._ids = Ids(f"{core.seed}/cancellations", core.clock)
        self._made: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def routes(self) -> list[Route]:
        """Return the routes at which they are made, listed and removed."""
        return [
            Route(_PATH, self._create, methods=["POST"]),
            Route(_PATH, self._list, methods=["GET"]),
            Route(f"{_PATH}/{{id}}", self._delete, methods=["DELETE"]),
        ]

    async def _create(self, request: Request) -> Response:
        body = await self._face.body(request)
        try:
            fields = _read(body)
            wanted = self._wanted(fields)
        except _RefusedError as error:
            return json_reply({"error": error.reason, "data": None, "status": error.status}, error.status)
        await self._face.host.do(wanted.carry_out)
        made = self._object(wanted, fields.get("if"))
        self._made[made["id"]] = made
        if len(self._made) > _KEPT:
            self._made.popitem(last=False)
        return self._told(made)

    def _wanted(self, fields: dict[str, Any]) -> _Wanted:
        """Read a request; raises `_RefusedError` with a line for each thing that is wrong."""
        wrong: list[str] = [f"{name} is required" for name in ("app_id", "function_id") if not fields.get(name)]
        before, after = _moment(fields, "started_before"), _moment(fields, "started_after")
        if before is None:
            wrong.append("started_before is required")
        elif before > later(self._face.host.core.clock.now(), _AHEAD):
            wrong.append("started_before must be in the past")
        if after is not None and (before is None or after > before):
            wrong.append("started_after must be before started_before")
        if wrong or before is None:
            raise _RefusedError(400, "\n".join(wrong))
        plan = self._plan(fields["app_id"], fields["function_id"])
        return _Wanted(plan, before, after, _condition(fields.get("if")))

    def _plan(self, app_id: str, function_id: str) -> Plan:
        """Return the function of an app by the id that its code gives it, or by the whole."""
        plans = self._face.host.core.plans
        for wanted in (function_id, f"{app_id}-{function_id}"):
            plan = plans.get(wanted)
            if plan is not None and app_of(plan) == app_id:
                return plan
        raise _RefusedError(404, "function not found")

    def _object(self, wanted: _Wanted, condition: str | None) -> dict[str, Any]:
        made = {
            "created_at": rfc3339(self._face.host.core.clock.now()),
            "name": None,
            "id": self._ids.ulid(),
            "account_id": ACCOUNT,
            "environment_id": ENVIRONMENT,
            "app_id": workflow_uuid(app_of(wanted.plan)),
            "function_internal_id": wanted.plan.workflow_id,
            "function_id": wanted.plan.function.id,
            "started_after": None if wanted.after is None else rfc3339(wanted.after),
            "started_before": rfc3339(wanted.before),
            "kind": "bulk_run",
            "cause": "API",
            "queue_name": None,
        }
        return made if condition is None else {**made, "if": condition}

    async def _list(self, _: Request) -> Response:
        return self._told(list(self._made.values()))

    async def _delete(self, request: Request) -> Response:
        given = request.path_params["id"]
        if not is_ulid(given):
            return json_reply({"error": "Invalid cancellation ID", "data": None, "status": 400}, 400)
        if self._made.pop(given.upper(), None) is None:
            return json_reply({"error": "Cancellation not found", "data": None, "status": 404}, 404)
        return self._told({"ok": True})

    def _told(self, data: object) -> Response:
        fetched = rfc3339(self._face.host.core.clock.now())
        return json_reply({"data": data, "metadata": {"fetched_at": fetched}})


def _read(body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        given = None
    texts = ("app_id", "function_id", "started_after", "started_before", "if")
    if not isinstance(given, dict) or any(not isinstance(given.get(name) or "", str) for name in texts):
        raise _RefusedError(400, "Invalid cancellation request")
    return given


def _moment(fields: dict[str, Any], name: str) -> datetime | None:
    try:
        return as_utc(fields[name]) if fields.get(name) else None
    except (SetupError, OverflowError):
        raise _RefusedError(400, "Invalid cancellation request") from None


def _condition(text: str | None) -> Expression | None:
    try:
        return compile_expression(text, SDK) if text else None
    except ExpressionError as error:
        raise _RefusedError(400, f"invalid expression: {error}") from None
