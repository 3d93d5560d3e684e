"""The events that the server itself sends when a run ends.

Source: recordings/sdk README, "The end of a run" and "invoke".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from inngest_testkit.clock import epoch_ms
from inngest_testkit.events import CANCELLED, FAILED, FINISHED, INVOKED, Event
from inngest_testkit.runs.model import RunStatus

if TYPE_CHECKING:
    from datetime import datetime

    from inngest_testkit.ids import Ids
    from inngest_testkit.state.base import NewRun

__all__ = ["end_events", "refused_invocation", "tells_of_end"]

_STATUS = {RunStatus.COMPLETED: "Completed", RunStatus.FAILED: "Failed", RunStatus.CANCELLED: "Cancelled"}
#: What the event that invokes a function has in its name, however its JSON is written.
_INVOKED = INVOKED.rpartition("/")[2].encode()
_SECOND = {RunStatus.FAILED: FAILED, RunStatus.CANCELLED: CANCELLED}


def tells_of_end(run: NewRun) -> bool:
    """Whether the end of a run may be told with events; a quick look, without decoding the run's event."""
    return bool(run.app_id) or any(_INVOKED in event.raw for event in (run.event, *run.batch))


def end_events(
    run: NewRun, status: RunStatus, outcome: Mapping[str, Any], ids: Ids, now: datetime
) -> Iterator[tuple[str, Event]]:
    """Yield the events of a run's end, each with the last part of its delivery's id.

    Runs of apps' functions always tell, unless they were started by such an event; runs of DAG functions tell who
    invoked them. Of a batch, the first event is told of, and each other with which a step invoked the function.
    `outcome` holds `result` and `error`, as far as there are any.
    """
    if not tells_of_end(run):
        return
    events: list[Any] = [run.event.value, *(each.value for each in run.batch)]
    shared: dict[str, Any] = {
        "_inngest": {"status": _STATUS[status]},
        "events": [{key: value for key, value in each.items() if key != "user" or value} for each in events],
        "function_id": run.function_id,
        "run_id": run.run_id,
        **outcome,
    }
    ts = epoch_ms(now)
    for number, event in enumerate(events):
        correlation = _correlation(event)
        if event["name"] in (FINISHED, FAILED) or not (correlation or (run.app_id and number == 0)):
            continue
        data = {**shared, "event": event}
        if correlation:
            data["correlation_id"] = correlation
        place = f"/{number}" if number else ""
        yield f"finished{place}", Event(FINISHED, data, id=ids.ulid(), ts=ts)
        if status in _SECOND:
            yield f"ended{place}", Event(_SECOND[status], data, id=run.run_id, ts=ts)


def _correlation(event: Mapping[str, Any]) -> str | None:
    """Return what the event of an invocation is answered by."""
    invocation = event["data"].get("_inngest") if event["name"] == INVOKED else None
    return invocation.get("correlation_id") if isinstance(invocation, dict) else None


def refused_invocation(correlation: str, error: Mapping[str, Any], *, id: str, ts: int) -> Event:  # noqa: A002
    """Return the event that tells an invoking step that no run was started for it."""
    data: dict[str, Any] = {"_inngest": {"status": "Failed"}, "error": error, "function_id": "", "run_id": ""}
    return Event(FINISHED, {**data, "correlation_id": correlation}, id=id, ts=ts)
