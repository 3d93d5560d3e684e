"""A small server: plays one run of a real SDK function, and keeps its entries."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import json
import warnings
from datetime import UTC, datetime, timedelta

import inngest

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of pydantic, for how the SDK declares a model
    from inngest._internal.comm_lib import CommHandler, CommRequest
from inngest._internal.server_lib import Framework
from inngest._internal.step_lib.base import StepIDCounter
from inngest._internal.step_lib.group import in_parallel

from inngest_testkit.runs.entries import Entry
from inngest_testkit.sdk.inspection import Inspector
from inngest_testkit.sdk.protocol import DISCOVERY, Operation, TracedStep, hash_step, step_key

START = datetime(2026, 1, 1, tzinfo=UTC)
OWN = contextvars.ContextVar("own", default=None)  # the handler's own task, and its trace


def trace_steps(monkeypatch):
    """Note each step that a handler comes to."""
    real = StepIDCounter.increment

    def increment(self, step_id):
        uses = real(self, step_id)
        task, trace = OWN.get()
        trace.append(TracedStep(step_id, uses - 1, grouped=in_parallel.get(), in_task=_task() is not task))
        return uses

    monkeypatch.setattr(StepIDCounter, "increment", increment)


def _task():
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


class Server:
    """Plays one run. Targeted calls come in the order of the plan, or the other way round."""

    def __init__(self, handler, *, retries=2, backwards=False, most=40):
        self.retries, self.backwards, self.most = retries, backwards, most
        self.memos, self.entries, self.findings, self.ended = {}, [], [], None
        self.bodies = []
        self._inspector, self._trace, self._keys = Inspector(), [], {}
        client = inngest.Inngest(app_id="app", is_production=False)
        trigger = inngest.TriggerEvent(event="go")
        function = client.create_function(fn_id="fn", trigger=trigger)(self._traced(handler))
        taken = CommHandler.__init__.__annotations__  # of which an older SDK has fewer
        parts = {name: None for name in ("enable_unauthed_sync", "streaming") if name in taken}
        self._handler = CommHandler(client=client, framework=Framework.FLASK, functions=[function], **parts)

    def _traced(self, handler):
        if inspect.iscoroutinefunction(handler):

            @functools.wraps(handler)
            async def own(ctx):
                OWN.set((_task(), self._trace))
                return await handler(ctx)
        else:

            @functools.wraps(handler)
            def own(ctx):
                OWN.set((None, self._trace))
                return handler(ctx)

        own.is_async = inspect.iscoroutinefunction(handler)
        self._own = own
        return own

    def play(self):
        """Play until the run ends; returns the server."""
        waiting = [("", 0)]
        planned = set()
        while waiting and self.ended is None and len(self.entries) < self.most:
            target, attempt = waiting.pop(0)
            if target and target in self.memos:
                continue
            status, no_retry, operations = self._call(target, attempt, is_many=len(planned) > 1)
            if status == 200:
                self.ended = "COMPLETED"
            elif status != 206:
                if no_retry or attempt >= self.retries:
                    self.ended = "FAILED"
                else:
                    waiting.insert(0, (target, attempt + 1))
            else:
                again = [self._take(operation, no_retry or attempt >= self.retries) for operation in operations]
                planned -= self.memos.keys()
                new = [op.key for op, later in zip(operations, again, strict=True) if later == "plan"]
                new = [key for key in new if key not in planned]
                planned.update(new)
                waiting += [(key, 0) for key in (reversed(new) if self.backwards else new)]
                if "retry" in again:
                    waiting.insert(0, (target, attempt + 1))
                elif "" in again and (not planned or any(op.is_race for op in operations)):
                    waiting.insert(0, ("", 0))
        return self

    def _take(self, operation, is_last):
        """Keep what an operation brings; "plan" and "retry" ask for further calls."""
        if operation.op == "StepPlanned":
            return "plan"
        if operation.op == "StepRun":
            self.memos[operation.key] = {"data": operation.data}
        elif operation.op == "StepFailed" or (operation.op == "StepError" and is_last):
            self.memos[operation.key] = {"error": operation.error}
        elif operation.op == "StepError":
            return "retry"
        else:
            self.memos[operation.key] = None
        return ""

    def _call(self, target, attempt, *, is_many):
        self._trace.clear()
        step_id = hash_step(target) if target else DISCOVERY
        event = {"name": "go", "data": {}, "id": "e", "ts": 0}
        stack = {"stack": list(map(hash_step, self.memos)), "current": 0}
        ctx = {"attempt": attempt, "max_attempts": self.retries + 1, "run_id": "r", "stack": stack}
        ctx["disable_immediate_execution"] = is_many
        steps = {hash_step(key): memo for key, memo in self.memos.items()}
        request = CommRequest(
            body=json.dumps({"ctx": ctx, "event": event, "events": [event], "steps": steps, "use_api": False}).encode(),
            headers={},
            public_path=None,
            query_params={"fnId": "app-fn", "stepId": step_id},
            raw_request=None,
            request_url="http://app/api/inngest",
            serve_origin=None,
            serve_path=None,
        )
        response = asyncio.run(self._handler.post(request)) if self._own.is_async else self._handler.post_sync(request)
        body = json.loads(response.body_bytes())
        operations = [_operation(item) for item in body] if response.status_code == 206 else []
        self._keep(target, attempt, response.status_code, operations)
        return response.status_code, response.no_retry, operations

    def _keep(self, target, attempt, status, operations):
        number = len(self.entries)
        at = START + timedelta(seconds=number)
        found = tuple(operation.key for operation in operations)
        entry = Entry(number, at, attempt, target, tuple(self._trace), found, status)
        self.entries.append(entry)
        self.findings += self._inspector.enter(entry, {})


def _operation(item):
    user = item.get("userland")
    # An older SDK numbers the name itself.
    key = item["displayName"] if user is None else step_key(user["id"], user["index"] or 0)
    assert hash_step(key) == item["id"]
    details = {"opts": item.get("opts") or {}, "data": item.get("data"), "error": item.get("error")}
    return Operation(item["op"], item["id"], key, item["displayName"], item.get("name") or "", **details)


async def value(of=None):
    return of


async def fail():
    raise ValueError("no")


def kinds(server):
    """Return the kinds of what was found, of nondeterminism the kind of the disagreement."""
    return [found.disagreement.kind if found.disagreement else found.kind for found in server.findings]


def keys(entry):
    return [step.key for step in entry.trace]
