"""Answers on their way through the queue, while the virtual time that they took passes."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from inngest_testkit.drivers.base import StepResponse
from inngest_testkit.events import Event
from inngest_testkit.sdk.apps import Called
from inngest_testkit.sdk.protocol import CallResponse
from inngest_testkit.values import Json, encode

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["restore", "stored_call", "stored_step"]

_DEEP = 10_000


def stored_step(response: StepResponse) -> Json:
    """Return what a mock or the gateway answered for a step."""
    return encode({"step": response.to_json().raw.decode()}, deepest=_DEEP)


def stored_call(called: Called) -> Json:
    """Return an app's answer; what was observed of the call is lost."""
    response = called.response
    return encode(
        {
            "status": response.status,
            "headers": dict(response.headers),
            "body": response.body.decode(errors="replace"),
            "unreachable": response.unreachable,
            "clock": None if response.clock is None else response.clock.isoformat(),
            "sent": [{**event.to_dict(), "id": event.id, "ts": event.ts} for event in called.sent],
        },
        deepest=_DEEP,
    )


def restore(stored: Json) -> Called | StepResponse:
    """Read what `stored_step` or `stored_call` wrote."""
    fields: Mapping[str, Any] = stored.value  # type: ignore[assignment]
    if "step" in fields:
        return StepResponse.from_json(Json(fields["step"].encode()))
    response = CallResponse(
        status=fields["status"],
        headers=fields["headers"],
        body=fields["body"].encode(),
        unreachable=fields["unreachable"],
        clock=None if fields["clock"] is None else datetime.fromisoformat(fields["clock"]),
    )
    return Called(response, [Event.from_mapping(event) for event in fields["sent"]])
