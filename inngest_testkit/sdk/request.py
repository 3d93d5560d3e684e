"""Build the request of a call.

Source: recordings/sdk README, "The call request", "Step ids and the stack", "Limits".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from inngest_testkit.sdk.limits import exceeds
from inngest_testkit.sdk.protocol import DISCOVERY, CallRequest, Header, hash_step

if TYPE_CHECKING:
    from datetime import datetime

    from inngest_testkit.queue.base import Call
    from inngest_testkit.state.base import RunState

__all__ = ["PreparedCall", "prepare"]

_hash_step = lru_cache(maxsize=4096)(hash_step)


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """A request, and what the app may fetch because the request does not carry it (by the last part of the path)."""

    request: CallRequest
    fetchable: Mapping[str, bytes]


def prepare(
    state: RunState,
    call: Call,
    *,
    target: str,
    attempt: int,
    max_attempts: int,
    item_id: str,
    request_id: str,
    now: datetime,
    limit: int | None,
) -> PreparedCall:
    """Build the request of one call; `target` is the key of the step that is called, empty for none.

    A body over `limit` bytes carries no memos (and no events, if they are the large part), and says so.
    """
    run = state.run
    step_id = _hash_step(target) if target else DISCOVERY
    ids = [_hash_step(key) for key in state.outputs]
    memos = b",".join(b'"%b":%b' % (i.encode(), memo.raw) for i, memo in zip(ids, state.outputs.values(), strict=True))
    event, steps = run.event.raw, b"{" + memos + b"}"
    context = {
        "attempt": attempt,
        "disable_immediate_execution": not call.immediate,
        "env": "",
        "fn_id": run.workflow_id,
        "generation_id": 1,
        "job_id": item_id,
        "max_attempts": max_attempts,
        "qi_id": item_id,
        "request_id": request_id,
        "run_id": run.run_id,
        # Of a call that targets no step, everything is known; a targeted one keeps the place where it was planned.
        "stack": {"current": call.memos if target else len(ids), "stack": ids},
        "step_id": DISCOVERY,
    }
    parts = _Parts(context, event, b"[" + event + b"]", steps, state.request_version)
    body, fetchable = parts.fit(limit)
    headers = {
        "content-type": "application/json",
        "user-agent": "Inngest",
        "x-inngest-generation-id": "1",
        "x-inngest-job-id": item_id,
        Header.REQUEST_VERSION.value: str(state.request_version),
        "x-inngest-step-id": step_id,
        "x-request-id": request_id,
        "x-run-id": run.run_id,
    }
    return PreparedCall(CallRequest(run.function_id, step_id, run.run_id, attempt, headers, body, now), fetchable)


@dataclass(frozen=True, slots=True)
class _Parts:
    context: Mapping[str, object]
    event: bytes
    events: bytes
    steps: bytes
    version: int

    def body(self, events: bytes, steps: bytes, *, use_api: bool) -> bytes:
        flag = b"true" if use_api else b"false"
        context = json.dumps({**self.context, "use_api": use_api}, separators=(",", ":")).encode()
        return b'{"ctx":%b,"defers":{},"event":%b,"events":%b,"steps":%b,"use_api":%b,"version":%d}' % (
            context,
            self.event,
            events,
            steps,
            flag,
            self.version,
        )

    def fit(self, limit: int | None) -> tuple[bytes, Mapping[str, bytes]]:
        """Return the body, cut to the limit, and what was cut."""
        body = self.body(self.events, self.steps, use_api=False)
        if not exceeds(len(body), limit):
            return body, {}
        fetchable = {"actions": self.steps, "batch": self.events}
        body = self.body(self.events, b"{}", use_api=True)
        if not exceeds(len(body), limit):
            return body, fetchable
        return self.body(b"[]", b"{}", use_api=True), fetchable
