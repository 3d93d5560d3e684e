"""Where the library differs from the recorded server on purpose.

Each entry names the numbered rules that it follows, says what differs, and turns what was recorded into what is
expected of the library, as precisely as the recording was. The rules (the list of deliberate differences):

1. A status outside 2xx is an error, and every attempt counts: three, then the step has failed for good.
2. A trigger's expression sees the event as `event`.
3. Each edge of a run is taken at most once.
4. An error in an expression, duration or pause belongs to its run, or is found when the function is loaded; each
   pause is handled on its own.
5. Cycles, unreachable steps, duplicate ids and ids that differ from their key are refused at load; the same parent
   may be named more than once.
6. `idempotency` and `throttle` are enforced.
7. What is due at the same time is worked in order of its sequence number, and no step waits for another run's.
8. An event needs a name, a missing `ts` is filled in, and `null` is no event.
9. Docker is needed only to run docker steps.
11. Retries come at the lower bound of their delay.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .behaviour import START, Behaviour, Call, Fact, canonical, playable, recorded, sent
from .comparing import EARLIER

if TYPE_CHECKING:
    from collections.abc import Callable

    from .recording import Recording


@dataclass(frozen=True)
class Difference:
    """The `rules` that it follows, `what` differs, and `expected`, made from what was recorded."""

    rules: tuple[int, ...]
    what: str
    expected: Callable[[Behaviour], Behaviour]


def deliberate(recording: Recording) -> list[Difference]:
    """Return all differences that concern a recording."""
    own = list(EXPECTED.get(recording.name, []))
    missing_ts = Difference((8,), "a missing ts is filled in", lambda behaviour: _filled_in(recording, behaviour))
    before = expectation(recorded(recording), own)
    # Last, so that it fills in what the others add.
    return own if missing_ts.expected(before) == before else [*own, missing_ts]


def expectation(behaviour: Behaviour, applied: list[Difference]) -> Behaviour:
    """Turn what was recorded into what is expected."""
    for difference in applied:
        behaviour = difference.expected(behaviour)
    return behaviour


# -- rule 8: ts


def _events(item: dict[str, Any]) -> list[dict[str, Any]]:
    events = sent(item)
    return [event for event in (events if isinstance(events, list) else [events]) if isinstance(event, dict)]


def _lacks_ts(event: dict[str, Any]) -> bool:
    return event.get("ts") is None


def _filled_in(recording: Recording, behaviour: Behaviour) -> Behaviour:
    """Give each call's event the moment of the request that sent it, if that did not say."""
    first: dict[int, float] = {}
    for call in behaviour.calls:
        first.setdefault(call.run, call.at)
    return behaviour.change(calls=tuple(_with_ts(recording, call, first[call.run]) for call in behaviour.calls))


def _with_ts(recording: Recording, call: Call, started: float) -> Call:
    if not isinstance(call.body, dict) or call.body["event"]["ts"] != 0:
        return call
    origin = None
    for item in playable(recording):
        for event in _events(item):
            if item["at_s"] - EARLIER <= started and _is_event(call.body["event"], event):
                origin = item["at_s"], event
    if origin is None or not _lacks_ts(origin[1]):
        return call
    ts = round((START.timestamp() + origin[0]) * 1000)
    raw = call.raw.replace('"ts":0', f'"ts":{ts}') if call.raw else None
    return replace(call, body={**call.body, "event": {**call.body["event"], "ts": ts}}, raw=raw)


def _is_event(seen: dict[str, Any], event: dict[str, Any]) -> bool:
    # Long texts are recorded shortened.
    same_data = canonical(seen["data"]) == canonical(event.get("data") or {}) or "sha256" in canonical(seen["data"])
    return seen["name"] == event.get("name") and same_data and seen["id"] in (event.get("id"), "<generated>")


# -- what the entries share


def any_order(behaviour: Behaviour) -> Behaviour:
    return behaviour.change(ordered=False)


