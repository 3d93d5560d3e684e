"""A run's history as a table for people: virtual time, step, attempt, outcome and waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from inngest_testkit.durations import format_duration
from inngest_testkit.errors import MissingExtraError
from inngest_testkit.runs.model import HistoryKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from inngest_testkit.runs.model import HistoryEntry
    from inngest_testkit.runs.view import Run

__all__ = ["STYLES", "Row", "describe", "readable", "render", "rows", "title"]

_WIDEST = 72
_MILLISECOND = timedelta(milliseconds=1)
STYLES = {"ok": "green", "retry": "yellow", "failed": "red", "waits": "cyan", "skipped": "dim", "run": "bold"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line: `at` since the run's start, `kind` a key of the styles."""

    at: str
    step: str
    attempt: str
    outcome: str
    kind: str


def title(run: Run) -> str:
    """Return the line above a timeline: run, function, status, span."""
    start, end = run.started_at, run.ended_at
    span = f"{_moment(start)} → {_moment(end)} ({_since(end, start)})" if end else f"since {_moment(start)}"
    return f"run {run.id} of {run.function_id} · {run.status.value} · {span}"


def rows(run: Run) -> list[Row]:
    """Return the lines of a run's timeline."""
    start = run.started_at
    lines = []
    for entry in run.history:
        described = describe(entry, start)
        if described is not None:
            kind, outcome = described
            attempt = "" if entry.attempt is None else str(entry.attempt)
            lines.append(Row(f"+{_since(entry.at, start)}", entry.step or "", attempt, outcome, kind))
    lines.extend(_expectations(run, start))
    return lines


def describe(entry: HistoryEntry, start: datetime) -> tuple[str, str] | None:
    """Return what an entry of a run that began at `start` tells: a key of the styles, and a text; None for nothing."""
    tell = _DESCRIBE.get(entry.kind)
    return tell(entry, start) if tell else None


def render(run: Run, *, color: bool = False) -> str:
    """Return a run's timeline as text; `color` adds terminal colours. Raises `MissingExtraError` without rich."""
    lines = rows(run)
    heads = Row("at", "step", "attempt", "outcome", "")
    at, step, attempt = (
        max(len(getattr(row, column)) for row in [*lines, heads]) for column in ("at", "step", "attempt")
    )
    text = [title(run)]
    for row in [heads, *lines]:
        line = f"  {row.at:>{at}}  {row.step:<{step}}  {row.attempt:>{attempt}}  {row.outcome}"
        text.append(line.rstrip())
    return _colored(text, ["run", "run", *(row.kind for row in lines)]) if color else "\n".join(text)


def _colored(lines: list[str], kinds: list[str]) -> str:
    try:
        from rich.console import Console
        from rich.text import Text
    except ImportError:
        raise MissingExtraError("a timeline in colours", "cli") from None
    console = Console(force_terminal=True, width=10_000, highlight=False)
    with console.capture() as capture:
        for line, kind in zip(lines, kinds, strict=True):
            console.print(Text(line, style=STYLES.get(kind, "")))
    return capture.get().rstrip("\n")


def _expectations(run: Run, start: datetime) -> list[Row]:
    """Return what a run that is not over waits for."""
    return [
        *(
            Row("…", wait.step, "", f"still waiting, until +{_since(wait.until, start)}", "waits")
            for wait in run.waiting
        ),
        *(Row("…", held.step, "", f"still waiting for {_rule(held.rule, held.key)}", "waits") for held in run.held),
    ]


def _rule(rule: str, key: str) -> str:
    return f"{rule} {key!r}" if key else rule


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _since(moment: datetime, start: datetime) -> str:
    return format_duration(readable(moment - start))


def readable(span: timedelta) -> timedelta:
    """Cut a span to whole milliseconds, unless it is shorter than one: what is below is noise of real time."""
    return span - span % _MILLISECOND if span > _MILLISECOND else span


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _WIDEST else flat[: _WIDEST - 1] + "…"


def _created(entry: HistoryEntry, start: datetime) -> tuple[str, str]:
    count = entry.data.get("events", 0)
    events = f" with {count} event{'' if count == 1 else 's'}" if count else ""
    return "run", f"run starts: {entry.data.get('trigger', '')}{events}"


def _held(entry: HistoryEntry, start: datetime) -> tuple[str, str]:
    data = entry.data
    until = "" if data["until"] is None else f" until +{_since(data['until'], start)}"
    ahead = f", {data['ahead']} ahead of it" if data["ahead"] else ""
    return "waits", f"waits for {_rule(data['rule'], data['key'])}{until}{ahead}"


def _run_started(entry: HistoryEntry, start: datetime) -> tuple[str, str] | None:
    return ("run", f"begins, {_since(entry.at, start)} after it was created") if entry.at > start else None


