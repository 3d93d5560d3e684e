"""Functions of both kinds as the server's readers know them: with an app, a UUID, and a configuration.

DAG functions belong to no app; here they are those of the app `local`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inngest_testkit.api.reads.ids import NOBODY, rfc3339
from inngest_testkit.durations import format_duration
from inngest_testkit.executor.retries import MAX_ATTEMPTS
from inngest_testkit.functions.app import DEFAULT_RETRIES, AppPlan
from inngest_testkit.functions.flow_control import FlowControl
from inngest_testkit.functions.model import HttpRuntime
from inngest_testkit.ids import workflow_uuid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inngest_testkit.data_store.base import DataStore, FunctionVersion
    from inngest_testkit.functions.app import Plan
    from inngest_testkit.functions.flow_control import Key
    from inngest_testkit.functions.model import Trigger

__all__ = [
    "LOCAL",
    "app_of",
    "apps_of",
    "config_of",
    "configuration_of",
    "function_object",
    "functions_of",
    "max_attempts",
]

#: The app of functions that have none.
LOCAL = "local"

#: The time that the server writes for none.
_NEVER = "0001-01-01T00:00:00Z"


def app_of(plan: Plan) -> str:
    """Return the id of the app that a function belongs to."""
    return plan.function.app_id if isinstance(plan, AppPlan) else LOCAL


def max_attempts(plan: Plan) -> int:
    """Return how often a step, or a call, is tried."""
    return plan.function.max_attempts if isinstance(plan, AppPlan) else MAX_ATTEMPTS


async def functions_of(data: DataStore, app_id: str | None = None) -> list[dict[str, Any]]:
    """Return the functions of an app, or all, as `/v1/apps/{id}/functions` shows them."""
    live = [version for version in await data.functions() if app_id in (None, app_of(version.plan))]
    return [function_object(each, (await data.function_history(each.function_id))[0]) for each in live]


def function_object(version: FunctionVersion, first: FunctionVersion) -> dict[str, Any]:
    """Return a function; `first` is its first version."""
    return {
        "internal_id": version.plan.workflow_id,
        "env_id": NOBODY,
        "app_id": workflow_uuid(app_of(version.plan)),
        "id": version.function_id,
        "name": version.plan.function.name,
        "config": config_of(version.plan, version.version),
        "created_at": rfc3339(first.created_at),
        "archived_at": _NEVER,
    }


def config_of(plan: Plan, version: int) -> dict[str, Any]:
    """Return a function's configuration as the server keeps it. Source: recordings/sdk `rest_reads`, `/dev`."""
    function = plan.function
    config: dict[str, Any] = {"id": plan.workflow_id, "fv": version, "name": function.name, "slug": function.id}
    config["triggers"] = [_trigger(trigger) for trigger in function.triggers]
    if isinstance(plan, AppPlan):
        registered = plan.function.config
        known = {"id", "name", "triggers", "steps", "retries"}
        config |= {key: value for key, value in registered.items() if key not in known and value is not None}
        config["steps"] = [_registered_step(step) for step in (registered.get("steps") or {}).values()]
    else:
        config["steps"] = [
            {"id": step.id, "name": step.name, "uri": step.runtime.url}
            if isinstance(step.runtime, HttpRuntime)
            else {"id": step.id, "name": step.name, "uri": plan.actions[step.id].dsn}
            for step in plan.function.steps
        ]
    return config


def _trigger(trigger: Trigger) -> dict[str, Any]:
    names = ("event", "expression", "cron", "jitter")
    return {name: value for name in names if (value := getattr(trigger, name)) is not None}


def _registered_step(step: dict[str, Any]) -> dict[str, Any]:
    shown = {"id": step.get("id"), "name": step.get("name"), "uri": (step.get("runtime") or {}).get("url")}
    retries = (step.get("retries") or {}).get("attempts")
    return shown if retries is None else {**shown, "retries": retries}


def configuration_of(plan: Plan) -> dict[str, Any]:
    """Return a function's rules as GraphQL's `FunctionConfiguration`."""
    flow, retries = plan.flow or FlowControl(), max_attempts(plan) - 1
    limit, throttle, debounce, batch = flow.rate_limit, flow.throttle, flow.debounce, flow.batch
    return {
        "cancellations": [
            {
                "event": each.event,
                "timeout": format_duration(each.timeout),
                "condition": each.condition and each.condition.text,
            }
            for each in flow.cancel
        ],
        "retries": {"value": retries, "isDefault": not isinstance(plan, AppPlan) or retries == DEFAULT_RETRIES},
        "priority": _text(flow.priority),
        "eventsBatch": batch
        and {"maxSize": batch.max_size, "timeout": format_duration(batch.timeout), "key": _text(batch.key)},
        "concurrency": [
            {"scope": _SCOPES[each.scope], "limit": {"value": each.limit}, "key": _text(each.key)}
            for each in flow.concurrency
        ],
        "rateLimit": limit and {"limit": limit.limit, "period": format_duration(limit.period), "key": _text(limit.key)},
        "debounce": debounce and {"period": format_duration(debounce.period), "key": _text(debounce.key)},
        "throttle": throttle
        and {
            "limit": throttle.limit,
            "burst": throttle.burst,
            "period": format_duration(throttle.period),
            "key": _text(throttle.key),
        },
        "singleton": flow.singleton and {"mode": flow.singleton.mode.upper(), "key": _text(flow.singleton.key)},
    }


_SCOPES = {"fn": "FUNCTION", "env": "ENVIRONMENT", "account": "ACCOUNT"}


def _text(key: Key | None) -> str | None:
    return None if key is None else key.text


def apps_of(plans: Sequence[Plan]) -> list[str]:
    """Return the ids of the apps that functions belong to, in their order."""
    return list(dict.fromkeys(app_of(plan) for plan in plans))
