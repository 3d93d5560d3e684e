"""Where the library differs on purpose from the recorded server, for functions of the SDK.

Each entry names the numbered rules that it follows, says what differs, and turns what was recorded into what is
expected of the library, as precisely as the recording was. The rules (the list of deliberate differences):

11. Retries come at the lower bound of their delay.
13. Artefacts of polling, of whole-second rounding and of the server's trace store are not reproduced: a sleep lasts
    what it says to the millisecond, a debounce or batch fires at its moment, a free place is taken at once, a run's
    status is right at once, and an event that a singleton skips has no run.
14. Where the recordings' order varies (targeted calls of a parallel group, runs of one event, events sent together,
    runs that wait), ours is the order of the plan or of arrival.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from hashlib import sha1
from typing import TYPE_CHECKING, Any

from .deliberate import Difference
from .sdk_behaviour import SdkBehaviour, seconds_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .sdk_behaviour import Call, Outcome, Received
    from .sdk_http import Answer


# -- rule 11


def retries_at_the_lower_bound(behaviour: SdkBehaviour) -> SdkBehaviour:
    """The second attempt after 15 s instead of 20.4 s, the third after another 30 s instead of 50.9 s."""
    return behaviour.moved(-5.4, after=1).moved(-20.9, after=30)


# -- rule 13


def to_the_millisecond(sleeps: dict[str, float], behaviour: SdkBehaviour) -> SdkBehaviour:
    """Let what follows the sleep of some runs come as many seconds later as the server had cut off it."""
    for run, seconds in sleeps.items():
        slept = next(call for call in behaviour.calls if call.run == run and call.answer_has("Sleep"))
        behaviour = behaviour.moved(seconds, after=slept.at + slept.took, runs=[run])
    return behaviour


def retry_after_a_whole_second(behaviour: SdkBehaviour) -> SdkBehaviour:
    """The server counts `Retry-After: 1` from the beginning of the second."""
    return behaviour.moved(0.85, after=15.3, runs=["run-5"])


def ended_when_cancelled(behaviour: SdkBehaviour) -> SdkBehaviour:
    """The event has the moment at which a run ended."""
    ends = {
        event.event["data"]["run_id"]: seconds_of(event.event["ts"])
        for event in behaviour.own
        if event.event["name"] == "inngest/function.cancelled"
    }
    return behaviour.change_outcomes(lambda outcome: replace(outcome, ended=ends.get(outcome.run, outcome.ended)))


def stored_once(behaviour: SdkBehaviour) -> SdkBehaviour:
    firsts = {event.event["ts"]: event for event in reversed(behaviour.received)}
    return behaviour.change(received=tuple(firsts.values()))


def sooner(seconds: float, behaviour: SdkBehaviour) -> SdkBehaviour:
    """Let all runs begin so much sooner."""
    moments = {o.run: [at - seconds for at in behaviour.moments_of(o.run)] for o in behaviour.outcomes}
    return behaviour.at_moments(moments).change_outcomes(lambda o: replace(o, queued=(o.queued or 0) - seconds))


def without_a_run(behaviour: SdkBehaviour) -> SdkBehaviour:
    """The server has a run with the status "skipped" for each event that is skipped; here its history says so."""

    def dropped(event: Received) -> Received:
        return replace(event, runs=(), dropped_by=("singleton",)) if event.runs == ("<generated>",) else event

    return behaviour.change_received(dropped)


# -- rules 13 and 14: free places


def slot_is_taken_at_once(behaviour: SdkBehaviour) -> SdkBehaviour:
    """The runs for 1, 2 and 3 begin in this order, each as soon as the one before has come to its sleep of 1.5 s.

    The sleeps end at 1.8, 2.1 and 2.4 s. The wake-ups of the second and the third come at the moment at which the step
    of the run before ends, and were queued earlier than its next call.
    """
    first, second, third = (0, 0.3, 1.8, 2.4), (0.3, 0.6, 2.1, 2.4), (0.6, 0.9, 2.4, 2.7)
    return behaviour.at_moments({"run-2": first, "run-0": second, "run-1": third})


def wake_up_comes_first(behaviour: SdkBehaviour) -> SdkBehaviour:
    """The sleep of the second run ends as the step of the first does."""
    return behaviour.moved(0.3, after=7.2, runs=["run-0"])


def started_at_once(behaviour: SdkBehaviour) -> SdkBehaviour:
    """The server began its 48 runs when it looked at the event for the second time."""
    return stored_once(behaviour).moved(-0.3, after=0.5)


# -- rule 14


def runs_in_order(runs: Sequence[str], behaviour: SdkBehaviour) -> SdkBehaviour:
    """Let runs that do the same come in this order, each when another one was recorded."""
    moments = sorted(behaviour.moments_of(run) for run in runs)
    return behaviour.at_moments(dict(zip(runs, moments, strict=True)))


def oldest_first(behaviour: SdkBehaviour) -> SdkBehaviour:
    """The place that the first step leaves is taken by the next call of its run; recorded it was the other run's."""
    return behaviour.at_moments({"run-2": (0.23, 1.402), "run-1": (1.402, 2.568)})


