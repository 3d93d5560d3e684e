"""Start runs without an event that asks for them: one function, or a run once more."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from inngest_testkit.errors import EventError
from inngest_testkit.lifecycle import Start

if TYPE_CHECKING:
    from inngest_testkit.engine.components import Components
    from inngest_testkit.engine.core import Core
    from inngest_testkit.engine.options import Duration
    from inngest_testkit.runs import Run

__all__ = ["Starts"]


class Starts:
    """Starts runs of the functions that an engine has; flow control is not asked."""

    def __init__(self, core: Core, parts: Components) -> None:
        self._core, self._data, self._lifecycle = core, parts.data, parts.lifecycle

    async def execute(self, function: object, event: object, data: object, limit: Duration) -> Run:
        """Start one function with an event, and work until its run is over."""
        version = await self._data.function(self._core.catalog.id_of(function))
        received = tuple(self._core.received(event, data, None, None, None))
        if not received:
            raise EventError("execute needs an event; the list is empty")
        cause = f"execute/{self._core.ids.ulid()}"
        start = Start(received, "execute", cause, cause, is_batch=isinstance(event, (list, tuple)))
        run_id = await self._lifecycle.start(version, start, once=False)
        assert run_id is not None  # noqa: S101 - nothing else has the cause
        run = self._core.run(run_id)
        await self._core.run_until_complete([run], limit)
        return run

    async def rerun(self, run_id: str, new_id: str) -> None:
        """Start another run with the events of one, then work everything that is due; flow control is not asked.

        It executes the newest version of the function; raises `NotFoundError` when that was retired.
        """
        core = self._core
        core.run(run_id)
        journal = core.journal
        created, events = journal.runs[run_id][0].data, journal.run_events[run_id]
        version = await self._data.function(journal.functions[run_id])
        cause = f"rerun/{new_id}"
        start = Start(events, created["trigger"], cause, cause, run_id=new_id, is_batch="events" in created)
        await self._lifecycle.start(version, replace(start, received=journal.received_of(run_id)), once=False)
        await core.settle_now()
