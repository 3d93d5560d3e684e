"""Build the request of a call.

Source: recordings/sdk README, "The call request", "Step ids and the stack", "Limits".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING

from inngest_testkit.sdk.limits import exceeds
from inngest_testkit.sdk.protocol import DISCOVERY, CallRequest, Header, hash_step

if TYPE_CHECKING:
    from datetime import datetime

    from inngest_testkit.queue.base import Call
    from inngest_testkit.state.base import NewRun, RunState
    from inngest_testkit.values import Json

__all__ = ["Memos", "PreparedCall", "hashed", "prepare"]

#: The id of a step on the wire, by its key.
hashed = lru_cache(maxsize=4096)(hash_step)


class Memos:
    """The parts of one run's requests that stay, and its memos, which grow: nothing is written twice."""

    __slots__ = ("_count", "_ids", "_steps", "event", "events", "function", "run")

    def __init__(self, run: NewRun) -> None:
        self._count = 0
        self._ids = self._steps = b""
        self.event = run.event.raw
        self.events = b"[%b]" % b",".join([run.event.raw, *(event.raw for event in run.batch)])
        self.function, self.run = run.workflow_id.encode(), run.run_id.encode()

    def of(self, outputs: Mapping[str, Json]) -> tuple[bytes, bytes]:
        """Return the ids of the steps that are done, in order of completion, and the memos by id; both as JSON."""
        if len(outputs) > self._count:
            for key in islice(outputs, self._count, None):
                made, comma = b'"%b"' % hashed(key).encode(), b"," if self._count else b""
                self._ids += comma + made
                self._steps += b"%b%b:%b" % (comma, made, outputs[key].raw)
                self._count += 1
        return b"[%b]" % self._ids, b"{%b}" % self._steps


@dataclass(slots=True)
class PreparedCall:
    """A request, and what the app may fetch because the request does not carry it (by the last part of the path)."""

    request: CallRequest
    fetchable: Mapping[str, bytes]


_CARRIED: Mapping[str, bytes] = {}


def prepare(
    state: RunState,
    call: Call,
    memos: Memos,
    *,
    target: str | None,
    attempt: int,
    max_attempts: int,
    item_id: str,
    now: datetime,
    limit: int | None,
    signing_key: str | None,
) -> PreparedCall:
    """Build the request of one call; `target` is the key of the step that is called, if any.

    A body over `limit` bytes carries no memos (and no events, if they are the large part), and says so.
    """
    run, version = state.run, state.request_version
    step_id = DISCOVERY if target is None else hashed(target)
    stack, steps = memos.of(state.outputs)
    job = encode_basestring_ascii(item_id).encode()
    context = _CONTEXT % (
        attempt,
        b"false" if call.immediate else b"true",
        memos.function,
        attempt + 1,
        job,
        max_attempts,
        job,
        job,
        memos.run,
        # Of a call that targets no step, everything is known; a targeted one keeps the place where it was planned.
        len(state.outputs) if target is None else call.memos,
        stack,
    )
    event, fetchable = memos.event, _CARRIED
    body = _BODY % (context, b"false", event, memos.events, steps, b"false", version)
    if exceeds(len(body), limit):
        fetchable = {"actions": steps, "batch": memos.events}
        body = _BODY % (context, b"true", event, memos.events, b"{}", b"true", version)
        if exceeds(len(body), limit):
            body = _BODY % (context, b"true", event, b"[]", b"{}", b"true", version)
    headers = {
        "content-type": "application/json",
        "user-agent": "Inngest",
        "x-inngest-generation-id": str(attempt + 1),
        "x-inngest-job-id": item_id,
        _VERSION: str(version),
        "x-inngest-step-id": step_id,
        "x-request-id": item_id,
        "x-run-id": run.run_id,
    }
    request = CallRequest(run.function_id, step_id, run.run_id, attempt, headers, body, now, signing_key)
    return PreparedCall(request, fetchable)


_VERSION = Header.REQUEST_VERSION.value
_CONTEXT = (
    b'{"attempt":%d,"disable_immediate_execution":%b,"env":"","fn_id":"%b","generation_id":%d,"job_id":%b,'
    b'"max_attempts":%d,"qi_id":%b,"request_id":%b,"run_id":"%b","stack":{"current":%d,"stack":%b},"step_id":"step",'
    b'"use_api":'
)
_BODY = b'{"ctx":%b%b},"defers":{},"event":%b,"events":%b,"steps":%b,"use_api":%b,"version":%d}'
