"""Whether the calls of a replay come when they were recorded.

Recorded times are real: the server looks at its queue every 150 ms, so each hop costs up to 300 ms. So a call comes as
late as the call that caused it, and up to two hops later, as an event is a hop of its own. It is never earlier, except
after a wait for an event, which has a moment of its own.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, TypeAlias

from .sdk_values import NOISE

if TYPE_CHECKING:
    from .sdk_behaviour import Call, SdkBehaviour

#: Seconds that one hop takes at most, and hops from one call to the next.
HOP, HOPS = 0.3, 2
_AWAITING = {"WaitForEvent", "InvokeFunction"}

#: A recorded call, and ours.
Pair: TypeAlias = "tuple[Call, Call]"


@dataclass(frozen=True)
class Lateness:
    """By how many seconds what was recorded may be later than its virtual moment."""

    #: When each recorded call was made, and how late the latest was until then.
    moments: Sequence[float]
    latest: Sequence[float]
    #: Where calls were left out: when the first after them was made, and how many there were.
    gap_ends: float
    left_out: int

    @classmethod
    def of(cls, pairs: Sequence[Pair], expected: SdkBehaviour) -> Lateness:
        ordered = sorted(pairs, key=lambda pair: pair[0].at)
        ends = expected.calls[expected.left_out_after].at if expected.left_out else 0.0
        latest = list(accumulate((late_after(pair) for pair in ordered), max))
        return cls([theirs.at for theirs, _ in ordered], latest, ends, expected.left_out)

    def __call__(self, moment: float) -> float:
        count = bisect_left(self.moments, moment)
        hops = HOPS + (self.left_out if moment == self.gap_ends else 0)
        return max(0.0, self.latest[count - 1] if count else 0.0) + HOP * hops


def late_after(pair: Pair) -> float:
    """Return how late a call was answered."""
    theirs, ours = pair
    return theirs.at + theirs.took - ours.at - ours.took


def differences_in_time(pair: Pair, pairs: Sequence[Pair], lateness: Lateness) -> Iterator[str]:
    """Say whether a call comes at another time than recorded."""
    theirs, ours = pair
    cause = None if _awaited(theirs, pairs) else _cause(theirs, pairs)
    least, most = 0.0, lateness(theirs.at)
    if cause is not None:
        least = late_after(cause)
        most = least + HOP * HOPS if theirs.at != lateness.gap_ends else most
    if not least - NOISE <= theirs.at - ours.at <= most + NOISE:
        after = f" after a call that was {least:.3f} s late" if cause else ""
        yield f"at {theirs.at}{after}, got {ours.at}"


def _cause(call: Call, pairs: Sequence[Pair]) -> Pair | None:
    """Return the call that another follows: the failed attempt, the call that planned it, or the last of its run."""
    earlier = [pair for pair in _earlier(call, pairs) if pair[0].at + pair[0].took <= call.at]
    if call.attempt:
        earlier = [p for p in earlier if (p[0].step, p[0].attempt) == (call.step, call.attempt - 1)]
    elif call.step != "step":
        earlier = [p for p in earlier if (p[0].step, p[0].memos) == ("step", call.memos)]
    return max(earlier, key=lambda pair: pair[0].at + pair[0].took, default=None)


def _awaited(call: Call, pairs: Sequence[Pair]) -> bool:
    """Whether the run waited for an event before a call."""
    if call.step != "step" or call.attempt:
        return False
    earlier = [theirs for theirs, _ in _earlier(call, pairs)]
    known = {step for each in earlier if each.step == "step" for step in each.body["steps"]}
    asked = {
        operation["id"]
        for each in earlier
        if each.status == 206 and isinstance(each.answer, list)
        for operation in each.answer
        if operation["op"] in _AWAITING
    }
    return not asked <= known


def _earlier(call: Call, pairs: Sequence[Pair]) -> list[Pair]:
    return [pair for pair in pairs if pair[0].run == call.run and pair[0].at < call.at]
