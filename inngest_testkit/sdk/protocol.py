"""The vocabulary of the SDK protocol: call requests, their answers, and the operations in them.

Source: recordings/sdk README, "The call request", "Step ids and the stack" and "Errors and retries".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from inngest_testkit.runs.entries import TracedStep, step_key

__all__ = [
    "DISCOVERY",
    "CallRequest",
    "CallResponse",
    "Header",
    "Observation",
    "Opcode",
    "Operation",
    "TracedStep",
    "Transport",
    "hash_step",
    "step_key",
    "unhashed",
]

#: The `stepId` of a call that targets no step.
DISCOVERY = "step"


class Opcode(StrEnum):
    """What an operation asks of the server."""

    #: A step was run; what `StepRun` has in `data`, an older SDK wraps by itself.
    STEP = "Step"
    STEP_RUN = "StepRun"
    PLANNED = "StepPlanned"
    STEP_ERROR = "StepError"
    STEP_FAILED = "StepFailed"
    SLEEP = "Sleep"
    WAIT_FOR_EVENT = "WaitForEvent"
    INVOKE = "InvokeFunction"
    AI_GATEWAY = "AIGateway"
    #: The function returned `data`, after steps that it ran in the same call.
    RUN_COMPLETE = "RunComplete"
    #: The function is to be called again.
    DISCOVERY_REQUEST = "DiscoveryRequest"


class Header(StrEnum):
    """Headers of the protocol, in the lower case in which they are compared."""

    SDK = "x-inngest-sdk"
    REQUEST_VERSION = "x-inngest-req-version"
    NO_RETRY = "x-inngest-no-retry"
    RETRY_AFTER = "retry-after"
    SIGNATURE = "x-inngest-signature"
    SERVER_KIND = "x-inngest-server-kind"
    EVENT_ID_SEED = "x-inngest-event-id-seed"
    FRAMEWORK = "x-inngest-framework"


@dataclass(slots=True)
class CallRequest:
    """One call of a function's handler.

    `function_id` is `<app>-<function>`; `step_id` is `DISCOVERY` or the hashed id of the step that is targeted;
    `body` is JSON; `now` the engine's time; `signing_key`, if any, is the key to sign the request with.
    """

    function_id: str
    step_id: str
    run_id: str
    attempt: int
    headers: Mapping[str, str]
    body: bytes
    now: datetime
    signing_key: str | None = None


@dataclass(slots=True)
class Observation:
    """What only a transport in this process sees.

    `trace` lists the steps that the handler came to, in order; `values` the Python values that steps returned, by
    hashed id, before they became JSON.
    """

    trace: tuple[TracedStep, ...] = ()
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class CallResponse:
    """What came back of a call: an HTTP answer (header names in lower case), or why there was none.

    `takes` is the virtual time that the call took. `clock` is the moment of the answer for an app whose clock is not
    the engine's, such as one in another process.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    unreachable: str = ""
    observed: Observation | None = None
    takes: timedelta | None = None
    clock: datetime | None = None


class Transport(Protocol):
    """Carries calls to an app."""

    async def call(self, request: CallRequest) -> CallResponse:
        """Make one call. What the app does wrong is in the response; nothing is raised for it."""
        ...

    async def sync(self, headers: Mapping[str, str]) -> CallResponse:
        """Ask the app to register itself with its server."""
        ...

    async def close(self) -> None:
        """Close what the transport opened."""
        ...


@dataclass(slots=True)
class Operation:
    """One operation of an answer with status 206.

    `id` is the hashed id, `key` the text it is the hash of (the id as written, `:index` appended where it was used
    before), `display` the id as written. `name` is the moment at which a sleep ends, or the event that is waited for.
    `opts` holds the operation's arguments; `data` is what the step returned, `error` what it raised.
    """

    op: str
    id: str
    key: str
    display: str
    name: str = ""
    opts: Mapping[str, Any] = field(default_factory=dict)
    data: Any = None
    error: Mapping[str, Any] | None = None

    @property
    def is_race(self) -> bool:
        """Whether the step belongs to a parallel group in race mode."""
        return self.opts.get("parallelMode") == "race"

    @property
    def written(self) -> dict[str, str]:
        """The id as written, for the run's history; nothing where it is the key."""
        return {} if self.display == self.key else {"id": self.display}


_UNHASHED = "sha1:"


def unhashed(step_id: str) -> str:
    """Return the key of a step of which only the id on the wire is known."""
    return f"{_UNHASHED}{step_id}"


def hash_step(key: str) -> str:
    """Return the id of a step on the wire: SHA-1, in hex; a key made by `unhashed` has the id in it."""
    if key.startswith(_UNHASHED):
        return key.removeprefix(_UNHASHED)
    return hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest()
