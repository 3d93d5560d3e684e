"""What an engine tells of flow control: read from the histories, and from what the flow store keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inngest_testkit.durations import format_moment
from inngest_testkit.runs.flow import Dropped, Held
from inngest_testkit.runs.model import HistoryKind

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from inngest_testkit.flow.base import FlowStore
    from inngest_testkit.runs import HistoryEntry, Journal

__all__ = ["dropped", "held", "what_became", "why_collected", "why_dropped"]


def dropped(journal: Journal) -> list[Dropped]:
    """Return the events that started nothing and the runs that were cancelled because of a rule, by time."""
    events = [Dropped.of_event(entry) for entry in list(journal.engine) if entry.kind is HistoryKind.EVENT_DROPPED]
    return sorted([*events, *_cancelled(journal)], key=lambda each: each.at)


def _cancelled(journal: Journal) -> Iterator[Dropped]:
    for run_id, entries in list(journal.runs.items()):
        events = journal.run_events.get(run_id, ())
        if run_id not in journal.open_runs and entries and events:
            found = Dropped.of_run(entries[-1], journal.functions.get(run_id, ""), events[0].id or "")
            if found is not None:
                yield found


def held(flow: FlowStore) -> list[Held]:
    """Return the work that waits in lines, in order of arrival, then the events that are debounced or collected."""
    lines = [
        Held(
            rule=line.hold.rule,
            key=line.hold.value,
            function_id=line.ticket.function_id,
            since=line.since,
            until=line.hold.until,
            ahead=line.hold.ahead,
            run_id=line.ticket.run_id,
            step=line.ticket.step,
        )
        for line in flow.waiting()
    ]
    return [*lines, *_debounced(flow), *_collected(flow)]


def _debounced(flow: FlowStore) -> Iterator[Held]:
    kept: Any
    for _, kept in flow.entries("debounce/"):
        event_ids = (kept.arrival.event.id,)
        yield _waiting("debounce", kept, event_ids)


def _collected(flow: FlowStore) -> Iterator[Held]:
    kept: Any
    for _, kept in flow.entries("batch/"):
        if kept.arrivals:
            yield _waiting("batch", kept, tuple(arrival.event.id for arrival in kept.arrivals))


def _waiting(rule: str, kept: Any, event_ids: tuple[str, ...]) -> Held:  # noqa: ANN401 - of either rule
    return Held(
        rule=rule,
        key=kept.key,
        function_id=kept.function_id,
        since=kept.since,
        until=kept.due,
        event_ids=event_ids,
    )


def why_dropped(entry: HistoryEntry) -> str:
    """Say why a rule let an event start nothing."""
    data = entry.data
    key = f" (key {data['key']!r})" if data["key"] else ""
    return f"{data['rule']} of function {data['function_id']!r}{key}: {data['reason']}"


def why_collected(flow: FlowStore, deliveries: Container[str]) -> str:
    """Say which rule keeps events for later, if one does."""
    kept: Any
    for _, kept in flow.entries("debounce/"):
        if kept.arrival.delivery in deliveries:
            return f"function {kept.function_id!r} debounces it until {format_moment(kept.due)}"
    for _, kept in flow.entries("batch/"):
        for number, arrival in enumerate(kept.arrivals, start=1):
            if arrival.delivery in deliveries:
                return f"it is number {number} of a batch of {kept.function_id!r}, until {format_moment(kept.due)}"
    return ""


def what_became(journal: Journal, event_ids: Container[str | None]) -> str:
    """Say which run events came to without starting it at once: their own, later, or one that waited for them."""
    for run_id, events in list(journal.run_events.items()):
        if any(event.id in event_ids for event in events):
            others = f", with {len(events)} events" if len(events) > 1 else ""
            return f"it went into run {run_id} of function {journal.functions[run_id]!r}{others}"
    for run_id, entries in list(journal.runs.items()):
        for entry in entries:
            if entry.kind in _TOOK and entry.data.get("event_id") in event_ids:
                return f"it {_TOOK[entry.kind]} run {run_id} of function {journal.functions[run_id]!r}"
    return ""


_TOOK = {
    HistoryKind.PAUSE_RESUMED: "resumed",
    HistoryKind.PAUSE_CONSUMED: "came in time for",
    HistoryKind.RUN_CANCELLED: "cancelled",
}
