"""From an event to the pauses it resumes and the runs it starts; crons.

Source: recordings/dag README, "Triggers" and "Async edges"; pauses come first (async-self-event).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from inngest_testkit.clock import epoch_ms
from inngest_testkit.cron import lateness
from inngest_testkit.errors import ExpressionError, NotFoundError, PauseLeasedError, PauseNotFoundError
from inngest_testkit.events import INVOKED, SCHEDULED_TIMER, Event
from inngest_testkit.expressions import DAG, SDK, compile_expression
from inngest_testkit.flow.arrival import Arrival
from inngest_testkit.functions.app import AppPlan
from inngest_testkit.lifecycle.edges import edge_item, timeout_item, variables_of
from inngest_testkit.lifecycle.warner import TriggerExpressionWarning
from inngest_testkit.queue.base import ItemKind, QueueItem
from inngest_testkit.runs.model import ErrorInfo, HistoryKind
from inngest_testkit.state.base import PauseKind

if TYPE_CHECKING:
    from inngest_testkit.clock import Clock
    from inngest_testkit.data_store.base import DataStore, FunctionVersion
    from inngest_testkit.event_stream.base import Message
    from inngest_testkit.functions.plan import PlannedTrigger
    from inngest_testkit.lifecycle import AppSteps, Recorder, RunLifecycle, Warner
    from inngest_testkit.queue.base import Queue
    from inngest_testkit.runner.intake import Intake
    from inngest_testkit.state.base import Pause, StateStore

__all__ = ["Runner"]


class Runner:
    """Matches events against pauses and triggers."""

    def __init__(
        self,
        *,
        clock: Clock,
        data: DataStore,
        queue: Queue,
        state: StateStore,
        recorder: Recorder,
        lifecycle: RunLifecycle,
        steps: AppSteps,
        intake: Intake,
        warner: Warner,
        seed: int | str = 0,
    ) -> None:
        self._seed = seed
        self._clock, self._data, self._queue, self._state = clock, data, queue, state
        self._recorder, self._lifecycle, self._steps = recorder, lifecycle, steps
        self._intake, self._warner = intake, warner

    async def handle(self, message: Message) -> None:
        """Do all that one event causes: resume pauses, then start runs."""
        once = message.deliveries > 1
        for pause in await self._state.pauses_by_event(message.event.name, message.event):
            await self._offer(pause, message, once=once)
        if message.event.name == INVOKED:
            await self._invoke(message, once=once)
        for version in await self._data.functions_by_event(message.event.name):
            await self._consider(version, message, once=once)

    async def _invoke(self, message: Message, *, once: bool) -> None:
        """Start the function that a step invokes, whatever its triggers."""
        invocation: Any = message.event.data.get("_inngest")
        try:
            version = await self._data.function(invocation["fn_id"])
        except (NotFoundError, KeyError, TypeError):
            return  # retired since, or an event of this name that no step sent
        await self._intake.take(
            version,
            Arrival(
                message.event,
                "invoked",
                f"{message.id}/invoked",
                message.received_at,
                once=once,
                received=message.id,
            ),
        )

    async def _consider(self, version: FunctionVersion, message: Message, *, once: bool) -> None:
        event = message.event
        for trigger in version.plan.triggers:
            if trigger.names(event.name) and self._is_met(trigger, version, event):
                due = _due(version, event, self._clock.now())
                arrival = Arrival(event, trigger.text, message.id, message.received_at, event.id, due, once)
                await self._intake.take(version, arrival)
                return

    def _is_met(self, trigger: PlannedTrigger, version: FunctionVersion, event: Event) -> bool:
        if trigger.expression is None:
            return True
        fields = event.to_dict()
        try:
            return trigger.expression.test({"event": fields, "user": fields["user"]}, self._clock.now)
        except ExpressionError as error:
            data = {"function_id": version.function_id, "event_id": event.id, "trigger": trigger.text}
            self._recorder.engine(HistoryKind.TRIGGER_FAILED, {**data, "error": ErrorInfo.from_exception(error)})
            self._warner.collect(
                f"function {version.function_id!r} was not started by event {event.name!r} ({event.id}): {error}",
                TriggerExpressionWarning,
            )
            return False

    async def _offer_step(self, pause: Pause, message: Message, *, once: bool) -> None:
        """Let a step of an app's function have the event it waits for."""
        if not await self._is_awaited(pause, message.event):
            return
        try:
            await self._state.lease_pause(pause.id, message.received_at, owner=message.id)
        except (PauseLeasedError, PauseNotFoundError):
            return
        await self._steps.resume(pause, message, once=once)

    async def _offer_cancel(self, pause: Pause, event: Event) -> None:
        """Cancel the run that asks for it on this event."""
        if await self._is_awaited(pause, event):
            reason = f"event {event.name!r} ({event.id}) came"
            await self._lifecycle.cancel(pause.run_id, reason, rule="cancel", event_id=event.id)

    async def _is_awaited(self, pause: Pause, event: Event) -> bool:
        if pause.kind is PauseKind.INVOKE:
            return event.data.get("correlation_id") == pause.correlation
        if pause.match is None:
            return True
        try:
            run = (await self._state.load(pause.run_id)).run
            variables = {"event": run.event.value, "async": event.to_dict()}
            return compile_expression(pause.match, SDK).test(variables, self._clock.now)
        except (NotFoundError, ExpressionError):
            # Source: recordings/sdk README, "wait_for_event": one that gives no boolean never matches.
            return False

    async def _offer(self, pause: Pause, message: Message, *, once: bool) -> None:
        if pause.expires < message.received_at or pause.kind is PauseKind.SIGNAL:
            return
        if pause.kind is PauseKind.CANCEL:
            await self._offer_cancel(pause, message.event)
            return
        if pause.kind is not PauseKind.EDGE:
            await self._offer_step(pause, message, once=once)
            return
        try:
            if not await self._matches(pause, message.event):
                return
        except NotFoundError:
            return
        except ExpressionError as error:
            where = ErrorInfo(type(error).__name__, f"edge {pause.edge}: match: {error}")
            await self._lifecycle.fail(pause.run_id, where, once=once)
            return
        if pause.on_timeout:
            await self._consume_unused(pause, message.event, once=once)
        else:
            await self._resume(pause, message, once=once)

    async def _matches(self, pause: Pause, event: Event) -> bool:
        if pause.match is None:
            return True
        state = await self._state.load(pause.run_id)
        if state.is_over:
            return False
        variables = {**variables_of(state, pause.parent), "async": event.to_dict()}
        return compile_expression(pause.match, DAG).test(variables, self._clock.now)

    async def _consume_unused(self, pause: Pause, event: Event, *, once: bool) -> None:
        """The event came in time, so the time-out's step does not run; no other pause is concerned."""
        data = {"edge": pause.edge, "event": event.name, "event_id": event.id}
        await self._recorder.run(HistoryKind.PAUSE_CONSUMED, pause.run_id, pause.child, data=data, once=once)
        await self._lifecycle.finalise(pause.run_id, pause.edge, once=once)
        await self._remove(pause)

    async def _resume(self, pause: Pause, message: Message, *, once: bool) -> None:
        event = message.event
        try:
            await self._state.lease_pause(pause.id, message.received_at, owner=message.id)
        except (PauseLeasedError, PauseNotFoundError):
            return
        data = {"edge": pause.edge, "event": event.name, "event_id": event.id}
        await self._recorder.run(HistoryKind.PAUSE_RESUMED, pause.run_id, pause.child, data=data, once=once)
        await self._queue.enqueue(
            edge_item(pause.function_id, pause.run_id, pause.edge, pause.child), self._clock.now()
        )
        await self._remove(pause)

    async def _remove(self, pause: Pause) -> None:
        await self._queue.discard(item_id=timeout_item(pause).id)
        try:
            await self._state.consume_pause(pause.id)
        except PauseNotFoundError:
            return  # the end of the run removed it

    async def schedule_crons(self, version: FunctionVersion) -> None:
        """Queue the next fire of each cron trigger of a function."""
        for index, trigger in enumerate(version.plan.triggers):
            if trigger.schedule is not None:
                await self._schedule_cron(version, index, trigger, self._clock.now())

    async def _schedule_cron(
        self, version: FunctionVersion, index: int, trigger: PlannedTrigger, after: datetime
    ) -> None:
        fire = trigger.schedule.after(after) if trigger.schedule else None
        if fire is not None:
            item = QueueItem(
                id=f"cron/{version.function_id}/{version.version}/{index}/{fire.isoformat()}",
                kind=ItemKind.CRON,
                function_id=version.function_id,
                function_version=version.version,
                trigger=index,
            )
            await self._queue.enqueue(item, fire)

    async def fire_cron(self, item: QueueItem, due: datetime, *, once: bool) -> None:
        """Start the run of a schedule that is due, and queue its next fire; nothing for a replaced version.

        With jitter the run is created now and begins later. Source: the server's code, `handleCron`.
        """
        version = await self._data.function_version(item.function_id, item.function_version)
        if not version.is_live:
            return
        trigger = version.plan.triggers[item.trigger]
        fires_at = due + lateness(trigger.jitter, self._seed, version.function_id, _schedule_of(trigger), due)
        event = _timer(version, _schedule_of(trigger), due, fires_at)
        timer = ""
        if isinstance(version.plan, AppPlan):
            # One for all functions with the same schedule.
            timer = f"timer/{event.id}/{event.ts}/{event.data['cron']}"
            await self._lifecycle.publish(timer, event)
        if isinstance(version.plan, AppPlan) and _is_started_by_another(version.plan, item.trigger, due):
            reason = "another schedule of the function is due at the same moment"
            self._recorder.dropped("idempotency", reason, version.function_id, event, item.id, once=once)
        else:
            arrival = Arrival(event, trigger.text, item.id, due, item.id, fires_at, once=once, received=timer)
            await self._intake.take(version, arrival, batches=False)
        await self._schedule_cron(version, item.trigger, trigger, due)


