"""Records that are made in great numbers: frozen dataclasses whose objects are made as fast as any."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

__all__ = ["quick"]

T = TypeVar("T")


def quick(record: type[T]) -> type[T]:
    """Give a frozen dataclass with slots an `__init__` that takes a third of the time; nothing else changes.

    Its own writes each field past the guard that keeps it frozen, at the price of a call. This one lets the object
    be of a class without the guard while it is filled. A `__post_init__` finds a frozen object, as ever.
    """
    fields = [field for field in dataclasses.fields(record) if field.init]  # type: ignore[arg-type]
    slots = record.__slots__  # type: ignore[attr-defined]
    known: dict[str, Any] = {
        "_set": object.__setattr__,
        "_open": type(record.__name__, (), {"__slots__": slots}),
        "_record": record,
        "_ABSENT": _ABSENT,
        **{f"_default_{field.name}": field.default for field in fields},
        **{f"_make_{field.name}": field.default_factory for field in fields},
    }
    given = ["self", *(_parameter(field) for field in fields if not field.kw_only)]
    named = [_parameter(field) for field in fields if field.kw_only]
    lines = [
        f"def __init__({', '.join([*given, *(['*', *named] if named else [])])}):",
        "  _set(self, '__class__', _open)",
        *(f"  self.{field.name} = {_value(field)}" for field in fields),
        "  self.__class__ = _record",
        *(["  self.__post_init__()"] if hasattr(record, "__post_init__") else []),
    ]
    exec("\n".join(lines), known)  # noqa: S102 - the way in which dataclasses makes its own
    made = known["__init__"]
    made.__qualname__ = f"{record.__qualname__}.__init__"
    made.__annotations__ = record.__init__.__annotations__
    record.__init__ = made  # type: ignore[method-assign]
    return record


_ABSENT = object()


def _parameter(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return f"{field.name}=_default_{field.name}"
    return field.name if field.default_factory is dataclasses.MISSING else f"{field.name}=_ABSENT"


def _value(field: dataclasses.Field[Any]) -> str:
    name = field.name
    return name if field.default_factory is dataclasses.MISSING else f"_make_{name}() if {name} is _ABSENT else {name}"
