"""What a recording of the SDK and a replay of it are compared by, and how a recording says it.

Both have the same parts. What a recording says of a value is a pattern (see `sdk_values`), a replay has the value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from .sdk_http import Answer, recorded_answer

if TYPE_CHECKING:
    from .sdk_recording import SdkRecording

#: Where the virtual time of a replay begins: some functions ask whether a date in the recorded events is over.
START = datetime(2026, 9, 1, tzinfo=UTC)

_MOMENT = re.compile(r"@(ms|iso):([+-][\d.]+)")


@dataclass(frozen=True)
class Call:
    """One call to the app; `at` and `took` in seconds, `run` as the recording or the engine names it."""

    at: float
    took: float
    run: str
    function: str
    step: str
    attempt: int
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    status: int
    answer: Any
    answer_headers: Mapping[str, str]

    @property
    def memos(self) -> int:
        """How many steps were done when the call was asked for."""
        return self.body["ctx"]["stack"]["current"]

    def answer_has(self, op: str) -> bool:
        """Whether an operation is in the answer."""
        return self.status == 206 and op in [operation["op"] for operation in self.answer]


@dataclass(frozen=True)
class Received:
    """One event that the server received, and the runs that it started.

    `dropped_by` are the rules that kept it from starting others; a recording does not say so, which is None.
    """

    at: float
    event: Mapping[str, Any]
    runs: tuple[str, ...]
    dropped_by: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a run, and the events that it was for. The moments are in seconds; None where there was none."""

    run: str
    function: str
    status: str
    output: Any
    events: tuple[Mapping[str, Any], ...]
    is_batch: bool
    queued: float | None
    started: float | None
    ended: float | None


