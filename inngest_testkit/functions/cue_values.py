"""The values of cue and how two of them become one.

Structs merge field by field, lists element by element, equal scalars stay as they are; all else is a conflict.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from inngest_testkit.functions.cue_tokens import CueError

__all__ = ["TYPES", "Value", "plain", "positions", "show", "unify"]

#: The types that may stand beside a value (`string & "x"`).
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "int": (int,),
    "float": (float,),
    "number": (int, float),
    "bool": (bool,),
    "_": (),
}


@dataclass(slots=True)
class Value:
    """One value as it was written: `data` is a scalar, a list or a dict of values, or a type's name.

    `definitions` are the names of the schema that it was unified with.
    """

    kind: str
    data: Any
    offset: int
    definitions: frozenset[str] = field(default_factory=frozenset)


def unify(one: Value, two: Value, path: tuple[str, ...] = ()) -> Value:
    """Make one value of two; raises `CueError` where they conflict."""
    if one.kind == "type":
        return _with_type(two, one, path)
    if two.kind == "type":
        return _with_type(one, two, path)
    definitions = one.definitions | two.definitions
    if one.kind == two.kind == "struct":
        merged = dict(one.data)
        for key, value in two.data.items():
            merged[key] = unify(merged[key], value, (*path, key)) if key in merged else value
        return Value("struct", merged, one.offset if one.offset >= 0 else two.offset, definitions)
    if one.kind == two.kind == "list" and len(one.data) == len(two.data):
        pairs = enumerate(zip(one.data, two.data, strict=True))
        return Value("list", [unify(a, b, (*path, str(n))) for n, (a, b) in pairs], one.offset, definitions)
    if one.kind == two.kind == "scalar" and type(one.data) is type(two.data) and one.data == two.data:
        return one
    raise CueError(_conflict(one, two, path), max(one.offset, two.offset))


def _with_type(value: Value, named: Value, path: tuple[str, ...]) -> Value:
    if named.data == "_" or (value.kind == "type" and value.data in {named.data, "_"}):
        return named if value.data == "_" and value.kind == "type" else value
    if value.kind == "type" and {value.data, named.data} in ({"int", "number"}, {"float", "number"}):
        return named if value.data == "number" else value
    if value.kind == "scalar" and type(value.data) in TYPES[named.data]:
        return value
    raise CueError(_conflict(value, named, path), max(value.offset, named.offset))


def _conflict(one: Value, two: Value, path: tuple[str, ...]) -> str:
    kinds = [_kind(value) for value in (one, two)]
    where = f"{'.'.join(path)}: " if path else ""
    mismatch = f" (mismatched types {kinds[0]} and {kinds[1]})" if kinds[0] != kinds[1] else ""
    return f"{where}conflicting values {show(one)} and {show(two)}{mismatch}; keep one of them"


def _kind(value: Value) -> str:
    if value.kind == "scalar":
        return {str: "string", bool: "bool", int: "int", float: "float"}.get(type(value.data), "null")
    return str(value.data) if value.kind == "type" else value.kind


def show(value: Value) -> str:
    """Write a value briefly, as cue would."""
    if value.kind == "type":
        return str(value.data)
    text = json.dumps(value.data if value.kind == "scalar" else plain(value, check=False), ensure_ascii=False)
    return text if len(text) <= 40 else text[:37] + "..."


def plain(value: Value, path: tuple[str, ...] = (), *, check: bool = True) -> object:
    """Give the Python value; raises `CueError` where only a type stands."""
    if value.kind == "struct":
        return {key: plain(item, (*path, key), check=check) for key, item in value.data.items()}
    if value.kind == "list":
        return [plain(item, (*path, str(n)), check=check) for n, item in enumerate(value.data)]
    if value.kind == "type" and check:
        where = f"{'.'.join(path)}: " if path else ""
        raise CueError(f"{where}incomplete value {value.data}; write a value", value.offset)
    scalar: object = value.data
    return scalar


def positions(value: Value, path: tuple[str | int, ...] = ()) -> dict[tuple[str | int, ...], Value]:
    """Give each value below this one by its path."""
    found: dict[tuple[str | int, ...], Value] = {path: value}
    items = value.data.items() if value.kind == "struct" else enumerate(value.data) if value.kind == "list" else ()
    for key, item in items:
        found.update(positions(item, (*path, key)))
    return found