def refused(*problems: str) -> Callable[[Behaviour], Behaviour]:
    return lambda behaviour: Behaviour(problems=problems)


def loads(behaviour: Behaviour) -> Behaviour:
    return behaviour.change(problems=())


def taken(behaviour: Behaviour) -> Behaviour:
    """Let requests be taken that came when the server had stopped, and let it not stop."""
    replies = tuple("taken" if reply == "no server" else reply for reply in behaviour.replies)
    return behaviour.change(replies=replies).without_facts("server stopped")


def without_outputs(behaviour: Behaviour, *steps: str, of: str | None = None) -> Behaviour:
    def kept(call: Call, outputs: dict[str, Any]) -> dict[str, Any]:
        if of not in (None, call.step):
            return outputs
        return {step: output for step, output in outputs.items() if step not in steps}

    return behaviour.change_outputs(kept)


def failed(step: str, at: float, *, run: int = 0) -> list[Fact]:
    """Say that a step failed for good at its first attempt."""
    return [Fact("attempt failed", run, step, at), Fact("failed for good", run, step, at)]


def tried(step: str, at: float, *, run: int = 0) -> list[Fact]:
    """Say that a step's first attempt failed and is repeated."""
    return [Fact("attempt failed", run, step, at), Fact("retry", run, f"{step} 1", at, 10)]


def scheduled_once(behaviour: Behaviour, parent: str) -> Behaviour:
    """Keep the first of the edges that leave a parent."""
    first = next(fact for fact in behaviour.facts or () if fact.kind == "scheduled" and fact.about == parent)
    return behaviour.without_facts("scheduled", parent).with_facts(first)


# -- rule 1


def statuses_are_errors(behaviour: Behaviour) -> Behaviour:
    bad = ("s400", "s404", "s500", "s503")
    at = behaviour.call("s200").at
    behaviour = without_outputs(behaviour.without_calls("after-400", "after-500"), *bad)
    for step in (*bad, "after-400", "after-500"):
        behaviour = behaviour.without_facts("output", step)
    for parent in ("s400", "s500"):
        behaviour = behaviour.without_facts("scheduled", parent)
    final, repeated = [failed(step, at) for step in ("s400", "s404")], [tried(step, at) for step in ("s500", "s503")]
    return behaviour.with_facts(*(fact for facts in (*final, *repeated) for fact in facts))


def server_error_is_retried(behaviour: Behaviour) -> Behaviour:
    first = behaviour.call("a")
    second = replace(first, at=first.at + 9.99)  # before its child
    output = {"body": {"ok": True}, "status": 200}
    behaviour = behaviour.moved(10, lambda one: is_of(one, "b") or (is_of(one, "a") and one is not first))
    behaviour = behaviour.change_outputs(lambda call, outputs: {"a": output} if call.step == "b" else outputs)
    succeeded = Fact("output", 0, f"a {canonical(output)}", second.at)
    behaviour = behaviour.without_facts("output", "a").with_calls(second)
    return behaviour.with_facts(succeeded, *tried("a", first.at))


def redirect_without_target_fails(behaviour: Behaviour) -> Behaviour:
    at = behaviour.call("r304").at
    behaviour = without_outputs(behaviour, "r304").without_facts("output", "r304")
    return behaviour.with_facts(*failed("r304", at), Fact("run failed", 0, "the step answered 304", at))


def three_attempts(behaviour: Behaviour) -> Behaviour:
    third = max(fact.at for fact in behaviour.facts or () if fact.kind == "attempt failed" and fact.at < 31)
    earlier = tuple(fact for fact in behaviour.facts or () if fact.at < 31)
    over = Fact("run failed", 0, 'Post "http://refused.test/down": connection refused', third)
    behaviour = behaviour.change(facts=earlier).without_facts("retry", "down 3")
    return behaviour.with_facts(Fact("failed for good", 0, "down", third), over)


# -- rule 2


