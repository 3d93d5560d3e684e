"""Generate events, from what a trigger says of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inngest_testkit.errors import SetupError
from inngest_testkit.events import Event
from inngest_testkit.functions.model import Function, Trigger
from inngest_testkit.testing._extra import from_schema, st
from inngest_testkit.testing._values import known_objects

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from inngest_testkit.functions.model import EventDefinition
    from inngest_testkit.values import JsonValue

__all__ = ["events", "events_for"]

_FIELDS = frozenset({"name", "data", "user", "id", "ts", "v"})


def events(
    *,
    name: str | SearchStrategy[str] = "event",
    data: SearchStrategy[Mapping[str, JsonValue]] | None = None,
    definition: EventDefinition | None = None,
) -> SearchStrategy[Event]:
    """Generate events of a name, whose data come from `data` or fit `definition`.

    Without either, the data are small objects with the fields that generated conditions read. A definition in the
    format `json-schema` describes the data, or, if it has `properties.data`, the whole event; of the format `cue`,
    structs of types and values are understood. Raises `SetupError` for both at once and for other definitions,
    `MissingExtraError` without hypothesis-jsonschema.
    """
    names = st.just(name) if isinstance(name, str) else name
    if definition is not None:
        if data is not None:
            raise SetupError("events: give either data or a definition, not both")
        return _defined(names, definition)
    return st.builds(Event, name=names, data=known_objects() if data is None else data)


def events_for(source: Function | Trigger) -> SearchStrategy[Event]:
    """Generate events that a trigger, or any of a function's event triggers, listens to, as its definition says.

    The trigger's expression need not be true for them. Raises `SetupError` when there is no event trigger.
    """
    triggers = source.triggers if isinstance(source, Function) else (source,)
    found = [events(name=each.event, definition=each.definition) for each in triggers if each.event]
    if not found:
        raise SetupError(f"{source!r} has no event trigger, so no event starts it; add on_event('a/name')")
    return st.one_of(*found)


def _defined(names: SearchStrategy[str], definition: EventDefinition) -> SearchStrategy[Event]:
    if definition.format == "json-schema":
        schema = _schema(definition.definition)
        if _describes_event(schema.get("properties")):
            return st.builds(_event, names, from_schema(_of_event(schema)).map(_object))
        values = from_schema(
            {"allOf": [schema], "type": "object"} if "$ref" in schema else {**schema, "type": "object"}
        )
        return st.builds(Event, name=names, data=values.map(_object))
    if definition.format == "cue":
        from inngest_testkit.testing._cue import from_cue  # late: most definitions are JSON schemas

        described = from_cue(definition.definition)
        return st.builds(_event, names, described.map(_fields))
    raise SetupError(f"unknown event definition format {definition.format!r}; write 'json-schema' or 'cue'")


def _schema(content: object) -> Mapping[str, object]:
    parsed = content
    if isinstance(content, (str, bytes)):
        try:
            parsed = json.loads(content)
        except ValueError as error:
            raise SetupError(f"the event definition is not JSON: {error}; write the JSON of a schema") from None
    if not isinstance(parsed, Mapping):
        raise SetupError(f"an event definition is a JSON schema's object, found {type(parsed).__name__}: {parsed!r}")
    return parsed


def _describes_event(properties: object) -> bool:
    return isinstance(properties, Mapping) and "data" in properties and set(properties) <= _FIELDS


def _of_event(schema: Mapping[str, object]) -> dict[str, object]:
    """Narrow the schema of an event to what an engine takes: its data, and its user if any, are objects."""
    properties: dict[str, Any] = dict(schema["properties"])  # type: ignore[call-overload]
    for key in {"data", "user"} & set(properties):
        properties[key] = {"allOf": [properties[key], {"type": "object"}]}
    properties.pop("name", None)
    required = [key for key in (*schema.get("required", ()), "data") if key != "name"]  # type: ignore[misc]
    narrowed = {**schema, "type": "object", "properties": properties, "required": list(dict.fromkeys(required))}
    return {**narrowed, "additionalProperties": False}


def _fields(described: dict[str, Any]) -> dict[str, Any]:
    return described if _describes_event(described) else {"data": described}


def _object(value: object) -> dict[str, Any]:
    assert isinstance(value, dict)  # noqa: S101 - the schema says so
    return value


def _event(name: str, fields: Mapping[str, Any]) -> Event:
    return Event.from_mapping({**fields, "name": name})
