"""A run's trace: one span for each step, in the order in which they began, and one for the end of an app's function.

Source: recordings/sdk `rest_reads`; where it shows nothing, the server's code, `pkg/run/trace.go`. A span of several
attempts, or of one that has not succeeded, has a child for each. What was tried between steps belongs to the step that
was found at last.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from inngest_testkit.errors import NotFoundError
from inngest_testkit.runs.model import ErrorInfo, HistoryKind, RunStatus, StepStatus
from inngest_testkit.sdk.protocol import Opcode
from inngest_testkit.sdk.request import hashed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from inngest_testkit.api.reads.runs import RunFacts
    from inngest_testkit.runs.model import HistoryEntry, StepRecord
    from inngest_testkit.values import Json

__all__ = ["Span", "output_id", "read_output_id", "span_id", "trace_id", "trace_of"]

_COMPLETED, _FAILED, _CANCELLED = "COMPLETED", "FAILED", "CANCELLED"
_RUNNING, _QUEUED, _WAITING = "RUNNING", "QUEUED", "WAITING"
_OPS: dict[str, str] = {
    Opcode.SLEEP: "SLEEP",
    Opcode.WAIT_FOR_EVENT: "WAIT_FOR_EVENT",
    Opcode.INVOKE: "INVOKE",
    Opcode.AI_GATEWAY: "AI_GATEWAY",
}
_WAITS = frozenset({"SLEEP", "WAIT_FOR_EVENT", "INVOKE"})
#: The names of spans that are no step's.
_OK, _ERROR, _NEXT = "function success", "function error", "Queued step"


@dataclass(slots=True, kw_only=True)
class Span:
    """One span. `key` names it within its run; `step` is the key of its step, if it is one's.

    `entries` is what the history tells of the step's wait. `output` or `error` is what it came to.
    """

    key: str
    name: str
    status: str
    queued_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    attempts: int = 0
    op: str | None = None
    step: str | None = None
    step_id: str | None = None
    output: Json | None = None
    error: ErrorInfo | None = None
    children: list[Span] = field(default_factory=list)
    entries: list[HistoryEntry] = field(default_factory=list)
    parent: Span | None = None

    @property
    def has_output(self) -> bool:
        """Whether it came to something that can be asked for."""
        return self.output is not None or self.error is not None

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it."""
        return self.status in (_COMPLETED, _FAILED, _CANCELLED)

    def walk(self) -> Iterator[Span]:
        """Yield the span, and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(slots=True)
class _Try:
    """One attempt: without an end it is under way, with `retry_at` another one follows."""

    number: int
    at: datetime
    ended_at: datetime | None = None
    error: ErrorInfo | None = None
    retry_at: datetime | None = None
    output: Json | None = None


@dataclass(slots=True)
class _Group:
    """The attempts at one piece of work, and the step that they came to."""

    token: str
    queued_at: datetime
    tries: list[_Try] = field(default_factory=list)
    step: str | None = None
    name: str = _ERROR
    op: str | None = None
    entries: list[HistoryEntry] = field(default_factory=list)


def trace_of(facts: RunFacts) -> Span:
    """Return the root of a run's trace."""
    groups = _groups(facts)
    children = [_span(facts, group) for group in groups]
    children += _waiting_edges(facts)
    root = Span(
        key="run",
        name=facts.plan.function.id,
        status=facts.status.value,
        queued_at=facts.queued_at,
        started_at=facts.started_at,
        ended_at=facts.ended_at,
        children=children,
    )
    last = children[-1] if children else None
    if last is not None and facts.ended_at is None and all(child.is_over for child in children):
        ended = max((child.ended_at for child in children if child.ended_at is not None), default=root.queued_at)
        root.children.append(Span(key="next", name=_NEXT, status=_QUEUED, queued_at=ended))
    elif last is not None and facts.ended_at is not None:
        root.output, root.error = last.output, last.error
    for span in root.walk():
        for child in span.children:
            child.parent = span
    return root


def _groups(facts: RunFacts) -> list[_Group]:
    """Collect the attempts of a run's history."""
    collecting = _Collecting(facts)
    for entry in facts.entries:
        collecting.add(entry)
    return list(collecting.groups.values())