def _edge_taken(entry: HistoryEntry, start: datetime) -> tuple[str, str] | None:
    until = entry.data.get("until")
    return None if until is None else ("waits", f"waits until +{_since(until, start)}")


def _edge_not_taken(entry: HistoryEntry, start: datetime) -> tuple[str, str]:
    return "skipped", _short(f"not taken: {entry.data['edge']} if {entry.data['if']}")


def _pause_saved(entry: HistoryEntry, start: datetime) -> tuple[str, str]:
    if "invokes" in entry.data:
        return "waits", f"waits for run of {entry.data['invokes']} until +{_since(entry.data['until'], start)}"
    verb = "runs unless" if entry.data["on_timeout"] else "waits for"
    return "waits", f"{verb} {entry.data['event']} until +{_since(entry.data['until'], start)}"


def _pause_resumed(entry: HistoryEntry, start: datetime) -> tuple[str, str]:
    return "waits", f"resumed by {entry.data['event']}"


def _pause_consumed(entry: HistoryEntry, start: datetime) -> tuple[str, str]:
    return "skipped", f"will not run: {entry.data['event']} came in time"


def _pause_timed_out(entry: HistoryEntry, start: datetime) -> tuple[str, str]:
    event, taken = entry.data["event"], entry.data["taken"]
    if entry.data["edge"] == f"step/{entry.step}":
        # A step of an app's function: it ends, with nothing or an error.
        return "waits", f"{event} did not come in time"
    return ("waits", f"{event} did not come: runs") if taken else ("skipped", f"{event} did not come: will not run")


def _sleep_began(entry: HistoryEntry, start: datetime) -> tuple[str, str]:
    return "waits", f"sleeps until +{_since(entry.data['until'], start)}"


def _step_planned(entry: HistoryEntry, start: datetime) -> tuple[str, str]:
    return "waits", "planned"


def _event_sent(entry: HistoryEntry, start: datetime) -> tuple[str, str]:
    return "ok", _short(f"sends {entry.data['name']}")


def _finding(entry: HistoryEntry, start: datetime) -> tuple[str, str]:
    finding = entry.data["finding"]
    return "retry", _short(f"{finding.kind}: {finding.message}")


def _step_takes(entry: HistoryEntry, start: datetime) -> tuple[str, str]:
    return "waits", f"begins, takes until +{_since(entry.data['until'], start)}"


def _step_completed(entry: HistoryEntry, start: datetime) -> tuple[str, str]:
    return "ok", _short(f"ok {entry.data['output'].raw.decode(errors='replace')}")


def _step_failed(entry: HistoryEntry, start: datetime) -> tuple[str, str]:
    retry_at = entry.data.get("retry_at")
    then = "failed for good" if retry_at is None else f"retry at +{_since(retry_at, start)}"
    error = entry.data["error"]
    place = f" ({error.place})" if error.place else ""
    return ("failed" if retry_at is None else "retry"), f"{_short(str(error))}{place} · {then}"


def _run_over(entry: HistoryEntry, start: datetime) -> tuple[str, str]:
    error = entry.data.get("error")
    reason = error or entry.data.get("reason")
    if entry.data.get("rule", "cancel") != "cancel":
        reason = f"{entry.data['rule']}: {reason}"
    # In full: the remedy is at the end.
    return "failed" if error else "run", entry.kind.value + (f": {' '.join(str(reason).split())}" if reason else "")


_DESCRIBE: dict[HistoryKind, Callable[[HistoryEntry, datetime], tuple[str, str] | None]] = {
    HistoryKind.RUN_CREATED: _created,
    HistoryKind.RUN_STARTED: _run_started,
    HistoryKind.HELD: _held,
    HistoryKind.EDGE_TAKEN: _edge_taken,
    HistoryKind.EDGE_NOT_TAKEN: _edge_not_taken,
    HistoryKind.PAUSE_SAVED: _pause_saved,
    HistoryKind.PAUSE_RESUMED: _pause_resumed,
    HistoryKind.PAUSE_CONSUMED: _pause_consumed,
    HistoryKind.PAUSE_TIMED_OUT: _pause_timed_out,
    HistoryKind.STEP_PLANNED: _step_planned,
    HistoryKind.SLEEP_BEGAN: _sleep_began,
    HistoryKind.EVENT_SENT: _event_sent,
    HistoryKind.FINDING: _finding,
    HistoryKind.CALL_FAILED: _step_failed,
    HistoryKind.STEP_TAKES: _step_takes,
    HistoryKind.STEP_COMPLETED: _step_completed,
    HistoryKind.STEP_FAILED: _step_failed,
    HistoryKind.RUN_COMPLETED: _run_over,
    HistoryKind.RUN_FAILED: _run_over,
    HistoryKind.RUN_CANCELLED: _run_over,
}
