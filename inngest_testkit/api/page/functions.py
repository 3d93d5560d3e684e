"""Functions as the page reads them: what starts them, and an event to begin with."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from inngest_testkit.api.page.examples import example_of
from inngest_testkit.functions.plan import FunctionPlan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inngest_testkit.engine.core import Core
    from inngest_testkit.functions.app import Plan
    from inngest_testkit.functions.model import Step, Trigger

__all__ = ["function_list"]


def function_list(core: Core, _: Mapping[str, str]) -> dict[str, Any]:
    """Return the functions by id, each with its triggers, its steps where they are known, and its flow control."""
    return {"functions": [_function(plan) for _, plan in sorted(core.plans.items(), key=itemgetter(0))]}


def _function(plan: Plan) -> dict[str, Any]:
    function = plan.function
    described: dict[str, Any] = {
        "id": function.id,
        "name": function.name,
        "triggers": [_trigger(trigger) for trigger in function.triggers],
    }
    if isinstance(plan, FunctionPlan):
        steps = [_step(step) for step in plan.function.steps]
        return {**described, "app": "", "steps": steps, "flow": sorted(plan.function.flow_control)}
    return {**described, "app": plan.function.app_id, "steps": None, "flow": []}


def _trigger(trigger: Trigger) -> dict[str, Any]:
    return {
        "text": str(trigger),
        "event": trigger.event,
        "condition": trigger.expression or "",
        "cron": trigger.cron,
        "example": None if trigger.event is None else example_of(trigger),
    }


def _step(step: Step) -> dict[str, str]:
    return {"id": step.id, "runtime": "" if step.runtime is None else step.runtime.type}