class _Collecting:
    """Groups of attempts, by what the run counts as pending for them."""

    def __init__(self, facts: RunFacts) -> None:
        self._facts = facts
        self.groups: dict[str, _Group] = {}
        self._of: dict[str, _Group] = {}
        #: Of steps that a call found at last, the attempts before.
        self._before: dict[str, _Group] = {}
        #: The last entry that names a step's operation.
        self._named: dict[str, HistoryEntry] = {}
        self._answered: HistoryEntry | None = None

    def add(self, entry: HistoryEntry) -> None:
        """Take the next entry of the history."""
        step, data = entry.step, entry.data
        if step is not None and "op" in data:
            self._named[step] = entry
        match entry.kind:
            case HistoryKind.CALL_ANSWERED:
                self._answered = entry
                group = self.groups.get(data["edge"])
                if group is not None and group.step is None:
                    self._before |= dict.fromkeys(data["found"], group)
            case HistoryKind.CALL_FAILED:
                group = self.groups.setdefault(data["edge"], _Group(data["edge"], entry.at))
                group.tries.append(_Try(entry.attempt or 0, entry.at, entry.at, data["error"], data["retry_at"]))
            case HistoryKind.STEP_STARTED if step is not None:
                self._begin(step, entry)
            case HistoryKind.RUN_COMPLETED | HistoryKind.RUN_FAILED if self._facts.is_app:
                self._end(entry)
            case _ if step in self._of:
                self._of[step].entries.append(entry)

    def _begin(self, step: str, entry: HistoryEntry) -> None:
        group = self._of.get(step)
        if group is None:
            group = self._of[step] = self._group_for(step, entry)
            group.step, record = step, self._facts.steps[step]
            group.tries += [_Try(a.number, a.started_at, a.ended_at, a.error, a.retry_at) for a in record.attempts]
            if record.status is StepStatus.COMPLETED:
                group.tries[-1].output = record.encoded_output
        named = self._named.get(step)
        group.name, group.op = step, None
        if named is not None:
            group.name, group.op = named.data.get("id", step), named.data["op"]

    def _group_for(self, step: str, entry: HistoryEntry) -> _Group:
        before = self._before.get(step)
        if before is not None and before.step is None:
            return before
        token = str(entry.data.get("edge", "")) if self._facts.is_app else f"step/{step}"
        if token in self.groups and self.groups[token].step is not None:
            token = f"{token}/{step}"  # one call came to several steps
        return self.groups.setdefault(token, _Group(token, entry.at))

    def _end(self, entry: HistoryEntry) -> None:
        """Add how an app's function ended: a call returned its result, or failed for good."""
        token = "" if self._answered is None else str(self._answered.data["edge"])
        before = self.groups.get(token)
        if before is None or before.step is not None:
            token, before = "end", None
        # The last of all.
        group = self.groups.pop(token) if before else _Group(token, entry.at)
        self.groups[token] = group
        one = _Try(len(group.tries), entry.at, entry.at)
        if entry.kind is HistoryKind.RUN_COMPLETED:
            group.name, one.output = _OK, entry.data.get("output")
        else:
            group.name, one.error = _ERROR, entry.data["error"]
        group.tries.append(one)


def _span(facts: RunFacts, group: _Group) -> Span:
    group.tries.sort(key=lambda one: one.number)
    record = None if group.step is None else facts.steps[group.step]
    status = _status(facts, group, record)
    op = None if group.step is None else _OPS.get(group.op or "", "RUN")
    if op == "RUN" and facts.is_app and group.tries[-1].error is not None:
        op = None  # what failed has no operation, on the server
    span = Span(
        key=group.token,
        name=group.name,
        status=status,
        queued_at=group.queued_at,
        started_at=group.tries[0].at,
        op=op,
        step=group.step,
        entries=group.entries,
    )
    if group.step is not None:
        span.step_id = hashed(group.step) if facts.is_app else group.step
    last = group.tries[-1]
    if span.is_over:
        span.ended_at = last.ended_at or facts.ended_at
    if last.ended_at is not None and last.retry_at is None:
        span.output, span.error = last.output, last.error
        if op == "SLEEP" or (op == "WAIT_FOR_EVENT" and not _is_resumed(group)):
            span.output = None
    _add_attempts(span, group, facts)
    return span


