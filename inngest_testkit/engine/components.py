"""The components of the server, wired together around one clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inngest_testkit.clock import FakeClock
from inngest_testkit.data_store.memory import MemoryDataStore
from inngest_testkit.drivers.registry import Drivers
from inngest_testkit.durations import to_timedelta
from inngest_testkit.engine.bridge import bridged
from inngest_testkit.engine.lockstep import Lockstep
from inngest_testkit.engine.seams import gated
from inngest_testkit.event_stream.memory import MemoryEventStream
from inngest_testkit.executor.app_attempts import Attempts
from inngest_testkit.executor.app_worker import AppWorker
from inngest_testkit.executor.dag_worker import DagWorker
from inngest_testkit.executor.executor import Executor
from inngest_testkit.executor.operations import Operator
from inngest_testkit.executor.retries import Retries
from inngest_testkit.executor.stand_ins import StandIns
from inngest_testkit.executor.watch import Watch
from inngest_testkit.flow.memory import MemoryFlowStore
from inngest_testkit.ids import Ids
from inngest_testkit.lifecycle import Admission, AppSteps, Recorder, RunLifecycle, Warner
from inngest_testkit.queue.memory import MemoryQueue
from inngest_testkit.runner.intake import Intake
from inngest_testkit.runner.runner import Runner
from inngest_testkit.runs import Journal
from inngest_testkit.sdk.apps import Apps
from inngest_testkit.state.memory import MemoryStateStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from inngest_testkit.clock import Clock
    from inngest_testkit.data_store.base import DataStore
    from inngest_testkit.drivers.base import Bridge
    from inngest_testkit.engine.options import Options
    from inngest_testkit.event_stream.base import EventStream
    from inngest_testkit.events import Event
    from inngest_testkit.flow.base import FlowStore
    from inngest_testkit.queue.base import Queue
    from inngest_testkit.state.base import StateStore

__all__ = ["Components", "wire"]


@dataclass(frozen=True, slots=True)
class Components:
    """What an engine is made of."""

    clock: Clock
    ids: Ids
    journal: Journal
    warner: Warner
    data: DataStore
    stream: EventStream
    queue: Queue
    state: StateStore
    flow: FlowStore
    drivers: Drivers
    apps: Apps
    lifecycle: RunLifecycle
    steps: AppSteps
    intake: Intake
    runner: Runner
    app_worker: AppWorker
    executor: Executor
    lockstep: Lockstep

    @property
    def never_suspend(self) -> bool:
        """Whether stream and queue answer at once."""
        return all(getattr(store, "never_suspends", False) for store in (self.stream, self.queue))


def wire(
    bridge: Bridge[Any], options: Options, owner: object, publish: Callable[[str, Event], Awaitable[None]]
) -> Components:
    """Make the components of an engine, the `owner`; `publish` takes the events that its runs send."""
    clock = options.clock or FakeClock(options.start)
    ids = Ids(options.seed, clock)
    # On a fake clock one item is worked at a time.
    alone = isinstance(clock, FakeClock)
    journal, warner = Journal(bounded=options.keep != "all"), Warner()
    stores: dict[str, Any] = {
        "data": options.data or MemoryDataStore(),
        "events": options.events or MemoryEventStream(),
        "queue": options.queue or MemoryQueue(),
        "state": options.state or MemoryStateStore(),
        "flow": options.flow or MemoryFlowStore(),
    }
    stores = {name: gated(name, bridged(store, bridge), options.gate) for name, store in stores.items()}
    data, queue, state, flow = stores["data"], stores["queue"], stores["state"], stores["flow"]
    drivers, apps = Drivers([bridged(driver, bridge) for driver in options.drivers or ()], bridge), Apps(owner)
    recorder = Recorder(clock, state, journal)
    admission = Admission(clock=clock, queue=queue, flow=flow, recorder=recorder)
    shared: dict[str, Any] = {"clock": clock, "queue": queue, "state": state, "recorder": recorder}
    lifecycle = RunLifecycle(**shared, ids=ids, journal=journal, admission=admission, publish=publish)
    steps = AppSteps(**shared)
    intake = Intake(**shared, ids=ids, data=data, flow=flow, lifecycle=lifecycle)
    runner = Runner(
        **shared, data=data, lifecycle=lifecycle, steps=steps, intake=intake, warner=warner, seed=options.seed
    )
    retries = Retries(
        jitter=ids.random if options.jitter else None,
        interval=None if options.retry_interval is None else to_timedelta(options.retry_interval),
    )
    works: dict[str, Any] = {**shared, "drivers": drivers, "lifecycle": lifecycle, "publish": publish}
    operator = Operator(**shared, ids=ids, data=data, steps=steps, publish=publish, limits=options.limits)
    watch = Watch(clock, recorder, warner, options.nondeterminism)
    ends: dict[str, Any] = {"clock": clock, "recorder": recorder, "lifecycle": lifecycle, "steps": steps}
    attempts = Attempts(**ends, queue=queue, publish=publish, retries=retries)
    stand_ins = StandIns(clock=clock, ids=ids, drivers=drivers, steps=steps, operator=operator, attempts=attempts)
    app_worker = AppWorker(
        **ends,
        state=state,
        apps=apps,
        operator=operator,
        attempts=attempts,
        stand_ins=stand_ins,
        watch=watch,
        limits=options.limits,
        alone=alone,
    )
    executor = Executor(
        **shared,
        data=data,
        lifecycle=lifecycle,
        steps=steps,
        runner=runner,
        intake=intake,
        admission=admission,
        dag=DagWorker(**works, data=data, retries=retries, owner=owner, alone=alone),
        apps=app_worker,
    )
    lockstep = Lockstep(
        clock=clock,
        stream=stores["events"],
        queue=queue,
        runner=runner,
        executor=executor,
        journal=journal,
        recorder=recorder,
        chooser=options.chooser,
        max_steps=options.max_steps,
    )
    return Components(
        clock=clock,
        ids=ids,
        journal=journal,
        warner=warner,
        data=data,
        stream=stores["events"],
        queue=queue,
        state=state,
        flow=flow,
        drivers=drivers,
        apps=apps,
        lifecycle=lifecycle,
        steps=steps,
        intake=intake,
        runner=runner,
        app_worker=app_worker,
        executor=executor,
        lockstep=lockstep,
    )