@dataclass(frozen=True)
class SdkBehaviour:
    """All that is compared. `calls` are in order; `own` are the events that the server itself sends."""

    calls: tuple[Call, ...] = ()
    own: tuple[Received, ...] = ()
    received: tuple[Received, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    #: Of each request: whether it was taken, and how many events it gave an id.
    replies: tuple[tuple[bool, int], ...] = ()
    #: What requests to the HTTP face were answered with.
    answers: tuple[Answer, ...] = ()
    #: Whether the calls came in the same order, and with the same memos, each time that they were recorded.
    ordered: bool = True
    same_set: bool = True
    #: How many calls were not recorded, and after how many of those that were.
    left_out: int = 0
    left_out_after: int = 0

    def change(self, **parts: Any) -> Self:
        return replace(self, **parts)

    def change_calls(self, change: Callable[[Call], Call]) -> Self:
        return replace(self, calls=tuple(change(call) for call in self.calls))

    def change_own(self, change: Callable[[Received], Received]) -> Self:
        return replace(self, own=tuple(change(event) for event in self.own))

    def change_received(self, change: Callable[[Received], Received]) -> Self:
        return replace(self, received=tuple(change(event) for event in self.received))

    def change_answers(self, change: Callable[[Answer], Answer]) -> Self:
        return replace(self, answers=tuple(change(answer) for answer in self.answers))

    def change_outcomes(self, change: Callable[[Outcome], Outcome]) -> Self:
        return replace(self, outcomes=tuple(change(outcome) for outcome in self.outcomes))

    def moved(self, seconds: float, *, after: float, runs: Iterable[str] = ()) -> Self:
        """Move in time what came after a moment, of some runs or of all."""
        wanted = set(runs) or {outcome.run for outcome in self.outcomes}

        def later(moment: float | None) -> float | None:
            return moment if moment is None or moment <= after else moment + seconds

        def moments(value: Any) -> Any:
            return change_moments(value, lambda moment: later(moment) or moment)

        calls = [replace(c, at=later(c.at), body=moments(c.body)) if c.run in wanted else c for c in self.calls]
        outcomes = [
            replace(o, started=later(o.started), ended=later(o.ended)) if o.run in wanted else o for o in self.outcomes
        ]
        own = [
            replace(e, at=later(e.at), event=moments(e.event)) if e.event["data"].get("run_id") in wanted else e
            for e in self.own
        ]
        assert calls != list(self.calls)
        return replace(
            self, calls=tuple(sorted(calls, key=lambda call: call.at)), outcomes=tuple(outcomes), own=tuple(own)
        )

    def at_moments(self, moments: Mapping[str, Sequence[float]]) -> Self:
        """Give the calls of some runs moments of their own; what comes from a call is moved as that is."""
        #: Of each run, when its calls were made, and by how much each is moved.
        shifts = {
            run: [(at, new - at) for at, new in zip(self.moments_of(run), each, strict=True)]
            for run, each in moments.items()
        }

        def moved(run: str, moment: float) -> float:
            before = [shift for at, shift in shifts.get(run, ()) if at <= moment]
            first = shifts[run][0][1] if run in shifts else 0
            return moment + (before[-1] if before else first)

        def optional(run: str, moment: float | None) -> float | None:
            return None if moment is None else moved(run, moment)

        def call(each: Call) -> Call:
            at = moved(each.run, each.at)
            return replace(each, at=at, answer=change_moments(each.answer, lambda moment: moment + at - each.at))

        def own(event: Received) -> Received:
            run = event.event["data"].get("run_id", "")
            ts = change_moments(event.event["ts"], lambda ts: moved(run, ts))
            return replace(event, at=moved(run, event.at), event={**event.event, "ts": ts})

        calls = sorted(map(call, self.calls), key=lambda call: call.at)
        outcomes = [
            replace(o, started=optional(o.run, o.started), ended=optional(o.run, o.ended)) for o in self.outcomes
        ]
        return self.change_own(own).change(calls=tuple(calls), outcomes=tuple(outcomes))

    def moments_of(self, run: str) -> list[float]:
        """Return when the calls of a run were made."""
        return [call.at for call in self.calls if call.run == run]

    def change_values(self, change: Callable[[Any], Any]) -> Self:
        """Change what events carry, and what functions and steps make of it."""
        return (
            self.change_calls(lambda call: replace(call, body=change(call.body), answer=change(call.answer)))
            .change_own(lambda event: replace(event, event=change(event.event)))
            .change_received(lambda event: replace(event, event=change(event.event)))
            .change_outcomes(lambda o: replace(o, output=change(o.output), events=tuple(change(e) for e in o.events)))
        )


def change_moments(value: Any, change: Callable[[float], float]) -> Any:
    """Replace every moment in a pattern."""
    if isinstance(value, dict):
        return {key: change_moments(inner, change) for key, inner in value.items()}
    if isinstance(value, list):
        return [change_moments(inner, change) for inner in value]
    if isinstance(value, str):
        return _MOMENT.sub(lambda found: _moment(found[1], change(_seconds(found[1], found[2]))), value)
    return value


def seconds_of(moment: str) -> float:
    """Return a pattern's moment in seconds."""
    found = _MOMENT.fullmatch(moment)
    assert found
    return _seconds(found[1], found[2])


def _moment(kind: str, seconds: float) -> str:
    return f"@ms:{round(seconds * 1000):+}" if kind == "ms" else f"@iso:{seconds:+.3f}"


def _seconds(kind: str, number: str) -> float:
    return float(number) / 1000 if kind == "ms" else float(number)


# -- what a recording says


def recorded(recording: SdkRecording) -> SdkBehaviour:
    """Read what a recording says."""
    kept = [request for request in recording.requests if "body" in request]
    gap = next((n for n, request in enumerate(recording.requests) if "left_out" in request), 0)
    return SdkBehaviour(
        calls=tuple(_call(request) for request in kept),
        own=tuple(_received(event) for event in recording.events),
        received=tuple(_received(event) for event in recording.received_events),
        outcomes=tuple(_outcome(run, recording.events) for run in recording.runs),
        replies=tuple(_replies(recording)),
        answers=tuple(_answers(recording)),
        ordered=recording.stable["request_order"],
        same_set=recording.stable["request_set"],
        left_out=recording.left_out,
        left_out_after=gap,
    )


def _replies(recording: SdkRecording) -> Iterable[tuple[bool, int]]:
    sends, others = iter(recording.sends), iter(recording.http)
    for item in recording.script:
        if "send" in item:
            reply = next(sends)
            yield reply["status"] == 200, len(reply["body"]["ids"])
        elif "http" in item:
            yield next(others)["response"]["status"] == 200, 0


def _answers(recording: SdkRecording) -> Iterable[Answer]:
    requests = [item["http"] for item in recording.script if "http" in item]
    for request, played in zip(requests, recording.http, strict=True):
        if request["method"] != "DELETE":
            yield recorded_answer(played, request)


def _call(request: Mapping[str, Any]) -> Call:
    answer = request["response"]
    return Call(
        at=request["at_s"],
        took=request["took_s"],
        run=request["run"],
        function=request["fn_id"],
        step=request["step_id"],
        attempt=request["attempt"],
        headers={key: value for key, value in request["headers"].items() if key not in NOT_PROTOCOL},
        body=request["body"],
        status=answer["status"],
        answer=answer.get("body"),
        answer_headers=answer["headers"],
    )


#: Headers that an HTTP client adds.
NOT_PROTOCOL = {"accept-encoding"}


def _received(event: Mapping[str, Any]) -> Received:
    return Received(_at(event["received"]) or 0.0, event["event"], tuple(event["runs"]))


def _outcome(run: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> Outcome:
    ended = _at(run["ended"])
    if run.get("status_and_output_from_event"):
        ended = next(seconds_of(each["event"]["ts"]) for each in events if _tells_the_end(each["event"], run["run"]))
    return Outcome(
        run=run["run"],
        function=run["function"],
        status=run["status"],
        output=run["output"],
        events=tuple(run["trigger"]["payloads"]),
        is_batch=run["trigger"]["isBatch"],
        queued=_at(run["queued"]),
        started=_at(run["started"]),
        ended=ended,
    )


def _tells_the_end(event: Mapping[str, Any], run: str) -> bool:
    return event["name"] == "inngest/function.finished" and event["data"]["run_id"] == run


def _at(text: str | None) -> float | None:
    return None if text is None else float(text.removeprefix("@iso:"))
