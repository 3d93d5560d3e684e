"""Where a replay of an SDK's recording differs from it.

Runs are matched by function and event. Steps of a parallel group are called at one moment, so whether the memos of one
are in the call of another is left to chance and not compared; where the recorded order of calls varied, neither is the
order in which steps were completed.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .sdk_times import Lateness, differences_in_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .sdk_behaviour import Call, Outcome, Received, SdkBehaviour
    from .sdk_http import Answer
    from .sdk_values import Reader

#: Steps called within so many seconds of each other may or may not be in each other's memos.
SAME_MOMENT = 0.1
#: Headers of an answer that the server reads.
READ = ("retry-after", "x-inngest-no-retry", "x-inngest-req-version")


def differences(expected: SdkBehaviour, actual: SdkBehaviour, reader: Reader) -> list[str]:
    """Say what differs, one text each; nothing when the replay does what was recorded."""
    reader.runs = matched_runs(expected, actual, reader)
    pairs, unpaired = _paired(expected, actual, reader)
    found = list(unpaired)
    reader.lateness = lateness = Lateness.of(pairs, expected)
    found += _order(expected, actual, reader)
    for theirs, ours in pairs:
        found += [f"{_name(theirs)}: {text}" for text in differences_in_time((theirs, ours), pairs, lateness)]
        found += [f"{_name(theirs)}: {text}" for text in _call(theirs, ours, expected, reader)]
    found += _events("the server's own event", expected.own, actual.own, reader)
    found += _events("event", expected.received, actual.received, reader)
    found += _outcomes(expected, actual, reader)
    if expected.replies != actual.replies:
        found.append(f"replies (taken, ids): {expected.replies}, got {actual.replies}")
    for theirs, ours in zip(expected.answers, actual.answers, strict=True):
        found += [f"{theirs.name}: {text}" for text in _answer(theirs, ours, reader)]
    return found


def _answer(theirs: Answer, ours: Answer, reader: Reader) -> Iterator[str]:
    if theirs.status != ours.status:
        yield f"status {theirs.status}, got {ours.status}"
    yield from reader.differences(theirs.headers, ours.headers, "headers")
    yield from reader.differences(theirs.body, ours.body, "body")


# -- runs


def matched_runs(expected: SdkBehaviour, actual: SdkBehaviour, reader: Reader) -> dict[str, str]:
    """Map the recorded runs to ours, by function and event; those of equal events in order of appearance."""
    matched: dict[str, str] = {}
    rest = {outcome.run: outcome for outcome in actual.outcomes}
    for outcome in sorted(expected.outcomes, key=lambda outcome: int(outcome.run.removeprefix("run-"))):
        probe = replace(reader, runs=matched, named=dict(reader.named))
        same = [other for other in rest.values() if _same_run(outcome, other)]
        exact = [other for other in same if probe.fits(outcome.events[0]["data"], other.events[0]["data"])]
        mate = next(iter([*exact, *same]), None)
        if mate is not None:
            matched[outcome.run] = mate.run
            del rest[mate.run]
    return matched


def _same_run(theirs: Outcome, ours: Outcome) -> bool:
    return theirs.function == ours.function and theirs.events[0]["name"] == ours.events[0]["name"]


# -- calls


def _paired(
    expected: SdkBehaviour, actual: SdkBehaviour, reader: Reader
) -> tuple[list[tuple[Call, Call]], Iterator[str]]:
    """Pair the recorded calls with ours, and say which have no counterpart."""
    rest: defaultdict[tuple[Any, ...], list[Call]] = defaultdict(list)
    for call in actual.calls:
        rest[_key(call, call.run)].append(call)
    pairs, missing = [], []
    for call in expected.calls:
        same = rest[_key(call, reader.runs.get(call.run))]
        if same:
            pairs.append((call, same.pop(0)))
        else:
            missing.append(call)
    extra = [call for calls in rest.values() for call in calls]
    return pairs, _unpaired(missing, extra, expected.left_out)


def _key(call: Call, run: str | None) -> tuple[Any, ...]:
    return run, call.function, call.step, call.attempt, call.memos


def _unpaired(missing: Sequence[Call], extra: Sequence[Call], left_out: int) -> Iterator[str]:
    for call in missing:
        yield f"{_name(call)}: recorded at {call.at}, and not made"
    if left_out:
        if len(extra) != left_out:
            yield f"{left_out} calls are not in the recording, {len(extra)} were made"
        return
    for call in extra:
        yield f"{_name(call)}: made at {call.at}, and not recorded"


def _name(call: Call) -> str:
    return f"{call.run} {call.function} {call.step[:8]} attempt {call.attempt} after {call.memos} steps"


def _order(expected: SdkBehaviour, actual: SdkBehaviour, reader: Reader) -> Iterator[str]:
    if expected.ordered:
        # Which of several equal events came first is left to chance, so the runs are not compared.
        theirs, ours = ([_key(call, "") for call in each.calls] for each in (expected, actual))
        if expected.left_out:
            gap = expected.left_out_after
            ours = [*ours[:gap], *ours[gap + expected.left_out :]]
        if theirs != ours and sorted(theirs) == sorted(ours):
            yield f"order of the calls: {[key[1:] for key in theirs]}, got {[key[1:] for key in ours]}"


def _call(theirs: Call, ours: Call, expected: SdkBehaviour, reader: Reader) -> Iterator[str]:
    if theirs.step != "step":
        together = _together(theirs, expected.calls) if expected.same_set else None
        theirs, ours = _without(theirs, together), _without(ours, together)
    elif not expected.ordered:
        theirs, ours = _without(theirs, set()), _without(ours, set())
    yield from reader.differences(dict(theirs.headers), dict(ours.headers), "headers")
    yield from reader.differences(theirs.body, ours.body, "body")
    if theirs.status != ours.status:
        yield f"answer: status {theirs.status}, got {ours.status}"
    yield from reader.differences(_read(theirs), _read(ours), "answer")
    given = [{key: call.answer_headers[key] for key in READ if key in call.answer_headers} for call in (theirs, ours)]
    yield from reader.differences(*given, "answer's headers")


def _together(call: Call, calls: Iterable[Call]) -> set[str]:
    return {other.step for other in calls if other.run == call.run and abs(other.at - call.at) <= SAME_MOMENT}


def _read(call: Call) -> Any:
    """Return an answer without what the SDK's versions write differently, and the server does not need."""
    if call.status != 206 or not isinstance(call.answer, list):
        return call.answer
    return [_operation(operation) for operation in call.answer]


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in operation.items() if key not in ("displayName", "userland")}
    if kept["name"] == operation["displayName"]:
        # The name of a step, which its id is the hash of; otherwise it is what the step waits for.
        del kept["name"]
    if kept["op"] == "StepFailed":
        kept["op"] = "StepError"
    return kept