def steps_in_order(steps: Sequence[str], behaviour: SdkBehaviour) -> SdkBehaviour:
    """Let the calls that target steps come in this order, each when another one was recorded."""
    hashes = [sha1(step.encode()).hexdigest() for step in steps]
    moments = dict(zip(hashes, sorted(call.at for call in behaviour.calls if call.step in hashes), strict=True))
    return behaviour.change_calls(lambda call: replace(call, at=moments.get(call.step, call.at)))


def numbered(numbers: dict[int, int], behaviour: SdkBehaviour) -> SdkBehaviour:
    """Let events take each other's place, by their number; and what functions make of the numbers."""

    def number(value: Any) -> Any:
        return numbers.get(value, value) if isinstance(value, int) else renumbered(value)

    def renumbered(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: number(each) if key in ("n", "event") else renumbered(each) for key, each in value.items()}
        return [number(each) for each in value] if isinstance(value, list) else value

    def in_order(run: Outcome) -> Outcome:
        return replace(run, events=tuple(sorted(run.events, key=lambda event: event["data"].get("n", 0))))

    return behaviour.change_values(renumbered).change_outcomes(in_order)


def any_order(behaviour: SdkBehaviour) -> SdkBehaviour:
    return behaviour.change(ordered=False)


def first_branch_comes_first(behaviour: SdkBehaviour) -> SdkBehaviour:
    """The call of the second branch, which ends the run, comes when the first branch has its result."""
    result = [1]

    def call(one: Call) -> Call:
        return replace(one, answer=result) if one.status == 200 else one

    def own(event: Received) -> Received:
        return replace(event, event={**event.event, "data": {**event.event["data"], "result": result}})

    def outcome(run: Outcome) -> Outcome:
        return replace(run, output=result)

    return behaviour.change_calls(call).change_own(own).change_outcomes(outcome)


# -- rules 13, 15, 17 and 18: the event API


def taken_once(behaviour: SdkBehaviour) -> SdkBehaviour:
    """The server stores what comes again with the seed of a request, and shows it with the run of the first."""
    (first, again) = (event for event in behaviour.received if event.runs == ("run-11",))
    assert first.at < again.at
    return behaviour.change(received=tuple(each for each in behaviour.received if each is not again)).change_outcomes(
        lambda outcome: replace(outcome, events=outcome.events[:1])
    )


def received_when_sent(behaviour: SdkBehaviour) -> SdkBehaviour:
    """The server needed 1.3 s to take the end of the twelfth run, which has 6 MB of events in it."""

    def at_once(event: Received) -> Received:
        is_late = event.event["data"].get("run_id") == "run-12"
        return replace(event, at=seconds_of(event.event["ts"])) if is_late else event

    return behaviour.change_own(at_once)


def refused_as_a_whole(behaviour: SdkBehaviour) -> SdkBehaviour:
    """The third run is for the event before the bad one."""
    run = "run-3"
    return behaviour.change(
        calls=tuple(call for call in behaviour.calls if call.run != run),
        own=tuple(event for event in behaviour.own if event.event["data"].get("run_id") != run),
        received=tuple(event for event in behaviour.received if event.runs != (run,)),
        outcomes=tuple(outcome for outcome in behaviour.outcomes if outcome.run != run),
    ).change_answers(
        lambda answer: (
            replace(answer, body={**answer.body, "ids": []})
            if answer.name.startswith("POST /e/key [") and answer.status == 400
            else answer
        )
    )


def data_is_an_object(behaviour: SdkBehaviour) -> SdkBehaviour:
    def filled(value: Any) -> Any:
        if isinstance(value, list):
            return [filled(each) for each in value]
        if not isinstance(value, dict):
            return value
        shown = {key: filled(each) for key, each in value.items()}
        return {**shown, "data": {}} if "name" in shown and shown.get("data", 0) is None else shown

    return behaviour.change_values(filled)


def refused_without_a_key(behaviour: SdkBehaviour) -> SdkBehaviour:
    error = "Event key is required: send to /e/ and your key"

    def refused(answer: Answer) -> Answer:
        if answer.name.split()[1] not in ("/e", "/e/"):
            return answer
        headers = {**answer.headers, "content-type": "application/json"}
        return replace(answer, status=401, headers=headers, body={"ids": [], "status": 401, "error": error})

    changed = behaviour.change_answers(refused)
    return changed.change(replies=tuple((answer.status == 200, 0) for answer in changed.answers))


# -- the table

IN_ORDER_OF_THE_PLAN = Difference((14,), "the calls of a parallel group are made in the order of the plan", any_order)
ENDED_WHEN_CANCELLED = Difference((13,), "a cancelled run has ended when it was cancelled", ended_when_cancelled)
WITHIN_THE_PERIOD = Difference(
    (13,), "a debounce fires at its moment, without a margin of 1.05 s", partial(sooner, 1.05)
)
WITHOUT_A_RUN = Difference((13,), "an event that a singleton skips has no run; the history says it", without_a_run)
STORED_ONCE = "an event is stored once, although a trigger's expression cannot be evaluated"

