"""Why an event did nothing, and why a run is not over; for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inngest_testkit.engine.flow import what_became, why_collected, why_dropped
from inngest_testkit.errors import suggestion
from inngest_testkit.runs import Run
from inngest_testkit.runs.model import HistoryKind

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence
    from datetime import datetime

    from inngest_testkit.engine.options import Duration
    from inngest_testkit.events import Event
    from inngest_testkit.flow.base import FlowStore
    from inngest_testkit.functions.app import Plan
    from inngest_testkit.runs import Journal
    from inngest_testkit.runs.model import Wait

__all__ = ["Why"]

#: Open runs that are asked what they wait for.
_LOOKED_AT = 100


class Why:
    """Looks through what an engine has: its journal, its functions, what rules collected."""

    def __init__(self, journal: Journal, plans: Mapping[str, Plan], flow: FlowStore) -> None:
        self._journal, self._plans, self._flow = journal, plans, flow

    def nothing(self, events: Sequence[Event], deliveries: Container[str]) -> str:
        """Say why a send started nothing."""
        for entry in reversed(list(self._journal.engine)):
            if entry.kind is HistoryKind.EVENT_DROPPED and entry.data["cause"] in deliveries:
                return why_dropped(entry)
            if entry.kind is HistoryKind.TRIGGER_FAILED and entry.data["event_id"] in {e.id for e in events}:
                return f"the trigger of {entry.data['function_id']!r} could not be evaluated: {entry.data['error']}"
        if not events:
            return "no event was sent"
        taken = why_collected(self._flow, deliveries) or what_became(self._journal, {e.id for e in events})
        return taken or self.unmatched(events[0])

    def unmatched(self, event: Event) -> str:
        """Say why an event started nothing and ended no wait."""
        if not self._plans:
            return "no function is registered (engine.register) or served (engine.serve)"
        names = {trigger.event for plan in list(self._plans.values()) for trigger in plan.triggers if trigger.event}
        awaited = self._awaited()
        reasons = []
        if event.name in names:
            reasons.append(f"the condition of no trigger on {event.name!r} was true for {dict(event.data)!r}")
        if event.name in awaited:
            run_id, wait = awaited[event.name]
            condition = f" if {wait.match}" if wait.match else ""
            reasons.append(
                f"run {run_id} of {self._journal.functions.get(run_id)} waits for {event.name!r} at step {wait.step!r}"
                f"{condition}"
            )
        if reasons:
            return "; ".join(reasons)
        known = sorted(names | awaited.keys())
        label = "registered triggers and awaited events" if awaited else "registered triggers"
        return f"no function is triggered by {event.name!r}" + suggestion(event.name, known, label=label)

    def _awaited(self) -> dict[str, tuple[str, Wait]]:
        """Return the events that runs wait for, each with the first such run."""
        found: dict[str, tuple[str, Wait]] = {}
        for run_id in list(self._journal.open_runs)[:_LOOKED_AT]:
            try:
                waiting = self._journal.fold(run_id).waiting
            except KeyError:
                continue  # another thread is at work, and the run was dropped
            for wait in waiting:
                if wait.kind == "event":
                    found.setdefault(wait.event or "", (run_id, wait))
        return found

    def incomplete(self, left: Sequence[str], limit: Duration, now: datetime, due: datetime | None) -> str:
        """Say why runs are not over; `due` is when something happens next."""
        shown = "\n".join(f"- {self._standing(run_id)}" for run_id in left[:5])
        what = "nothing more will happen" if due is None else f"the next thing is due {due}"
        count = "1 run is" if len(left) == 1 else f"{len(left)} runs are"
        remedy = "raise limit=, or send what they wait for"
        return f"{count} not over at {now}, limit {limit}; {what}; {remedy}:\n{shown}"

    def not_come_to(self, run: Run, step: str, occurrence: int, limit: Duration) -> str:
        """Say why a step of a run has not begun."""
        number = f" (use {occurrence})" if occurrence else ""
        what = f"the run is over, {run.status.value}" if run.is_over else f"the limit of {limit} is reached"
        reason = f"{what}: {run.error}" if run.error else what
        return (
            f"run {run.id} of {run.function_id} did not come to step {step!r}{number}: {reason}. It came to: "
            f"{', '.join(repr(each) for each in run.steps) or 'no step'}\n{run.timeline()}"
        )

    def _standing(self, run_id: str) -> str:
        run = Run(run_id, self._journal.functions[run_id], self._journal)
        held = "".join(f"; {each}" for each in run.held)
        return f"{run!r}; waiting: {list(run.waiting)}{held}"
