"""The pauses of a state store: kept, leased, consumed, and found by event, by step and by id."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from inngest_testkit.contracts.base import catch, check, gather
from inngest_testkit.contracts.state_samples import DAY, MANY, MANY_PAUSES, MOMENT, Samples, ids_of, wins_of
from inngest_testkit.errors import (
    PauseLeasedError,
    PauseNotFoundError,
)
from inngest_testkit.events import Event
from inngest_testkit.expressions import equality_key, lookup
from inngest_testkit.state.base import PAUSE_LEASE, Pause, PauseKind, StateStore, WaitKey

if TYPE_CHECKING:
    pass


__all__ = ["PauseChecks"]


class PauseChecks(Samples):
    """The part of the contract that is about pauses."""

    __test__ = False

    @check
    async def test_pause_is_saved_once(self, store: StateStore) -> None:
        """A pause comes back as it was saved; its id is taken for ever, also once it is consumed."""
        index = WaitKey(("async", "data", "id"), "n:1.0")
        pauses = [
            self.pause(),
            replace(self.pause("two"), match=None, on_timeout=True, index=index),
            replace(self.pause("wait", parent=""), function_id="shop-f", kind=PauseKind.WAIT, race=True),
            replace(self.pause("invoke", parent=""), kind=PauseKind.INVOKE, correlation="run.é"),
        ]
        await self.with_pauses(store, *pauses)
        for pause in pauses:
            found = await store.pause_by_id(pause.id)
            assert found == pause, f"pause_by_id must return the pause as saved, {pause}, found {found}"
            assert await store.save_pause(pause) is False, "save_pause of an id that is there must return False"
            await store.consume_pause(pause.id)
            assert await store.save_pause(pause) is False, "save_pause of an id that is consumed must return False"
        assert ids_of(await store.pauses_by_event("paid")) == [], "a consumed pause must not come back"

    @check
    async def test_one_of_many_saves_of_a_pause_counts(self, store: StateStore) -> None:
        """A pause saved 100 times at once is there once."""
        await store.create(self.run())
        wins = wins_of(await gather(store.save_pause(self.pause()) for _ in range(MANY)))
        assert wins == 1, f"exactly one save_pause returns True, found {wins}"
        assert ids_of(await store.pauses_by_event("paid")) == ["pause"], "a pause is offered once"

    @check
    async def test_lease_keeps_others_away(self, store: StateStore) -> None:
        """A leased pause is refused to others for 5 seconds, with the moment at which the lease ends."""
        await self.with_pauses(store, self.pause())
        await store.lease_pause("pause", await self.at(0), owner="one")
        for span in (timedelta(), PAUSE_LEASE / 2, PAUSE_LEASE - MOMENT):
            now = await self.at(span)
            error = await catch(
                PauseLeasedError, store.lease_pause("pause", now, owner="two"), f"lease by another {span} later"
            )
            found = (error.pause_id, error.until)
            assert found == ("pause", self.start + PAUSE_LEASE), f"the error must name pause and end, found {found}"

    @check
    async def test_lease_runs_out(self, store: StateStore) -> None:
        """After 5 seconds another worker can lease the pause, and then it keeps the first away."""
        await self.with_pauses(store, self.pause())
        await store.lease_pause("pause", await self.at(0), owner="one")
        later = await self.at(PAUSE_LEASE + MOMENT)
        await store.lease_pause("pause", later, owner="two")
        await catch(PauseLeasedError, store.lease_pause("pause", later, owner="one"), "lease by the first owner")

    @check
    async def test_owner_may_lease_again(self, store: StateStore) -> None:
        """The owner of a lease gets it again at once, for another 5 seconds."""
        await self.with_pauses(store, self.pause())
        await store.lease_pause("pause", await self.at(0), owner="one")
        again = await self.at(PAUSE_LEASE / 2)
        await store.lease_pause("pause", again, owner="one")
        now = await self.at(PAUSE_LEASE + MOMENT)
        error = await catch(PauseLeasedError, store.lease_pause("pause", now, owner="two"), "lease by another")
        assert error.until == again + PAUSE_LEASE, f"the owner's second lease counts, found {error.until}"

    @check
    async def test_lease_of_what_is_not_there(self, store: StateStore) -> None:
        """A pause that is unknown, consumed or expired cannot be leased; at its last moment it can."""
        pause = replace(self.pause(), expires=self.start + PAUSE_LEASE)
        await self.with_pauses(store, pause, self.pause("gone"))
        await store.consume_pause("gone")
        for pause_id in ("unknown", "gone"):
            await catch(
                PauseNotFoundError, store.lease_pause(pause_id, self.start, owner="one"), f"lease of {pause_id} pause"
            )
        await store.lease_pause("pause", await self.at(PAUSE_LEASE), owner="one")
        late = await self.at(PAUSE_LEASE + MOMENT)
        await catch(PauseNotFoundError, store.lease_pause("pause", late, owner="one"), "lease of an expired pause")

    @check
    async def test_leased_until(self, store: StateStore) -> None:
        """A lease can be asked after: while it lasts its end, before and after it nothing, as for unknown pauses."""
        await self.with_pauses(store, self.pause(), self.pause("other"))
        spans = (timedelta(), PAUSE_LEASE - MOMENT, PAUSE_LEASE + MOMENT)
        assert await store.pause_leased_until("pause", self.start) is None, "a fresh pause is not leased"
        await store.lease_pause("pause", await self.at(0), owner="one")
        for span, expected in zip(spans, (self.start + PAUSE_LEASE, self.start + PAUSE_LEASE, None), strict=True):
            found = await store.pause_leased_until("pause", await self.at(span))
            assert found == expected, f"{span} after the lease it must end at {expected}, found {found}"
        for pause_id in ("other", "unknown"):
            found = await store.pause_leased_until(pause_id, self.start)
            assert found is None, f"the {pause_id} pause is not leased, found {found}"

    @check
    async def test_one_of_many_leases_wins(self, store: StateStore) -> None:
        """Of 100 workers that lease a pause at once, exactly one gets it."""
        await self.with_pauses(store, self.pause())
        now = await self.at(0)
        results = await gather(store.lease_pause("pause", now, owner=f"worker {i}") for i in range(MANY))
        errors = [result for result in results if result is not None]
        assert len(errors) == MANY - 1, f"exactly one worker gets the lease, found {MANY - len(errors)}"
        assert all(isinstance(e, PauseLeasedError) for e in errors), f"expected no other error, found {errors[:3]}"

    @check
    async def test_consume(self, store: StateStore) -> None:
        """A pause is consumed once: expired, leased or not; unknown or consumed it is not found."""
        expired = replace(self.pause("expired"), expires=self.start)
        await self.with_pauses(store, self.pause(), self.pause("leased"), expired, self.pause("left"))
        await store.lease_pause("leased", await self.at(0), owner="one")
        await self.at(1)
        for pause_id in ("pause", "leased", "expired"):
            await store.consume_pause(pause_id)
            await catch(PauseNotFoundError, store.consume_pause(pause_id), "consume_pause, repeated")
            await catch(PauseNotFoundError, store.pause_by_id(pause_id), "pause_by_id of a consumed pause")
        await catch(PauseNotFoundError, store.consume_pause("unknown"), "consume_pause of an unknown id")
        assert await store.pause_leased_until("leased", self.start) is None, "a consumed pause is not leased"
        assert ids_of(await store.pauses_by_event("paid")) == ["left"], "consumed pauses must not be offered"

    @check
    async def test_one_of_many_consumes_wins(self, store: StateStore) -> None:
        """Of 100 workers that consume a pause at once, exactly one does."""
        await self.with_pauses(store, self.pause())
        results = await gather(store.consume_pause("pause") for _ in range(MANY))
        errors = [result for result in results if result is not None]
        assert len(errors) == MANY - 1, f"exactly one worker consumes the pause, found {MANY - len(errors)}"
        assert all(isinstance(e, PauseNotFoundError) for e in errors), (
            f"expected PauseNotFoundError, found {errors[:3]}"
        )

    @check
    async def test_pauses_by_event(self, store: StateStore) -> None:
        """The pauses for an event's name come oldest first, expired ones included, and none of another name."""
        names = ("zebra", "apple", "mango")
        pauses = [replace(self.pause(name), expires=self.start - DAY * i) for i, name in enumerate(names)]
        await self.with_pauses(store, *pauses, self.pause("other", event="Paid"), self.pause("star", event="pai*"))
        found = list(await store.pauses_by_event("paid"))
        assert found == pauses, f"expected the pauses of 'paid' as saved, oldest first, found {ids_of(found)}"
        assert not list(await store.pauses_by_event("pai")), "nothing waits for 'pai'"

    @check
    async def test_many_pauses_by_event(self, store: StateStore) -> None:
        """2001 pauses for one event all come, each once, oldest first; nothing of another event."""
        pauses = [self.pause(f"pause {i}") for i in range(MANY_PAUSES)]
        await self.with_pauses(store, *pauses, self.pause("other", event="shipped"))
        found = ids_of(await store.pauses_by_event("paid"))
        assert len(found) == MANY_PAUSES, f"expected {MANY_PAUSES} pauses, found {len(found)}"
        assert found == ids_of(pauses), "many pauses must come oldest first"

    @check
    async def test_look_ups_by_event_are_independent(self, store: StateStore) -> None:
        """Two look-ups may be read in turns, while pauses are consumed and saved, and show neither."""
        pauses = [self.pause(f"pause {i}") for i in range(10)]
        await self.with_pauses(store, *pauses)
        one, two = await store.pauses_by_event("paid"), await store.pauses_by_event("paid")
        read: list[tuple[str, str]] = []
        for first, second in zip(one, two, strict=True):
            read.append((first.id, second.id))
            await store.consume_pause(first.id)
            await store.save_pause(self.pause(f"new {first.id}"))
        assert read == [(pause.id, pause.id) for pause in pauses], f"what was looked up must not change, found {read}"
        left = ids_of(await store.pauses_by_event("paid"))
        assert left == [f"new {pause.id}" for pause in pauses], f"a new look-up shows what is there, found {left}"

    @check
    async def test_index_leaves_out_no_pause_that_matches(self, store: StateStore) -> None:
        """With an event, every pause without an index or whose index the event fulfils comes, oldest first."""
        pauses = [
            self.pause(f"{index.path} {index.key}" if index else f"plain {i}") for i, index in enumerate(_INDEXES)
        ]
        pauses = [replace(pause, index=index) for pause, index in zip(pauses, _INDEXES, strict=True)]
        await self.with_pauses(store, *pauses)
        everything = ids_of(pauses)
        assert ids_of(await store.pauses_by_event("paid")) == everything, "without an event every pause comes"
        for event in _EVENTS:
            found = ids_of(await store.pauses_by_event("paid", event))
            due = [pause.id for pause in pauses if _may_match(pause, event)]
            missing = [pause_id for pause_id in due if pause_id not in found]
            assert not missing, f"{event!r} fulfils the index of {missing}, which must not be left out"
            assert found == [i for i in everything if i in found], f"{event!r}: oldest first, each once, found {found}"

    @check
    async def test_consumed_pauses_leave_the_index(self, store: StateStore) -> None:
        """A pause with an index is gone once it is consumed, and those beside it stay."""
        pauses = [replace(self.pause(f"pause {i}"), index=_INDEXES[0]) for i in range(4)]
        await self.with_pauses(store, *pauses)
        event = _EVENTS[0]
        for gone in ("pause 2", "pause 0", "pause 3", "pause 1"):
            await store.consume_pause(gone)
            pauses = [pause for pause in pauses if pause.id != gone]
            for given in (None, event):
                found = ids_of(await store.pauses_by_event("paid", given))
                assert found == ids_of(pauses), f"expected {ids_of(pauses)} after consuming {gone}, found {found}"

    @check
    async def test_pause_by_step(self, store: StateStore) -> None:
        """The oldest pause of a run whose parent is the step; not found for other runs, and for children."""
        await store.create(self.run("other"))
        pauses = [self.pause("z"), self.pause("a"), self.pause("c", parent="c")]
        await self.with_pauses(store, *pauses)
        for pause in pauses:
            found = await store.pause_by_step("run", pause.parent)
            assert found == pause, f"pause_by_step of {pause.parent!r} must return {pause.id!r}, found {found.id!r}"
            await store.consume_pause(pause.id)
        await store.save_pause(self.pause("last"))
        for run_id, step in (("run", "b"), ("run", "c"), ("other", "a"), ("unknown", "a")):
            await catch(PauseNotFoundError, store.pause_by_step(run_id, step), f"pause_by_step of {run_id} {step}")

    @check
    async def test_pause_by_id(self, store: StateStore) -> None:
        """A pause is found by its id while it is not consumed, also once it has expired."""
        expired = replace(self.pause("expired"), expires=self.start)
        await self.with_pauses(store, expired)
        await self.at(PAUSE_LEASE)
        assert await store.pause_by_id("expired") == expired, "an expired pause is found by its id"
        await catch(PauseNotFoundError, store.pause_by_id("unknown"), "pause_by_id of an unknown id")


