"""The contract of a state store. Source: recordings/dag README, "State store contract"."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from inngest_testkit.contracts.base import catch, check, gather
from inngest_testkit.contracts.state_outputs import OutputChecks
from inngest_testkit.contracts.state_pauses import PauseChecks
from inngest_testkit.contracts.state_samples import (
    AWKWARD,
    DAY,
    FIRST,
    HELLO,
    MANY,
    SECOND,
    ids_of,
    plain,
    wins_of,
)
from inngest_testkit.errors import (
    IdentifierExistsError,
    NotFoundError,
    PauseNotFoundError,
)
from inngest_testkit.functions.flow_control import IDEMPOTENCY_PERIOD
from inngest_testkit.runs.model import HistoryEntry, HistoryKind, RunStatus
from inngest_testkit.state.base import RunState, StateStore
from inngest_testkit.values import NULL, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from datetime import datetime

__all__ = ["StateStoreContract"]


class StateStoreContract(OutputChecks, PauseChecks):
    """What every `StateStore` must do; `make_store` gives an empty one."""

    __test__ = False

    # -- runs

    @check
    async def test_new_run_loads_as_created(self, store: StateStore) -> None:
        """A new run has nothing pending, no outputs and no errors, and loads with what it was created with."""
        run = replace(self.run(), app_id="shop", batch=(HELLO,), priority=-3, keys=("a", ""), lock="l")
        created, loaded = await store.create(run), await store.load("run")
        for what, state in (("create", created), ("load", loaded)):
            assert state.run == run, f"{what} must return the run as given, found {state.run}"
            assert not state.is_over, f"{what}: a new run is not over, found {state.status}"
            assert plain(state)[2:] == (0, {}, {}, []), f"{what}: a new run is empty, found {plain(state)[2:]}"

    @check
    async def test_create_again_changes_nothing(self, store: StateStore) -> None:
        """Creating a run again for the same cause returns its present state."""
        await store.create(self.run())
        await store.schedule("run", "a")
        await store.save_output("run", "a", HELLO)
        before = plain(await store.load("run"))
        again = plain(await store.create(self.run()))
        assert again == before, f"create, repeated, must return the present state {before}, found {again}"
        assert plain(await store.load("run")) == before, "create, repeated, must change nothing"

    @check
    async def test_create_for_the_same_cause_returns_the_first_run(self, store: StateStore) -> None:
        """A delivery that is worked again asks under a new id, and gets the run that it has created."""
        first, second = self.run("one", key="k", cause="c"), self.run("two", key="k", cause="c")
        await store.create(first)
        assert (await store.create(second)).run == first, "create for the same key and cause must return the first run"
        await catch(NotFoundError, store.load("two"), "load of an id under which nothing was created")

    @check
    async def test_key_belongs_to_one_run(self, store: StateStore) -> None:
        """Another cause with a key that is taken is refused, with the key and the run that has it."""
        await store.create(self.run("one", key="k"))
        error = await catch(IdentifierExistsError, store.create(self.run("two", key="k")), "create with a taken key")
        assert (error.key, error.run_id) == ("k", "one"), f"the error must name key and run, found {vars(error)}"
        await catch(NotFoundError, store.load("two"), "load of a run that was refused")
        await store.create(self.run("three", key="K"))

    @check
    async def test_one_of_many_runs_gets_the_key(self, store: StateStore) -> None:
        """Of 100 runs created at once with one key, exactly one is created."""
        results = await gather(store.create(self.run(f"run {i}", key="k")) for i in range(MANY))
        states = [result for result in results if isinstance(result, RunState)]
        assert len(states) == 1, f"exactly one run must get the key, found {len(states)}"
        for result in results:
            if not isinstance(result, RunState):
                assert isinstance(result, IdentifierExistsError), f"expected IdentifierExistsError, found {result!r}"
                assert result.run_id == states[0].run.run_id, "the error must name the run that has the key"

    @check
    async def test_unknown_runs_are_refused(self, store: StateStore) -> None:
        """Every method that names a run raises NotFoundError for one that was never created."""
        calls: dict[str, Callable[[], Coroutine[object, object, object]]] = {
            "load": lambda: store.load("run"),
            "schedule": lambda: store.schedule("run", "a"),
            "is_scheduled": lambda: store.is_scheduled("run", "a"),
            "claim": lambda: store.claim("run", "a", "t"),
            "save_output": lambda: store.save_output("run", "a", NULL),
            "save_request_version": lambda: store.save_request_version("run", 2),
            "save_error": lambda: store.save_error("run", "a", FIRST, final=True),
            "finalise": lambda: store.finalise("run", "a"),
            "end": lambda: store.end("run", RunStatus.COMPLETED),
            "save_pause": lambda: store.save_pause(self.pause()),
            "append": lambda: store.append(self.entry()),
            "history": lambda: store.history("run"),
        }
        for name, call in calls.items():
            await catch(NotFoundError, call(), f"{name} for an unknown run")

    @check
    async def test_ids_are_not_mixed_up(self, store: StateStore) -> None:
        """Ids are any text: those that look alike, or hold separators, stay apart."""
        for run_id in AWKWARD:
            await store.create(self.run(run_id, key=run_id))
            for step in AWKWARD:
                saved = await store.save_output(run_id, step, encode([run_id, step]))
                assert saved is True, f"run {run_id!r} had no output of {step!r}, so saving it must return True"
                assert await store.schedule(run_id, step) is True, f"token {step!r} of run {run_id!r} is new"
        for run_id in AWKWARD:
            state = await store.load(run_id)
            assert state.pending == len(AWKWARD), f"run {run_id!r}: expected {len(AWKWARD)}, found {state.pending}"
            expected = {step: encode([run_id, step]) for step in AWKWARD}
            assert dict(state.outputs) == expected, f"run {run_id!r} must have its own outputs, found {state.outputs}"

    # -- pending work

    @check
    async def test_scheduling_counts_a_token_once(self, store: StateStore) -> None:
        """A token is counted when it is new; scheduled again it changes nothing."""
        await store.create(self.run())
        assert await store.schedule("run", "a") is True, "schedule of a new token must return True"
        assert await store.schedule("run", "a") is False, "schedule of a pending token must return False"
        await self.expect_pending(store, 1, "after one token was scheduled twice")
        assert await store.schedule("run", "b") is True, "schedule of another token must return True"
        await self.expect_pending(store, 2, "after two tokens")

    @check
    async def test_many_schedule_at_once(self, store: StateStore) -> None:
        """100 tokens scheduled at once raise pending by exactly 100."""
        await store.create(self.run())
        wins = wins_of(await gather(store.schedule("run", f"token {i}") for i in range(MANY)))
        assert wins == MANY, f"each of {MANY} new tokens must be counted, found {wins}"
        await self.expect_pending(store, MANY, f"after {MANY} tokens scheduled at once")

    @check
    async def test_many_schedule_one_token_at_once(self, store: StateStore) -> None:
        """One token scheduled 100 times at once counts once."""
        await store.create(self.run())
        wins = wins_of(await gather(store.schedule("run", "a") for _ in range(MANY)))
        assert wins == 1, f"exactly one schedule of a token returns True, found {wins}"
        await self.expect_pending(store, 1, "after one token scheduled many times at once")

    @check
    async def test_finalising_counts_a_token_once(self, store: StateStore) -> None:
        """A token is counted down once; repeated, or unknown, nothing is lowered, and never below zero."""
        await store.create(self.run())
        await store.schedule("run", "a")
        await store.schedule("run", "b")
        for token, expected in (("unknown", 2), ("a", 1), ("a", 1), ("b", 0), ("b", 0), ("nothing", 0)):
            found = await store.finalise("run", token)
            assert found == expected, f"finalise of {token!r} must return {expected} pending, found {found}"
            await self.expect_pending(store, expected, f"after finalise of {token!r}")

    @check
    async def test_finalised_tokens_stay_known(self, store: StateStore) -> None:
        """A token that is finalised is not counted again, also when it is finalised before it is scheduled."""
        await store.create(self.run())
        await store.schedule("run", "a")
        assert await store.is_scheduled("run", "a") is True, "a pending token is scheduled"
        assert await store.is_scheduled("run", "b") is False, "an unknown token is not scheduled"
        await store.finalise("run", "a")
        await store.finalise("run", "early")
        for token in ("a", "early"):
            assert await store.is_scheduled("run", token) is True, f"finalised token {token!r} counts as scheduled"
            assert await store.schedule("run", token) is False, f"finalised token {token!r} is not scheduled again"
        await self.expect_pending(store, 0, "when all tokens are finalised")

    @check
    async def test_many_finalise_at_once(self, store: StateStore) -> None:
        """Of 100 tokens finalised at once, each call sees its own count: exactly one sees zero."""
        await store.create(self.run())
        for i in range(MANY):
            await store.schedule("run", f"token {i}")
        found = await gather(store.finalise("run", f"token {i}") for i in range(MANY))
        assert sorted(found, key=str) == sorted(range(MANY), key=str), f"each count is seen once, found {found}"
        await self.expect_pending(store, 0, "after all tokens are finalised")

    @check
    async def test_many_steps_at_once(self, store: StateStore) -> None:
        """100 steps scheduled, answered and finalised at once end with nothing pending and 100 outputs."""
        await store.create(self.run())

        async def step(name: str) -> bool:
            await store.schedule("run", name)
            await store.save_output("run", name, HELLO)
            await store.finalise("run", name)
            return True

        wins_of(await gather(step(f"step {i}") for i in range(MANY)))
        await self.expect_pending(store, 0, "when every step is finalised")
        outputs = (await store.load("run")).outputs
        assert len(outputs) == MANY, f"every output must be kept, found {len(outputs)} of {MANY}"

    @check
    async def test_claim_gives_a_step_to_one_token(self, store: StateStore) -> None:
        """The first token that asks has the step, as often as it asks; others have not."""
        await store.create(self.run())
        await store.create(self.run("other"))
        expected = (("run", "a", "t1", True), ("run", "a", "t2", False), ("run", "a", "t1", True))
        for run_id, step, token, won in (*expected, ("run", "b", "t2", True), ("other", "a", "t2", True)):
            found = await store.claim(run_id, step, token)
            assert found is won, f"claim of {step!r} of {run_id!r} by {token!r} must return {won}, found {found}"

    @check
    async def test_one_of_many_claims_wins(self, store: StateStore) -> None:
        """Of 100 tokens that claim a step at once, exactly one gets it."""
        await store.create(self.run())
        wins = wins_of(await gather(store.claim("run", "a", f"token {i}") for i in range(MANY)))
        assert wins == 1, f"exactly one claim wins, found {wins}"

    # -- the end of a run

    @check
    async def test_end_leaves_nothing_to_do(self, store: StateStore) -> None:
        """A run that ends has its status, nothing pending and no pauses; its outputs stay."""
        await self.with_pauses(store, self.pause())
        await store.schedule("run", "a")
        await store.save_output("run", "a", HELLO)
        await store.lease_pause("pause", self.start, owner="me")
        assert await store.end("run", RunStatus.CANCELLED) is True, "end of a run that is not over must return True"
        state = await store.load("run")
        assert (state.status, state.is_over, state.pending) == (RunStatus.CANCELLED, True, 0), f"found {plain(state)}"
        assert dict(state.outputs) == {"a": HELLO}, "outputs stay when a run ends"
        await self._expect_no_pauses(store)

    async def _expect_no_pauses(self, store: StateStore) -> None:
        found = await store.pauses_by_event("paid")
        assert ids_of(found) == [], f"the run's pauses must be gone, found {ids_of(found)}"
        await catch(PauseNotFoundError, store.pause_by_id("pause"), "pause_by_id after the run is gone")
        await catch(PauseNotFoundError, store.pause_by_step("run", "a"), "pause_by_step after the run is gone")
        await catch(PauseNotFoundError, store.consume_pause("pause"), "consume_pause after the run is gone")
        leased = await store.pause_leased_until("pause", self.start)
        assert leased is None, f"the pause's lease must be gone, found {leased}"

    @check
    async def test_end_is_final(self, store: StateStore) -> None:
        """Once a run is over nothing is scheduled, saved as a pause or ended again."""
        await store.create(self.run())
        await store.schedule("run", "a")
        await store.end("run", RunStatus.COMPLETED)
        assert await store.end("run", RunStatus.FAILED) is False, "end of a run that is over must return False"
        assert await store.schedule("run", "b") is False, "schedule for a run that is over must return False"
        assert await store.save_pause(self.pause()) is False, "save_pause for a run that is over must return False"
        for token in ("a", "b"):
            assert await store.finalise("run", token) == 0, f"finalise of {token!r} must return 0: the run is over"
        state = await store.load("run")
        assert (state.status, state.pending) == (RunStatus.COMPLETED, 0), f"the first end counts, found {plain(state)}"
        await self._expect_no_pauses(store)

    @check
    async def test_one_of_many_ends_wins(self, store: StateStore) -> None:
        """Of 100 calls that end a run at once, exactly one does, and its status stays."""
        await store.create(self.run())
        statuses = [RunStatus.FAILED, RunStatus.COMPLETED] * (MANY // 2)
        results = await gather(store.end("run", status) for status in statuses)
        assert wins_of(results) == 1, f"exactly one call ends the run, found {wins_of(results)}"
        found = (await store.load("run")).status
        assert found == statuses[results.index(True)], f"the status of the call that ended it must stay, found {found}"

    @check
    async def test_delete_forgets_a_run(self, store: StateStore) -> None:
        """A deleted run is unknown, its pauses gone; its key and other runs stay; repeated, nothing happens."""
        await self.with_pauses(store, self.pause())
        await store.append(self.entry())
        await store.create(self.run("other"))
        await store.save_pause(self.pause("other's", "other", event="shipped"))
        await store.delete("run")
        await store.delete("run")
        await catch(NotFoundError, store.load("run"), "load of a deleted run")
        await catch(NotFoundError, store.history("run"), "history of a deleted run")
        await self._expect_no_pauses(store)
        assert (await store.load("other")).run == self.run("other"), "other runs must stay"
        assert ids_of(await store.pauses_by_event("shipped")) == ["other's"], "pauses of other runs must stay"
        again = self.run("again", key=self.run().key, cause="another")
        await catch(IdentifierExistsError, store.create(again), "create with the key of a deleted run")

    @check
    async def test_key_counts_for_a_day(self, store: StateStore) -> None:
        """24 hours after its run was created, deleted or not, a key can have another run."""
        for run_id in ("kept", "deleted"):
            await store.create(self.run(run_id, key=run_id))
        await store.delete("deleted")
        again = [self.run(f"{run_id} again", key=run_id, cause="another") for run_id in ("kept", "deleted")]
        for run in again:
            early = replace(run, created_at=run.created_at + IDEMPOTENCY_PERIOD - timedelta(milliseconds=1))
            await catch(IdentifierExistsError, store.create(early), "create with a key that is less than a day old")
        for run in again:
            late = replace(run, created_at=run.created_at + IDEMPOTENCY_PERIOD)
            assert (await store.create(late)).run == late, "a key that is a day old must be free"

    @check
    async def test_deleted_run_leaves_nothing_behind(self, store: StateStore) -> None:
        """A run that is created again under the id of a deleted one starts from nothing, also one that had ended."""
        for status in (RunStatus.RUNNING, RunStatus.COMPLETED):
            await self.with_pauses(store, self.pause())
            await store.schedule("run", "a")
            await store.claim("run", "a", "t1")
            await store.save_output("run", "a", HELLO)
            await store.append(self.entry())
            if status.is_over:
                await store.end("run", status)
            await store.delete("run")
            state = await store.create(self.run())
            assert plain(state)[2:] == (0, {}, {}, []), f"a run created anew is empty, found {plain(state)[2:]}"
            assert not await store.is_scheduled("run", "a"), "tokens of a deleted run must be forgotten"
            assert await store.claim("run", "a", "t2"), "claims of a deleted run must be forgotten"
            assert not list(await store.history("run")), "the history of a deleted run must be forgotten"
            await store.delete("run")

    # -- history

    @check
    async def test_history_is_in_order(self, store: StateStore) -> None:
        """Entries come back as they were appended, oldest first, repeated ones too; each run has its own."""
        await store.create(self.run())
        await store.create(self.run("other"))
        entries = [*_entries(self.start), self.entry(), self.entry()]
        for entry in entries:
            assert await store.append(entry) is True, f"append of {entry!r} must return True"
        await store.append(replace(self.entry(), run_id="other"))
        found = list(await store.history("run"))
        assert found == entries, f"expected the entries as appended, found {found}"
        assert len(await store.history("other")) == 1, "each run has its own history"
        await store.append(self.entry())
        assert found == entries, "what was read must not change when an entry is appended"

    @check
    async def test_append_once(self, store: StateStore) -> None:
        """With `once`, a transition that is in the history is not written again, whenever it is told."""
        await store.create(self.run())
        entries = _entries(self.start)
        for entry in entries:
            assert await store.append(entry, once=True) is True, f"{entry!r} is new, so append must return True"
        for entry in entries:
            again = replace(entry, at=self.start + DAY)
            assert await store.append(again, once=True) is False, f"{entry!r} is there, so append must return False"
        assert list(await store.history("run")) == entries, "append once, repeated, must change nothing"

    @check
    async def test_one_of_many_appends_counts(self, store: StateStore) -> None:
        """Of 100 appends of one transition at once, with `once`, exactly one is written."""
        await store.create(self.run())
        wins = wins_of(await gather(store.append(self.entry(), once=True) for _ in range(MANY)))
        assert wins == 1, f"exactly one append returns True, found {wins}"
        assert len(await store.history("run")) == 1, "the transition is written once"

    # -- repetition

    @check
    async def test_repeated_writes_change_nothing(self, store: StateStore) -> None:
        """A run whose every write is made twice stands as one whose writes are made once."""
        await store.create(self.run("other"))
        shown = []
        for times in (1, 2):
            for write in self._writes(store):
                for _ in range(times):
                    await write()
            shown.append(await self._shown(store))
            await store.delete("run")
        assert shown[0] == shown[1], f"writes, repeated, are taken as done: expected {shown[0]}, found {shown[1]}"

    def _writes(self, store: StateStore) -> Sequence[Callable[[], Coroutine[object, object, object]]]:
        """Every write of a run's life, each of which must be repeatable."""
        now = self.start
        return (
            lambda: store.create(self.run()),
            lambda: store.append(self.entry(), once=True),
            lambda: store.schedule("run", "t1"),
            lambda: store.schedule("run", "t2"),
            lambda: store.schedule("run", "t3"),
            lambda: store.claim("run", "a", "t1"),
            lambda: store.save_error("run", "a", FIRST, final=False),
            lambda: store.save_output("run", "a", HELLO),
            lambda: store.save_error("run", "b", SECOND, final=True),
            lambda: store.finalise("run", "t1"),
            lambda: store.finalise("run", "t2"),
            lambda: store.save_pause(self.pause()),
            lambda: store.save_pause(self.pause("two")),
            lambda: store.lease_pause("pause", now, owner="me"),
            lambda: store.append(self.entry(HistoryKind.STEP_COMPLETED), once=True),
        )

    async def _shown(self, store: StateStore) -> tuple[object, ...]:
        pauses, history = await store.pauses_by_event("paid"), await store.history("run")
        leased = await store.pause_leased_until("pause", self.start)
        return (*plain(await store.load("run")), list(pauses), list(history), leased)


def _entries(at: datetime) -> list[HistoryEntry]:
    """Transitions that all differ, with every kind of particular."""
    base = HistoryEntry(at, HistoryKind.STEP_STARTED, "run", "a", 0, {"edge": "$trigger->a"})
    return [
        HistoryEntry(at, HistoryKind.RUN_CREATED, "run", data={"trigger": "event 'x'", "event_id": "e", "n": 3}),
        base,
        replace(base, step="b"),
        replace(base, attempt=1),
        replace(base, data={"edge": "c->a"}),
        replace(base, kind=HistoryKind.STEP_FAILED, data={"error": FIRST, "retry_at": at + DAY}),
        replace(base, kind=HistoryKind.STEP_COMPLETED, data={"output": HELLO, "flag": False, "none": None}),
        HistoryEntry(at, HistoryKind.PAUSE_RESUMED, "run", "a", data={"edge": "c->a", "event_id": "one"}),
        HistoryEntry(at, HistoryKind.PAUSE_RESUMED, "run", "a", data={"edge": "c->a", "event_id": "two"}),
        HistoryEntry(at, HistoryKind.RUN_COMPLETED, "run"),
    ]