def triggers_see_the_event(behaviour: Behaviour) -> Behaviour:
    model = behaviour.call("asy")
    started = {"ge": "t-ge", "eq": "t-eq", "name": "t-name", "has": "t-has", "asy": "t-asy"}
    calls, facts = [], []
    for run, (step, function) in enumerate(started.items()):
        body = {**model.body, "ctx": {"workflow_id": workflow_id(function)}}
        output = canonical({"body": {"ok": True, "step": step}, "status": 200})
        calls.append(replace(model, run=run, step=step, body=body))
        facts += [Fact("scheduled", run, "$trigger", model.at), Fact("output", run, f"a {output}", model.at)]
    return behaviour.change(calls=tuple(calls), facts=tuple(facts))


def workflow_id(function_id: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, function_id))


# -- rule 3


def children_of_the_join_once(behaviour: Behaviour) -> Behaviour:
    return scheduled_once(behaviour.without_facts("visited again", "e"), "d")


def wait_of_the_join_once(behaviour: Behaviour) -> Behaviour:
    return scheduled_once(behaviour.without_facts("visited again", "k"), "j")


def child_of_the_earlier_wait_once(behaviour: Behaviour) -> Behaviour:
    return scheduled_once(behaviour.without_facts("visited again", "c"), "b")


# -- rule 4


def condition_fails_its_run(behaviour: Behaviour) -> Behaviour:
    error = (
        "edge a->b: if: expression 'event.data.s' cannot be evaluated: "
        "returned type types.Double (%!s(types.Double=5)): expression errored"
    )
    at = behaviour.call("a", run=1).at
    return taken(behaviour).with_copy_of_run(0, 1.6).with_facts(Fact("run failed", 1, error, at))


def match_fails_its_run(behaviour: Behaviour) -> Behaviour:
    error = (
        "edge a->b: match: expression 'async.data.n' cannot be evaluated: "
        "returned type types.String (abc): expression errored"
    )
    at = next(fact.at for fact in behaviour.facts or () if fact.kind == "match failed")
    behaviour = behaviour.without_calls("b").without_facts("output", "b").without_facts("resumed")
    return behaviour.without_facts("match failed").with_facts(Fact("run failed", 0, error, at))


def match_fails_its_run_only(behaviour: Behaviour) -> Behaviour:
    error = (
        "edge a->b: match: expression 'event.data.ok' cannot be evaluated: "
        "returned type types.String (text): expression errored"
    )
    at = next(fact.at for fact in behaviour.facts or () if fact.kind == "match failed")
    behaviour = behaviour.without_facts("match failed").without_facts("timed out, not taken")
    return resumed(behaviour.with_facts(Fact("run failed", 0, error, at)), "b", run=1, at=at)


def resumed(behaviour: Behaviour, step: str, *, run: int, at: float) -> Behaviour:
    """Let the event resume a step that follows `a`."""
    parent = behaviour.call("a", run=run)
    done = {"a": {"body": {"ok": True, "step": "a"}, "status": 200}}
    output = canonical({"body": {"ok": True, "step": step}, "status": 200})
    called = replace(parent, step=step, at=at, body={**parent.body, "steps": done})
    return behaviour.with_calls(called).with_facts(
        Fact("resumed", run, "test/confirm", at), Fact("output", run, f"{step} {output}", at)
    )


def event_consumes_the_pause(behaviour: Behaviour) -> Behaviour:
    at = next(fact.at for fact in behaviour.facts or () if fact.kind == "lease failed")
    return behaviour.without_facts("lease failed").with_facts(Fact("consumed", 0, "test/confirm", at))


def event_serves_both_pauses(behaviour: Behaviour) -> Behaviour:
    at = next(fact.at for fact in behaviour.facts or () if fact.kind == "lease failed")
    behaviour = event_consumes_the_pause(behaviour.without_facts("timed out, not taken"))
    return resumed(behaviour, "done", run=0, at=at)


# -- rule 5


def both_entries_are_edges(behaviour: Behaviour) -> Behaviour:
    return replace_run(behaviour, like=0, run=1)