def _may_match(pause: Pause, event: Event) -> bool:
    """Whether an event fulfils a pause's index, seen from the expression's side."""
    if pause.index is None:
        return True
    return equality_key(lookup(pause.index.path, {"async": event.to_dict()})) == pause.index.key


def _wait(*path: str, key: object) -> WaitKey:
    encoded = equality_key(key)
    assert encoded is not None, f"{key!r} cannot be indexed"
    return WaitKey(("async", *path), encoded)


#: What pauses wait for; None has no index.
_INDEXES: tuple[WaitKey | None, ...] = (
    _wait("data", "id", key=1),
    None,
    _wait("data", "id", key="1"),
    _wait("data", "id", key=True),
    _wait("data", "id", key=""),
    _wait("data", "amount", key=0),
    _wait("data", "id", key=2**53),
    _wait("data", "id", key="é 'quoted' \\ \n"),
    None,
    _wait("data", "a", "b.c", "d", key="deep"),
    _wait("user", "plan", key="pro"),
    _wait("name", key="paid"),
    _wait("id", key="evt"),
    _wait("ts", key=17),
    _wait("v", key="2"),
    _wait("data", "amount", key=1.5),
    _wait("data", "id", key=False),
    None,
)
_EVENTS = (
    Event(name="paid", data={"id": 1}, id="evt", ts=17, v="2"),
    Event(name="paid", data={"id": 1.0, "amount": -0.0}, user={"plan": "pro"}),
    Event(name="paid", data={"id": "1", "amount": 1.5}),
    Event(name="paid", data={"id": True, "amount": 0}),
    Event(name="paid", data={"id": False}),
    Event(name="paid", data={"id": "", "a": {"b.c": {"d": "deep"}}}),
    Event(name="paid", data={"id": 2**53, "a": {"b": {"c": {"d": "deep"}}}}),
    Event(name="paid", data={"id": "é 'quoted' \\ \n", "a": ["b.c"]}),
    Event(name="paid", data={"id": None, "a": "text", "amount": [1.5]}),
    Event(name="paid", data={"id": {"id": 1}, "a": {"b.c": "d"}}),
    Event(name="paid"),
)