def _without(call: Call, steps: set[str] | None) -> Call:
    """Take out of a call the memos of some steps (None: of all), and the order in which the others were completed."""
    memos = {key: memo for key, memo in call.body["steps"].items() if steps is not None and key not in steps}
    stack = sorted(key for key in call.body["ctx"]["stack"]["stack"] if steps is not None and key not in steps)
    context = {**call.body["ctx"], "stack": {"current": call.memos, "stack": stack}}
    return replace(call, body={**call.body, "ctx": context, "steps": memos})


# -- events and outcomes


def _events(what: str, theirs: Sequence[Received], ours: Sequence[Received], reader: Reader) -> Iterator[str]:
    """Match events, whatever their order: it varies among those of one moment, and the moments are compared."""
    rest = list(ours)
    for event in theirs:
        mates = [other for other in rest if _is_event(event, other, reader)]
        if mates:
            rest.remove(mates[0])
            continue
        near = next((other for other in rest if _is_alike(event, other, reader)), None)
        if near is None:
            yield f"{what} {event.event['name']} at {event.at} is not there: {event.event['data']}"
            continue
        rest.remove(near)
        yield from (f"{what} {event.event['name']}: {text}" for text in _event(event, near, reader))
    for other in rest:
        yield f"{what} {other.event['name']} at {other.at} was not recorded: {other.event['data']}"


def _is_alike(theirs: Received, ours: Received, reader: Reader) -> bool:
    about = (theirs.event["data"] or {}).get("run_id")
    same_run = about is None or reader.runs.get(about, about) == ours.event["data"].get("run_id")
    return theirs.event["name"] == ours.event["name"] and same_run


def _is_event(theirs: Received, ours: Received, reader: Reader) -> bool:
    return next(_event(theirs, ours, reader), None) is None


def _event(theirs: Received, ours: Received, reader: Reader) -> Iterator[str]:
    if not reader.same_time(theirs.at, ours.at):
        yield f"at {theirs.at}, got {ours.at}"
    # The recording has events as they are stored, without the user.
    fields = {key: value for key, value in ours.event.items() if key != "user"}
    yield from reader.differences(dict(theirs.event), fields, "event")
    started = {reader.runs.get(run, run) for run in theirs.runs}
    if started != set(ours.runs):
        yield f"started {theirs.runs}, got {ours.runs}"
    if theirs.dropped_by not in (None, ours.dropped_by):
        yield f"dropped by {theirs.dropped_by}, got {ours.dropped_by}"


def _outcomes(expected: SdkBehaviour, actual: SdkBehaviour, reader: Reader) -> Iterator[str]:
    ours = {outcome.run: outcome for outcome in actual.outcomes}
    for outcome in expected.outcomes:
        other = ours.pop(reader.runs.get(outcome.run, ""), None)
        if other is None:
            yield f"{outcome.run} of {outcome.function} is not there"
        else:
            yield from (f"{outcome.run}: {text}" for text in _outcome(outcome, other, reader))
    for other in ours.values():
        yield f"run of {other.function} for {other.events[0]['name']} was not recorded"


def _outcome(theirs: Outcome, ours: Outcome, reader: Reader) -> Iterator[str]:
    if theirs.status != ours.status:
        yield f"status {theirs.status}, got {ours.status}"
    yield from reader.differences(theirs.output, ours.output, "output")
    if theirs.is_batch != ours.is_batch or len(theirs.events) != len(ours.events):
        both = [f"{'a batch of ' * each.is_batch}{len(each.events)} events" for each in (theirs, ours)]
        yield f"{both[0]}, got {both[1]}"
    for number, (payload, event) in enumerate(zip(theirs.events, ours.events, strict=False)):
        fields = {key: value for key, value in event.items() if key in payload}
        yield from reader.differences(payload, fields, f"event {number}")
    for what in ("queued", "started", "ended"):
        one, other = getattr(theirs, what), getattr(ours, what)
        same = one is other if None in (one, other) else reader.same_time(one, other)
        if not same:
            yield f"{what} at {one}, got {other}"