EXPECTED: dict[str, list[Difference]] = {
    "backoff_default_step": [
        Difference((11,), "retries come after 15 s and 30 s, without jitter", retries_at_the_lower_bound)
    ],
    "batch_size": [
        Difference(
            (14,),
            "batches have the events in the order in which they came",
            partial(numbered, {3: 0, 4: 1, 2: 2, 0: 3, 5: 4, 6: 5, 1: 6}),
        )
    ],
    "batch_timeout": [
        Difference((13,), "a batch starts at the end of its time, to the millisecond", partial(sooner, 0.2))
    ],
    "cancel_api": [ENDED_WHEN_CANCELLED],
    "cancel_mid_step": [ENDED_WHEN_CANCELLED],
    "cancel_on_event": [ENDED_WHEN_CANCELLED],
    "concurrency_key": [
        Difference(
            (14,), "of the runs with a key, that of the first event comes first, and goes on first", oldest_first
        )
    ],
    "concurrency_one": [
        Difference(
            (14,),
            "runs come in the order of their events",
            partial(runs_in_order, ["run-2", "run-1", "run-0"]),
        )
    ],
    "concurrency_parallel_steps": [
        Difference(
            (14,),
            "steps that wait for a place come in the order of the plan",
            partial(steps_in_order, ["w0", "w1", "w2", "w3", "w4"]),
        )
    ],
    "concurrency_short_sleep": [
        Difference((13, 14), "the place of a run that sleeps is taken at once", slot_is_taken_at_once)
    ],
    "concurrency_sleep_long": [
        Difference((14,), "what was queued first comes first of what is due together", wake_up_comes_first)
    ],
    "debounce": [WITHIN_THE_PERIOD],
    "debounce_flow": [WITHIN_THE_PERIOD],
    "event_api": [
        Difference((13,), "what comes again with the seed of a request is not stored again", taken_once),
        Difference((13,), "an event is received when it is sent, however large", received_when_sent),
        Difference((15,), "a list with a bad event in it is refused as a whole", refused_as_a_whole),
        Difference((17,), "the data of an event that has none is empty", data_is_an_object),
        Difference((18,), "events need a key", refused_without_a_key),
    ],
    "expressions": [Difference((13,), f"{STORED_ONCE}, and its runs begin at once", started_at_once)],
    "expressions_missing": [Difference((13,), STORED_ONCE, stored_once)],
    "flask_steps": [IN_ORDER_OF_THE_PLAN],
    "invoke_cancelled_child": [ENDED_WHEN_CANCELLED],
    "key_expressions": [Difference((13,), STORED_ONCE, stored_once)],
    "nan_output": [Difference((14,), "an event's runs begin in the order of the functions", any_order)],
    "not_sdk_response": [
        Difference((13,), "`Retry-After: 1` means a second from the answer on", retry_after_a_whole_second)
    ],
    "parallel_branch_fails": [IN_ORDER_OF_THE_PLAN],
    "parallel_disappearing": [
        Difference(
            (14,),
            "the first branch has its result when the second is called",
            first_branch_comes_first,
        )
    ],
    "parallel_mixed": [IN_ORDER_OF_THE_PLAN],
    "rate_limit_twenty": [
        Difference(
            (14,),
            "of events that come together, the first are let through",
            partial(numbered, {1: 0, 8: 1, 9: 2, 0: 8, 2: 9}),
        )
    ],
    "resync_sleeping": [
        Difference((13,), "a sleep of 2.5 s lasts as long, not 2 s", partial(to_the_millisecond, {"run-0": 0.5}))
    ],
    "singleton_no_key": [WITHOUT_A_RUN],
    "singleton_skip": [WITHOUT_A_RUN],
    "sleep_rounding": [
        Difference(
            (13,),
            "sleeps of 2.4, 1.7, 0.4, 0.7 and 1.3 s last as long, not 2, 2, 0, 1 and 1 s",
            partial(to_the_millisecond, {"run-0": 0.4, "run-1": -0.3, "run-2": 0.4, "run-3": -0.3, "run-4": 0.3}),
        )
    ],
    "step_after_parallel_sync": [IN_ORDER_OF_THE_PLAN],
    "throttle": [
        Difference(
            (14,),
            "runs start in the order of their events",
            partial(runs_in_order, ["run-1", "run-2", "run-3", "run-0", "run-4"]),
        )
    ],
    "throttle_limit_three": [
        Difference(
            (14,),
            "runs start in the order of their events",
            partial(runs_in_order, ["run-4", "run-3", "run-1", "run-2", "run-5", "run-6", "run-0"]),
        )
    ],
    "timeout_finish": [ENDED_WHEN_CANCELLED],
    "use_api_batch": [
        Difference((13,), "a full batch starts at once, not after its 3 s, however large", partial(sooner, 3.6)),
        Difference(
            (14,),
            "a batch has the events in the order in which they came",
            partial(numbered, {0: 0, 4: 1, 1: 2, 3: 3, 7: 4, 2: 5, 5: 6, 6: 7}),
        ),
    ],
}
