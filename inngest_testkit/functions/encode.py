"""From a function to its configuration: what `decode` reads back as the same function."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from inngest_testkit.durations import format_duration
from inngest_testkit.functions.model import DockerRuntime, HttpRuntime, PythonRuntime

if TYPE_CHECKING:
    from inngest_testkit.functions.model import After, EventDefinition, Function, Runtime, Step, Trigger
    from inngest_testkit.values import JsonValue

__all__ = ["encode_function", "encode_runtime"]


def encode_function(function: Function) -> dict[str, JsonValue]:
    """Write a function as the object of an `inngest.json`.

    Definitions of events stand in it, also those that came from files. A callable is written as the runtime `python`,
    which says where the step runs and cannot be read back.
    """
    return {
        "id": function.id,
        "name": function.name,
        "triggers": [_trigger(trigger) for trigger in function.triggers],
        "steps": {step.id: _step(step) for step in function.steps},
        **{key: _option(value) for key, value in function.flow_control.items()},
    }


def encode_runtime(runtime: Runtime | None) -> JsonValue:
    """Write where a step runs; null is an action that has no code."""
    match runtime:
        case HttpRuntime(url=url):
            return {"type": "http", "url": url}
        case DockerRuntime(entrypoint=entrypoint):
            return _given(type="docker", entrypoint=entrypoint)
        case PythonRuntime():
            return {"type": "python"}
        case None:
            return None


def _given(**fields: JsonValue) -> dict[str, JsonValue]:
    """Leave out what is not given; a name may end in `_` where the field's is a word of Python."""
    return {name.rstrip("_"): value for name, value in fields.items() if value is not None}


def _trigger(trigger: Trigger) -> JsonValue:
    return _given(
        event=trigger.event,
        expression=trigger.expression,
        cron=trigger.cron,
        jitter=trigger.jitter,
        definition=None if trigger.definition is None else _definition(trigger.definition),
    )


def _definition(definition: EventDefinition) -> JsonValue:
    content = cast("JsonValue", definition.definition)
    return {"format": definition.format, "synced": definition.synced, "def": content}


def _step(step: Step) -> JsonValue:
    return _given(
        id=step.id,
        name=step.name,
        path=step.path,
        runtime=encode_runtime(step.runtime),
        after=[_edge(entry) for entry in step.after],
        version=None if step.version is None else str(step.version),
    )


def _edge(entry: After) -> JsonValue:
    parents: dict[str, JsonValue] = {"steps": list(entry.steps)} if entry.join else {"step": entry.steps[0]}
    awaited = _given(event=entry.event, match=entry.match, ttl=entry.ttl, onTimeout=entry.on_timeout or None)
    return {**parents, **_given(if_=entry.if_, wait=entry.wait), **({"async": awaited} if entry.is_async else {})}


def _option(value: object) -> JsonValue:
    """Write an option of flow control, whose parts may be objects of the SDK, and spans of time."""
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, Mapping):
        return {str(key): _option(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_option(each) for each in value]
    if hasattr(value, "to_dict"):
        return _option(value.to_dict())
    return cast("JsonValue", value)
