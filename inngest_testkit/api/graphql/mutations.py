"""What GraphQL does: cancel a run, run its event once more, invoke a function.

Each may be asked for by an app in the middle of its own call, so none waits for the engine while that is at work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ariadne
from graphql import GraphQLError

from inngest_testkit.api.graphql.objects import Object, function_run_object
from inngest_testkit.api.reads.runs import RunFacts, find_run
from inngest_testkit.errors import NotFoundError, suggestion
from inngest_testkit.events import INVOKED, Event
from inngest_testkit.runs.model import RunStatus

if TYPE_CHECKING:
    from typing import TypeAlias

    from graphql import GraphQLResolveInfo

    from inngest_testkit.api.face import Face

    Info: TypeAlias = GraphQLResolveInfo[Face]

__all__ = ["MUTATIONS"]

MUTATIONS = ariadne.MutationType()


def _found(face: Face, run_id: str) -> RunFacts:
    try:
        return find_run(face.host.core, run_id)
    except NotFoundError:
        raise GraphQLError("sql: no rows in result set") from None


@MUTATIONS.field("cancelRun")
async def _cancel_run(_: object, info: Info, runID: str) -> Object:  # noqa: N803 - the argument's name
    """Cancel a run; one that is cancelled already is told as it is."""
    face: Face = info.context
    facts = _found(face, runID)
    if facts.status.is_over and facts.status is not RunStatus.CANCELLED:
        raise GraphQLError("cannot cancel an ended run")
    await face.host.do(lambda core: core.cancel(runID))
    return function_run_object(face.host.core, _found(face, runID))


@MUTATIONS.field("rerun")
async def _rerun(_: object, info: Info, runID: str) -> str:  # noqa: N803
    """Start another run of the function with the same events, whatever flow control says; its id."""
    face: Face = info.context
    core = face.host.core
    _found(face, runID)
    made = face.host.make_id()
    await face.host.do(lambda _: core.starts.rerun(runID, made))
    return made


@MUTATIONS.field("invokeFunction")
async def _invoke_function(
    _: object,
    info: Info,
    functionSlug: str,  # noqa: N803
    data: dict[str, Any] | None = None,
    user: dict[str, Any] | None = None,
) -> bool:
    """Start a function, whatever its triggers. One that is not there is refused, as nothing would come of it."""
    face: Face = info.context
    plans = face.host.core.plans
    if functionSlug not in plans:
        known = suggestion(functionSlug, list(plans), label="known functions")
        raise GraphQLError(f"could not find function with ID: {functionSlug}{known}")
    event = Event(INVOKED, {**(data or {}), "_inngest": {"fn_id": functionSlug}}, user=user or {})
    await face.host.take([event])
    return True