def replace_run(behaviour: Behaviour, *, like: int, run: int) -> Behaviour:
    """Let a run do what another did, for its own event."""
    own = behaviour.call("a", run=run)
    seconds = own.at - behaviour.call("a", run=like).at
    calls = [
        replace(call, run=run, at=call.at + seconds, body={**call.body, "event": own.body["event"]})
        for call in behaviour.calls
        if call.run == like
    ]
    facts = [replace(fact, run=run, at=fact.at + seconds) for fact in behaviour.facts or () if fact.run == like]
    others = [call for call in behaviour.calls if call.run != run]
    kept = [fact for fact in behaviour.facts or () if fact.run != run]
    return behaviour.change(calls=tuple(others), facts=tuple(kept)).with_calls(*calls).with_facts(*facts)


# -- rule 7


def resumed_step_runs_beside_the_slow_one(behaviour: Behaviour) -> Behaviour:
    at = next(fact.at for fact in behaviour.facts or () if fact.kind == "resumed")
    called = behaviour.call("b").at
    behaviour = without_outputs(behaviour, "c", of="b")
    return behaviour.moved(at - called, lambda one: one.at >= called and is_of(one, "b"))


def is_of(one: Call | Fact, step: str) -> bool:
    return one.step == step if isinstance(one, Call) else one.about.split(" ")[0] == step


def other_function_does_not_wait(behaviour: Behaviour) -> Behaviour:
    late = behaviour.call("fast").at - 0.5
    return behaviour.moved(-late, lambda one: one.run == 1)


# -- rule 8


def events_without_name_are_refused(behaviour: Behaviour) -> Behaviour:
    return behaviour.change(replies=("taken", "refused", "taken", "refused", "taken"))


def null_is_refused(behaviour: Behaviour) -> Behaviour:
    event = {"data": {}, "id": "<generated>", "name": "test/go", "ts": 0, "user": {}}
    body = {"ctx": {"workflow_id": workflow_id("nul")}, "event": event, "steps": {}}
    output = canonical({"body": {"ok": True, "step": "a"}, "status": 200})
    return (
        taken(behaviour)
        .change(replies=("refused", "taken"))
        .with_calls(Call(0.8, 0, "a", body=body))
        .with_facts(Fact("scheduled", 0, "$trigger", 0.8), Fact("output", 0, f"a {output}", 0.8))
    )


# -- rule 11


def retry_at_the_lower_bound(behaviour: Behaviour) -> Behaviour:
    return behaviour.moved(-1, lambda one: one.at > 11)


# -- rule 6


def only_the_first_event_counts(behaviour: Behaviour) -> Behaviour:
    """Of three events with one order, the second and third are refused by one function and wait at the other."""
    first = behaviour.change(
        calls=tuple(call for call in behaviour.calls if call.run in (0, 1)),
        facts=tuple(fact for fact in behaviour.facts or () if fact.run in (0, 1)),
    )
    return first.with_facts(*(Fact("skipped", None, "test/go", at) for at in (0.4, 0.8)))


# -- the table

IN_SEQUENCE = Difference((7,), "siblings are worked in order of their sequence number", any_order)