def _schedule_of(trigger: PlannedTrigger) -> str:
    return trigger.schedule.text if trigger.schedule else ""


def _is_started_by_another(plan: AppPlan, index: int, due: datetime) -> bool:
    """Whether a schedule before this one starts the function at the same moment.

    Source: the server's code, `handleCron`: the key of such a run is the function and the moment, so that the function
    starts once. Which schedule starts it is left to chance there.
    """
    return any(trigger.schedule is not None and trigger.schedule.is_due(due) for trigger in plan.triggers[:index])


def _due(version: FunctionVersion, event: Event, now: datetime) -> datetime | None:
    """An app's function starts at the event's moment when that lies ahead. Source: recordings/sdk, event_future_ts."""
    if not isinstance(version.plan, AppPlan) or event.ts is None or event.ts <= epoch_ms(now):
        return None
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=event.ts)
    except OverflowError:
        return None


def _timer(version: FunctionVersion, schedule: str, due: datetime, fires_at: datetime) -> Event:
    """Return the event that a schedule starts a run with.

    Source: recordings/dag, cron: a bare event whose id is empty; recordings/sdk README, "Cron", and the server's code,
    `handleCron`: times as RFC 3339 in whole seconds.
    """
    if not isinstance(version.plan, AppPlan):
        return Event(name=SCHEDULED_TIMER, id="", ts=0)
    data: dict[str, Any] = {"cron": schedule, "fireAt": _rfc3339(fires_at), "scheduledAt": _rfc3339(due)}
    return Event(SCHEDULED_TIMER, data, id=_rfc3339(due), ts=epoch_ms(fires_at))


def _rfc3339(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
