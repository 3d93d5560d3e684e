"""Where the library differs on purpose from the recorded server, for functions of the SDK.

Each entry names the numbered rules that it follows, says what differs, and turns what was recorded into what is
expected of the library, as precisely as the recording was. The rules (the list of deliberate differences):

11. Retries come at the lower bound of their delay.
13. Artefacts of polling, of whole-second rounding and of the server's trace store are not reproduced: a sleep lasts
    what it says to the millisecond, and a run's status is right at once.
14. Where the recordings' order varies (targeted calls of a parallel group, runs of one event), ours is the order of the
    plan or of arrival.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from .deliberate import Difference
from .sdk_behaviour import SdkBehaviour, seconds_of

if TYPE_CHECKING:
    from .sdk_behaviour import Call, Outcome, Received


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
    ends = {event.event["data"]["run_id"]: seconds_of(event.event["ts"]) for event in behaviour.own}
    return behaviour.change_outcomes(lambda outcome: replace(outcome, ended=ends[outcome.run]))


def stored_once(behaviour: SdkBehaviour) -> SdkBehaviour:
    first, *_ = behaviour.received
    return behaviour.change(received=(first,))


def started_at_once(behaviour: SdkBehaviour) -> SdkBehaviour:
    """The server began its 48 runs when it looked at the event for the second time."""
    return stored_once(behaviour).moved(-0.3, after=0.5)


# -- rule 14


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


# -- the table

IN_ORDER_OF_THE_PLAN = Difference((14,), "the calls of a parallel group are made in the order of the plan", any_order)
STORED_ONCE = "an event is stored once, although a trigger's expression cannot be evaluated"

EXPECTED: dict[str, list[Difference]] = {
    "backoff_default_step": [
        Difference((11,), "retries come after 15 s and 30 s, without jitter", retries_at_the_lower_bound)
    ],
    "cancel_api": [Difference((13,), "a cancelled run has ended when it was cancelled", ended_when_cancelled)],
    "expressions": [Difference((13,), f"{STORED_ONCE}, and its runs begin at once", started_at_once)],
    "expressions_missing": [Difference((13,), STORED_ONCE, stored_once)],
    "flask_steps": [IN_ORDER_OF_THE_PLAN],
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
    "resync_sleeping": [
        Difference((13,), "a sleep of 2.5 s lasts as long, not 2 s", partial(to_the_millisecond, {"run-0": 0.5}))
    ],
    "sleep_rounding": [
        Difference(
            (13,),
            "sleeps of 2.4, 1.7, 0.4, 0.7 and 1.3 s last as long, not 2, 2, 0, 1 and 1 s",
            partial(to_the_millisecond, {"run-0": 0.4, "run-1": -0.3, "run-2": 0.4, "run-3": -0.3, "run-4": 0.3}),
        )
    ],
    "step_after_parallel_sync": [IN_ORDER_OF_THE_PLAN],
}
