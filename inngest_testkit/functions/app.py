"""What can run, the other kind: a function of an app that speaks the SDK protocol.

To the executor it is one step, whose driver answers each call with operations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, TypeAlias

from inngest_testkit.expressions import SDK
from inngest_testkit.functions.flow_control import FlowControl, read_flow_control
from inngest_testkit.functions.model import Trigger
from inngest_testkit.functions.plan import FunctionPlan, PlannedTrigger, plan_triggers
from inngest_testkit.ids import workflow_uuid

if TYPE_CHECKING:
    from typing import Any

__all__ = ["DEFAULT_RETRIES", "MOST_RETRIES", "AppFunction", "AppPlan", "Plan", "SdkFunction", "plan_app_function"]

#: Retries of a function that does not say. Source: recordings/sdk README, "Errors and retries".
DEFAULT_RETRIES = 4
#: More retries than these are cut to them.
MOST_RETRIES = 20


class SdkFunction(Protocol):
    """The part of the official SDK's function object that is read."""

    @property
    def id(self) -> str:
        """The function's id, `<app>-<function>`."""
        ...


@dataclass(frozen=True)
class AppFunction:
    """A function as its app registered it.

    `id` is `<app>-<function>`; `retries` is what the app asked for, None when it did not; `config` is the whole
    registered configuration, as plain JSON values.
    """

    id: str
    app_id: str
    name: str
    triggers: tuple[Trigger, ...]
    retries: int | None = None
    config: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @cached_property
    def max_attempts(self) -> int:
        """How often a call is made before it has failed for good, the first included."""
        retries = DEFAULT_RETRIES if self.retries is None else self.retries
        return max(1, min(retries, MOST_RETRIES) + 1)

    def __repr__(self) -> str:
        count = len(self.triggers)
        return f"AppFunction({self.id!r}, {count} trigger{'' if count == 1 else 's'})"


@dataclass(frozen=True, slots=True)
class AppPlan:
    """A function of an app, ready to run. Its steps are known only when a run comes to them."""

    function: AppFunction
    workflow_id: str
    triggers: tuple[PlannedTrigger, ...]
    flow: FlowControl | None = None

    @property
    def step_ids(self) -> tuple[str, ...]:
        """Nothing: only the function's code knows its steps."""
        return ()

    def parents_of(self, step: str) -> tuple[tuple[str, ...], ...]:
        """Return nothing: there are no edges."""
        return ()


#: A function of either kind, ready to run.
Plan: TypeAlias = FunctionPlan | AppPlan


def plan_app_function(function: AppFunction) -> AppPlan:
    """Compile a function whose configuration was checked."""
    return AppPlan(
        function=function,
        workflow_id=workflow_uuid(function.id),
        triggers=plan_triggers(function.triggers, SDK),
        flow=read_flow_control(function.config),
    )
