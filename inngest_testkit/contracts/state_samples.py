"""What the checks of a state store are made with."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from inngest_testkit.contracts.base import Contract
from inngest_testkit.events import Event
from inngest_testkit.runs.model import ErrorInfo, HistoryEntry, HistoryKind
from inngest_testkit.state.base import NewRun, Pause, RunState, StateStore
from inngest_testkit.values import encode

if TYPE_CHECKING:
    from collections.abc import Sequence


__all__ = [
    "AWKWARD",
    "DAY",
    "FIRST",
    "HELLO",
    "MANY",
    "MANY_PAUSES",
    "MOMENT",
    "OTHER",
    "SECOND",
    "Samples",
    "ids_of",
    "plain",
    "wins_of",
]

MANY = 100
MANY_PAUSES = 2001
DAY = timedelta(days=1)
MOMENT = timedelta(milliseconds=1)
HELLO, OTHER = encode({"greeting": "hello", "parts": [1, 2.5, None, True]}), encode("other")
FIRST, SECOND = ErrorInfo("ValueError", "no", "File x"), ErrorInfo("KeyError", "'é'", "File y")
# Ids that an implementation which glues ids together, or splits them, would mix up.
AWKWARD = ("a", "a:b", "a/b", "a->b#2", "a b", "*", "élan", "a.b", "{a}", "%s", "'a'", 'a"b', "a\\b", "A", "a:")


class Samples(Contract[StateStore]):
    """What the checks store, and short ways to look at it."""

    __test__ = False

    def run(self, run_id: str = "run", *, key: str = "", cause: str = "") -> NewRun:
        """Return a run to create; key and cause are its own unless given."""
        event = Event(name="user/signed.up", data={"id": 1, "tags": ["a", {"b": None}]}, id="evt", ts=1)
        return NewRun(
            run_id=run_id,
            function_id="signup",
            function_version=3,
            workflow_id="4d71d03f-f19b-5d9e-8523-9628ba18063c",
            key=key or f"key of {run_id}",
            cause=cause or f"cause of {run_id}",
            event=event.to_json(),
            created_at=self.start,
        )

    def pause(self, pause_id: str = "pause", run_id: str = "run", *, event: str = "paid", parent: str = "a") -> Pause:
        """Return a pause to save; it expires a day after the start."""
        return Pause(
            id=pause_id,
            run_id=run_id,
            edge=f"{parent}->b",
            parent=parent,
            child="b",
            event=event,
            match="async.data.id == event.data.id",
            expires=self.start + DAY,
            on_timeout=False,
        )

    def entry(self, kind: HistoryKind = HistoryKind.STEP_STARTED, step: str | None = "a") -> HistoryEntry:
        """Return a transition of the run `run`."""
        return HistoryEntry(self.start, kind, "run", step, 0, {"edge": "$trigger->a"})

    async def with_pauses(self, store: StateStore, *pauses: Pause) -> None:
        """Create the run `run` and save its pauses."""
        await store.create(self.run())
        for pause in pauses:
            assert await store.save_pause(pause) is True, f"save_pause: {pause.id} is new, so it must return True"

    async def expect_pending(self, store: StateStore, expected: int, when: str) -> None:
        """Check how much of the run `run` is pending."""
        found = (await store.load("run")).pending
        assert found == expected, f"pending must be {expected} {when}, found {found}"


def plain(state: RunState) -> tuple[object, ...]:
    """All that a snapshot shows, copied out of it."""
    return (state.run, state.status, state.pending, dict(state.outputs), dict(state.errors), list(state.failed))


def ids_of(pauses: Sequence[Pause]) -> list[str]:
    """Return the ids of pauses, in order."""
    return [pause.id for pause in pauses]


def wins_of(results: list[bool | Exception]) -> int:
    """How many calls returned True; none may have raised."""
    for result in results:
        assert not isinstance(result, Exception), f"a call that runs beside others must not raise, found {result!r}"
    return sum(result is True for result in results)