EXPECTED: dict[str, list[Difference]] = {
    "async-event-while-slow-step": [
        Difference((7,), "the resumed step runs beside the slow one", resumed_step_runs_beside_the_slow_one)
    ],
    "async-invalid-ttl": [
        Difference(
            (4,),
            "the ttl is refused at load",
            refused("step 'b', after[0].async.ttl: error parsing async edge ttl: 'whenever' is not a duration"),
        )
    ],
    "async-match-error": [
        Difference((4,), "an error in match fails its run, which is not resumed later", match_fails_its_run)
    ],
    "async-match-error-ends-walk": [
        Difference((4,), "an error in match fails its run and hides the event from no other", match_fails_its_run_only)
    ],
    "async-two-edges-one-event": [IN_SEQUENCE],
    "connection-closed-then-ok": [
        Difference((11,), "the retry comes after 10 s, without jitter", retry_at_the_lower_bound)
    ],
    "connection-refused-retries": [
        Difference((1,), "a refused connection counts as an attempt, and the third is the last", three_attempts)
    ],
    "cycle": [Difference((5,), "the cycle is refused at load", refused("step 'a', after[1]: cycle: a -> b -> a"))],
    "diamond": [
        Difference((3,), "the child of the join is scheduled once", children_of_the_join_once),
        IN_SEQUENCE,
    ],
    "duplicate-ids-different-steps": [
        Difference((5,), "the second id is refused at load", refused("id: duplicate function id 'dup2'"))
    ],
    "edge-if-not-boolean-number": [
        Difference((4,), "the error fails its run, and the next event starts another", condition_fails_its_run)
    ],
    "event-and-timeout-branches": [
        Difference((4,), "the event consumes the onTimeout edge's pause without an error", event_consumes_the_pause)
    ],
    "event-missing-parts": [Difference((8,), "an event without a name is refused", events_without_name_are_refused)],
    "event-null-in-array": [
        Difference((8,), "null is refused as an event, and the next one starts a run", null_is_refused)
    ],
    "invalid-duplicate-ids-same-steps": [
        Difference((5,), "the second id is refused at load with a message", refused("id: duplicate function id 'dup'"))
    ],
    "invalid-no-docker": [Difference((9,), "functions without docker steps load without Docker", loads)],
    "invalid-step-id-differs-from-key": [
        Difference(
            (5,),
            "the problem names the id and the key instead of an edge, when it is refused at load",
            refused("step 'a', id: unknown step 'other' for an edge into it: the step's id differs from its key 'a'"),
        )
    ],
    "join-child-wait-enqueued-twice": [
        Difference((3,), "the wait of the join's child is scheduled once", wait_of_the_join_once)
    ],
    "on-timeout-with-event": [
        Difference((4,), "the event consumes the onTimeout edge's pause without an error", event_consumes_the_pause)
    ],
    "redirects": [
        Difference((1,), "a 304 is an error, and final", redirect_without_target_fails),
    ],
    "same-parent-listed-twice": [
        Difference((5,), "each entry that names the parent is an edge", both_entries_are_edges)
    ],
    "slow-step-blocks-others": [Difference((7,), "a slow step delays no other function", other_function_does_not_wait)],
    "status-500-then-200": [Difference((1,), "a 500 is retried", server_error_is_retried)],
    "statuses-all-succeed": [
        Difference((1,), "4xx is final and 5xx is retried, and children do not run", statuses_are_errors)
    ],
    "throttle-and-idempotency-not-enforced": [
        Difference((6,), "the later events are refused, and their runs wait", only_the_first_event_counts)
    ],
    "timeout-and-event-branches": [
        Difference((4,), "the event consumes one pause and resumes the other", event_serves_both_pauses)
    ],
    "trigger-expression-error": [IN_SEQUENCE],
    "trigger-expression-event-is-missing": [
        Difference((2,), "the expressions see the event, so other functions start", triggers_see_the_event)
    ],
    "two-functions-one-event": [IN_SEQUENCE],
    "two-parents-different-waits": [
        Difference((3,), "the child of the join is scheduled once", child_of_the_earlier_wait_once)
    ],
    "unreachable-steps": [
        Difference(
            (5,),
            "steps that only follow each other are refused at load",
            refused(
                "step 'x', after[0]: cycle: x -> y -> x; none of them can be reached from the trigger",
                "step 'z', after[0]: cycle: z -> z; none of them can be reached from the trigger",
            ),
        )
    ],
    "wait-invalid": [
        Difference(
            (4,),
            "the wait is refused at load",
            refused("step 'b', after[0].wait: invalid wait duration: 'soon' is not a duration"),
        )
    ],
    "waits-mixed": [IN_SEQUENCE],
}
