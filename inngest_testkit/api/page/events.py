"""Events as the page reads them: a list, newest first, and one of them with what became of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from inngest_testkit.api.page.runs import unseen
from inngest_testkit.api.page.values import limit_of, moment, text_of
from inngest_testkit.api.reads.runs import each_there, view_of
from inngest_testkit.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inngest_testkit.engine.core import Core
    from inngest_testkit.runs import Received

__all__ = ["INTERNAL", "event_detail", "event_list"]

#: What the names of the server's own events begin with.
INTERNAL = "inngest/"
#: Runs of one event that are shown.
_MOST_RUNS = 100


def event_list(core: Core, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return the newest events with a `text` in name or id; with `internal=1` also the server's own.

    `more` says whether there are more than the `limit`.
    """
    most, text = limit_of(asked), asked.get("text", "").casefold()
    found: list[dict[str, Any]] = []
    for received in reversed(list(core.journal.received.values())):
        event = received.event
        if event.name.startswith(INTERNAL) and asked.get("internal") != "1":
            continue
        if text and text not in event.name.casefold() and text not in (event.id or "").casefold():
            continue
        if len(found) == most:
            return {"events": found, "more": True}
        found.append(_summary(core, received))
    return {"events": found, "more": False}


def _summary(core: Core, received: Received) -> dict[str, Any]:
    run_ids = core.journal.runs_of(received.delivery)
    return {
        "delivery": received.delivery,
        "name": received.event.name,
        "id": received.event.id,
        "at": moment(received.at),
        "runs": list(each_there(partial(_run, core), run_ids[:_MOST_RUNS])),
        "runs_left_out": max(0, len(run_ids) - _MOST_RUNS),
    }


def _run(core: Core, run_id: str) -> dict[str, str]:
    return {
        "id": run_id,
        "function": view_of(core, run_id).function_id,
        "status": unseen(core, run_id).status.value,
    }


def event_detail(core: Core, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return the event of a `delivery`, with its runs, or why it started none. Raises `NotFoundError`."""
    delivery = asked.get("delivery", "")
    received = core.journal.received.get(delivery)
    if received is None:
        raise NotFoundError("event", delivery, reason="the server does not have it, or has dropped it")
    summary = _summary(core, received)
    return {
        **summary,
        "event": text_of(received.event.to_dict()),
        "why_nothing": "" if summary["runs"] else core.why_nothing(received),
    }
