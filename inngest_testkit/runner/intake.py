"""From an event that a function asks for to a run of it, or to what keeps it from one.

The rules are asked in the server's order: batch, idempotency or rate limit, debounce, singleton; the event's own id
last, when the run is created. What an event came to is written before it is done, so that an event that is delivered
again because its worker was lost does it once more and counts once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from inngest_testkit.clock import epoch_ms, later
from inngest_testkit.durations import format_moment
from inngest_testkit.errors import ExpressionError, NotFoundError
from inngest_testkit.events import INVOKED
from inngest_testkit.flow.batch import Collected, collect, emptied
from inngest_testkit.flow.debounce import Debounced, debounce
from inngest_testkit.flow.idempotency import IDEMPOTENCY_PERIOD
from inngest_testkit.flow.keys import key_text, optional_key
from inngest_testkit.flow.rate_limit import Limited, take
from inngest_testkit.flow.singleton import Lock, lock_of, unlock
from inngest_testkit.lifecycle.announce import refused_invocation
from inngest_testkit.lifecycle.runs import Start
from inngest_testkit.queue.base import ItemKind, QueueItem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from inngest_testkit.clock import Clock
    from inngest_testkit.data_store.base import DataStore, FunctionVersion
    from inngest_testkit.flow.arrival import Arrival
    from inngest_testkit.flow.base import FlowStore
    from inngest_testkit.functions.flow_control import Batch, Debounce, FlowControl, RateLimit, Singleton
    from inngest_testkit.ids import Ids
    from inngest_testkit.lifecycle import Recorder, RunLifecycle
    from inngest_testkit.queue.base import Queue
    from inngest_testkit.state.base import StateStore

__all__ = ["Intake"]

_RETIRED = "the function is not registered any more"
_REFUSED = "invoked function is rate limited"


class Intake:
    """Asks the rules of a function what becomes of an event."""

    def __init__(
        self,
        *,
        clock: Clock,
        ids: Ids,
        data: DataStore,
        queue: Queue,
        state: StateStore,
        flow: FlowStore,
        recorder: Recorder,
        lifecycle: RunLifecycle,
    ) -> None:
        self._clock, self._ids, self._data, self._queue, self._state = clock, ids, data, queue, state
        self._flow, self._recorder, self._lifecycle = flow, recorder, lifecycle

    async def take(self, version: FunctionVersion, arrival: Arrival, *, batches: bool = True) -> None:
        """Start a run for an event, or do what a rule asks for instead. `batches`: it may be collected."""
        rules = version.plan.flow
        if rules is None:
            await self._lifecycle.start(version, _start_of(arrival), once=arrival.once)
            return
        variables: dict[str, Any] = {"event": arrival.event.to_dict()}
        if batches and rules.batch is not None and self._is_collected(rules.batch, variables):
            await self._collect(version, rules.batch, arrival, variables)
        elif rules.rate_limit is not None and not await self._take(version, rules.rate_limit, arrival, variables):
            await self._refuse(arrival)
        elif rules.debounce is not None:
            await self._debounce(version, rules.debounce, arrival, variables)
        else:
            await self._start(version, rules, _start_of(arrival), variables, once=arrival.once)

    # -- rate limit and idempotency

    async def _take(
        self, version: FunctionVersion, rule: RateLimit, arrival: Arrival, variables: Mapping[str, Any]
    ) -> bool:
        """Whether an event comes slowly enough."""
        try:
            value = optional_key(rule.key, variables, self._clock.now)
        except ExpressionError as error:
            self._drop(version, rule.rule, f"its key cannot be evaluated: {error}", arrival)
            return False
        if value is None:
            return True
        key = f"{rule.rule}/{version.function_id}/{value}"
        while True:
            entry = await self._flow.load(key, arrival.received_at)
            taken = take(rule, entry.value, arrival.delivery, arrival.received_at)
            if isinstance(taken, Limited):
                self._drop(version, rule.rule, _too_fast(rule, taken.until), arrival, value)
                return False
            if taken is entry.value or await self._flow.save(key, taken, entry.version, taken.arrivals.idle_at):
                return True

    async def _refuse(self, arrival: Arrival) -> None:
        """Tell the step that invoked a function that no run was started."""
        invocation: Any = arrival.event.data.get("_inngest") if arrival.event.name == INVOKED else None
        if not isinstance(invocation, dict) or "correlation_id" not in invocation:
            return
        error = {"error": _REFUSED, "message": _REFUSED, "name": "Error"}
        now = epoch_ms(self._clock.now())
        event = refused_invocation(invocation["correlation_id"], error, id=self._ids.ulid(), ts=now)
        await self._lifecycle.publish(f"{arrival.delivery}/refused", event)

    # -- debounce

    async def _debounce(
        self, version: FunctionVersion, rule: Debounce, arrival: Arrival, variables: Mapping[str, Any]
    ) -> None:
        value = key_text(rule.key, variables, self._clock.now)
        key, now = f"debounce/{version.function_id}/{value}", arrival.received_at
        new = Debounced(
            id=f"{arrival.delivery}/{version.function_id}",
            function_id=version.function_id,
            key=value,
            arrival=arrival,
            since=now,
            due=now,
        )
        while True:
            entry = await self._flow.load(key, now)
            before: Debounced | None = entry.value
            if before is not None and before.due <= now:
                # It is worked next, or whoever worked it was lost: either way this event is not of it.
                await self._start_debounced(version, key, before, entry.version, once=True)
                continue
            after = debounce(rule, before, new, now)
            if after is before or await self._flow.save(key, after, entry.version):
                break
        self._drop_debounced(version, before, after, arrival)
        item = QueueItem(id=f"debounce/{after.id}", kind=ItemKind.DEBOUNCE, function_id=version.function_id, key=key)
        if not await self._queue.enqueue(item, after.due):
            await self._queue.reschedule(item.id, after.due)

    def _drop_debounced(
        self, version: FunctionVersion, before: Debounced | None, after: Debounced, arrival: Arrival
    ) -> None:
        if after is before and after.arrival.delivery != arrival.delivery:
            reason = f"it is older than event {after.arrival.event.id}, which waits"
            self._drop(version, "debounce", reason, arrival, after.key)
        elif after.replaced is not None:
            reason = f"event {arrival.event.id} came in its place"
            self._drop(version, "debounce", reason, replace(after.replaced, once=arrival.once), after.key)

    async def fire_debounce(self, item: QueueItem, *, once: bool) -> datetime | None:
        """Start the run of a debounced event that is due; returns when it is, if it is not."""
        entry = await self._flow.load(item.key, self._clock.now())
        debounced: Debounced | None = entry.value
        if debounced is None or item.id != f"debounce/{debounced.id}":
            return None
        if debounced.due > self._clock.now():
            return debounced.due
        version = await self._live(item.function_id)
        if version is None:
            await self.forget(item, _RETIRED)
        else:
            await self._start_debounced(version, item.key, debounced, entry.version, once=once)
        return None

    async def _start_debounced(
        self, version: FunctionVersion, key: str, debounced: Debounced, kept: int, *, once: bool
    ) -> None:
        start = replace(_start_of(debounced.arrival), cause=f"debounce/{debounced.id}")
        variables = {"event": debounced.arrival.event.to_dict()}
        await self._start(version, version.plan.flow, start, variables, once=once)
        await self._flow.save(key, None, kept)

    # -- batches

    def _is_collected(self, rule: Batch, variables: Mapping[str, Any]) -> bool:
        try:
            return rule.condition is None or rule.condition.test(variables, self._clock.now)
        except ExpressionError:
            return False

    async def _collect(
        self, version: FunctionVersion, rule: Batch, arrival: Arrival, variables: Mapping[str, Any]
    ) -> None:
        if not await self._is_first(version, arrival):
            return
        value = key_text(rule.key, variables, self._clock.now)
        key, now = f"batch/{version.function_id}/{value}", arrival.received_at
        new = Collected(
            id=f"{arrival.delivery}/{version.function_id}",
            function_id=version.function_id,
            key=value,
            arrivals=(arrival,),
            since=now,
            due=now,
        )
        while True:
            entry = await self._flow.load(key, now)
            before: Collected | None = entry.value
            if before is not None and before.arrivals and (before.is_full(rule) or before.due <= now):
                # It is worked next, or whoever filled or worked it was lost: either way this event is not of it.
                await self._flush(version, key, before, entry.version, replace(before.arrivals[-1], once=True))
                continue
            after = collect(rule, before, new, now)
            if after is before or await self._flow.save(key, after, entry.version):
                break
        if after.is_full(rule):
            entry = await self._flow.load(key, now)
            await self._flush(version, key, after, entry.version, arrival)
        elif after.arrivals:
            item = _batch_item(version.function_id, key, after)
            await self._queue.enqueue(item, after.due)

    async def _is_first(self, version: FunctionVersion, arrival: Arrival) -> bool:
        """Whether no other event with this id was collected; an id is remembered for a day."""
        key = f"collected/{version.function_id}/{arrival.key or arrival.delivery}"
        until = later(arrival.received_at, IDEMPOTENCY_PERIOD)
        while True:
            entry = await self._flow.load(key, arrival.received_at)
            if entry.version:
                first = bool(entry.value == arrival.delivery)
                if not first:
                    self._drop(version, "idempotency", "an event with its id was collected already", arrival)
                return first
            if await self._flow.save(key, arrival.delivery, 0, until):
                return True

    async def _flush(self, version: FunctionVersion, key: str, batch: Collected, kept: int, arrival: Arrival) -> None:
        """Start the run of a batch; `arrival` is the event that is told of it."""
        item = _batch_item(version.function_id, key, batch)
        events = tuple(each.event for each in batch.arrivals)
        received = tuple(each.received or each.delivery for each in batch.arrivals)
        trigger = batch.arrivals[0].trigger
        start = Start(events, trigger, item.id, arrival.delivery, is_batch=True, received=received)
        variables = {"event": events[0].to_dict()}
        await self._start(version, version.plan.flow, start, variables, once=arrival.once)
        now = self._clock.now()
        await self._flow.save(key, emptied(batch), kept, later(now, IDEMPOTENCY_PERIOD))
        await self._queue.discard(item_id=item.id)

    async def fire_batch(self, item: QueueItem, *, once: bool) -> None:
        """Start the run of a batch whose time is over."""
        entry = await self._flow.load(item.key, self._clock.now())
        batch: Collected | None = entry.value
        if batch is None or not batch.arrivals or item.id != f"batch/{batch.id}":
            return
        version = await self._live(item.function_id)
        if version is None:
            await self.forget(item, _RETIRED)
        else:
            arrival = replace(batch.arrivals[0], delivery=item.id, once=once)
            await self._flush(version, item.key, batch, entry.version, arrival)

    async def forget(self, item: QueueItem, reason: str) -> None:
        """Drop a debounced event, or a batch, with the item that waits for it."""
        entry = await self._flow.load(item.key, self._clock.now())
        kept: Debounced | Collected | None = entry.value
        arrivals = () if kept is None else (kept.arrival,) if isinstance(kept, Debounced) else kept.arrivals
        for arrival in arrivals:
            key = "" if kept is None else kept.key
            self._recorder.dropped(
                item.kind.value, reason, item.function_id, arrival.event, arrival.delivery, key=key, once=True
            )
        await self._flow.save(item.key, None, entry.version)
        await self._queue.discard(item_id=item.id)

    # -- singleton, and the run itself

    async def _start(
        self,
        version: FunctionVersion,
        rules: FlowControl | None,
        start: Start,
        variables: Mapping[str, Any],
        *,
        once: bool,
    ) -> None:
        rule = None if rules is None else rules.singleton
        lock = None if rule is None else lock_of(rule, version.function_id, variables, self._clock.now)
        if rule is None or lock is None:
            await self._lifecycle.start(version, start, once=once)
        else:
            run_id = await self._lock(version, rule, lock, start, once=once)
            if run_id is not None:
                start = replace(start, lock=lock, run_id=run_id)
                if await self._lifecycle.start(version, start, once=once) is None:
                    await unlock(self._flow, lock, run_id, self._clock.now())

    async def _lock(
        self, version: FunctionVersion, rule: Singleton, lock: str, start: Start, *, once: bool
    ) -> str | None:
        """Return the id of the run that is to have the lock; None when another one has it, and keeps it."""
        while True:
            entry = await self._flow.load(lock, self._clock.now())
            holder: Lock | None = entry.value
            if holder is not None and holder.cause == start.cause:
                return holder.run_id
            if holder is not None and await self._is_alive(holder.run_id):
                event = start.events[0]
                if rule.mode == "skip":
                    key, reason = (
                        lock.removeprefix(f"singleton/{version.function_id}/"),
                        f"run {holder.run_id} is alive",
                    )
                    told: dict[str, Any] = {"key": key, "run_id": holder.run_id, "once": once}
                    self._recorder.dropped("singleton", reason, version.function_id, event, start.delivery, **told)
                    return None
                await self._lifecycle.cancel(holder.run_id, f"event {event.id} starts another run", rule="singleton")
                continue
            run_id = self._ids.ulid()
            if await self._flow.save(lock, Lock(run_id, start.cause), entry.version):
                return run_id

    async def _is_alive(self, run_id: str) -> bool:
        try:
            return not (await self._state.load(run_id)).is_over
        except NotFoundError:
            return False

    async def _live(self, function_id: str) -> FunctionVersion | None:
        try:
            return await self._data.function(function_id)
        except NotFoundError:
            return None  # retired since

    def _drop(self, version: FunctionVersion, rule: str, reason: str, arrival: Arrival, key: str = "") -> None:
        self._recorder.dropped(
            rule, reason, version.function_id, arrival.event, arrival.delivery, key=key, once=arrival.once
        )


def _start_of(arrival: Arrival) -> Start:
    """Return what a run for an event alone is started with."""
    delivery, received = arrival.delivery, arrival.received
    start = Start((arrival.event,), arrival.trigger, delivery, delivery, arrival.key, arrival.at)
    return replace(start, received=(received,)) if received else start


def _batch_item(function_id: str, key: str, batch: Collected) -> QueueItem:
    return QueueItem(id=f"batch/{batch.id}", kind=ItemKind.BATCH, function_id=function_id, key=key)


def _too_fast(rule: RateLimit, until: datetime) -> str:
    if rule.rule == "idempotency":
        return f"an event with this key was let through within 24 hours; the next one may come {format_moment(until)}"
    return f"more than {rule} until {format_moment(until)}"