def _status(facts: RunFacts, group: _Group, record: StepRecord | None) -> str:
    last = group.tries[-1]
    if last.ended_at is not None and last.retry_at is None:
        return _FAILED if last.error is not None else _COMPLETED
    if facts.status is RunStatus.CANCELLED or facts.ended_at is not None:
        return _CANCELLED
    waits = record is not None and record.status is StepStatus.WAITING
    return _WAITING if waits and group.op == Opcode.WAIT_FOR_EVENT else _RUNNING


def _add_attempts(span: Span, group: _Group, facts: RunFacts) -> None:
    """Give a span its attempts, where there were several, or the one has not succeeded."""
    tries = group.tries
    count = len(tries)
    failed = span.status == _FAILED
    span.attempts = count if failed and span.op not in _WAITS else count - 1
    if count == 1 and (span.status == _COMPLETED or (span.op in _WAITS and (failed or span.status == _WAITING))):
        return
    for number, one in enumerate(tries):
        status = _RUNNING
        if one.ended_at is not None:
            status = _FAILED if one.error is not None else _COMPLETED
        elif span.is_over:
            status = span.status
        child = Span(
            key=f"{span.key}/attempt/{number}",
            name=f"Attempt {number}",
            status=status,
            queued_at=one.at,
            started_at=one.at,
            ended_at=one.ended_at,
            attempts=number,
            op=span.op,
            output=one.output,
            error=one.error,
        )
        span.children.append(child)
    retry_at = tries[-1].retry_at
    if retry_at is not None and facts.ended_at is None:
        key, name = f"{span.key}/attempt/{count}", f"Attempt {count}"
        ended = tries[-1].ended_at or span.queued_at
        span.children.append(Span(key=key, name=name, status=_QUEUED, queued_at=ended, attempts=count, op=span.op))


def _is_resumed(group: _Group) -> bool:
    return any(entry.kind is HistoryKind.PAUSE_RESUMED for entry in group.entries)


def _waiting_edges(facts: RunFacts) -> list[Span]:
    """Return the edges of a DAG function that wait before their step."""
    if facts.is_app:
        return []
    kinds = {"time": "SLEEP", "event": "WAIT_FOR_EVENT"}
    return [
        Span(
            key=f"wait/{wait.step}/{wait.until.isoformat()}",
            name=wait.step,
            status=_WAITING if wait.kind == "event" else _RUNNING,
            queued_at=_since(facts, wait.step, facts.queued_at),
            started_at=_since(facts, wait.step, facts.queued_at),
            op=kinds[wait.kind],
            step_id=wait.step,
            entries=[entry for entry in facts.entries if entry.step == wait.step],
        )
        for wait in facts.waiting
        if wait.kind in kinds
    ]


def _since(facts: RunFacts, step: str, otherwise: datetime) -> datetime:
    begun = (HistoryKind.PAUSE_SAVED, HistoryKind.EDGE_TAKEN)
    moments: Sequence[Any] = [entry.at for entry in facts.entries if entry.step == step and entry.kind in begun]
    return moments[-1] if moments else otherwise


# -- ids


def trace_id(run_id: str) -> str:
    """Return the id of a run's trace: 32 hexadecimal digits."""
    return hashlib.sha256(run_id.encode()).hexdigest()[:32]


def span_id(run_id: str, key: str) -> str:
    """Return the id of a span: 16 hexadecimal digits."""
    return hashlib.sha256(f"{run_id}/{key}".encode(errors="surrogatepass")).hexdigest()[:16]


def output_id(run_id: str, span: Span) -> str | None:
    """Return what to ask for a span's output by; None while it has none."""
    if not span.has_output:
        return None
    return base64.b64encode(json.dumps({"run": run_id, "span": span_id(run_id, span.key)}).encode()).decode()


def read_output_id(text: str) -> tuple[str, str]:
    """Return the run and the span that an output's id names; raises `NotFoundError` for what is none."""
    try:
        given = json.loads(base64.b64decode(text, validate=True))
        return str(given["run"]), str(given["span"])
    except (binascii.Error, ValueError, KeyError, TypeError, RecursionError):
        raise NotFoundError("output", text, reason="an outputID is what a span of a trace has") from None
