"""A first event for a trigger, to be changed by whoever sends it: the plainest data that its definition names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inngest_testkit.functions.model import Trigger
    from inngest_testkit.values import JsonValue

__all__ = ["example_of"]

_PLAIN: dict[str, JsonValue] = {"string": "", "integer": 0, "number": 0, "boolean": False, "null": None, "array": []}
_DEEPEST = 8
#: An event pattern ends with it.
_ANY = "*"


def example_of(trigger: Trigger) -> dict[str, JsonValue]:
    """Return an event as the event API takes it: its `name`, and `data` by the trigger's JSON schema, if it has one."""
    name = trigger.event or ""
    example: dict[str, JsonValue] = {"name": name[:-1] + "example" if name.endswith(_ANY) else name, "data": {}}
    definition = trigger.definition
    if definition is None or not isinstance(definition.definition, Mapping):
        return example
    made = _value(definition.definition, 0)
    if isinstance(made, dict):
        example |= {part: made[part] for part in ("data", "user") if isinstance(made.get(part), dict)}
    return example


def _value(schema: object, depth: int) -> JsonValue:
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return None
    for key in ("const", "default"):
        if key in schema:
            given: JsonValue = schema[key]
            return given
    for key in ("examples", "enum", "anyOf", "oneOf"):
        choices = schema.get(key)
        if isinstance(choices, list) and choices:
            first: JsonValue = choices[0]
            return _value(first, depth + 1) if key in ("anyOf", "oneOf") else first
    kind = schema.get("type")
    if isinstance(kind, list) and kind:
        kind = kind[0]
    properties = schema.get("properties")
    if isinstance(properties, Mapping):
        return {str(name): _value(part, depth + 1) for name, part in properties.items()}
    return {} if kind == "object" else _PLAIN.get(kind) if isinstance(kind, str) else None
