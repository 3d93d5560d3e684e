"""One mistake in a function, and how its place is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Path", "Problem", "describe"]

#: A place in the configuration document, such as `("steps", "b", "after", 0, "if")`.
Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake at a place, with what to do about it.

    `place` is the place as written for a reader, where that is not what `describe` makes of the path.
    """

    path: Path
    message: str
    place: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


def describe(function_id: str, path: Path) -> str:
    """Write a place for a reader: `function 'x', step 'a', after[0].if`."""
    parts = [f"function {function_id!r}" if function_id else "a function without an id"]
    rest = path
    if len(path) > 1 and path[0] == "steps":
        parts.append(f"step {path[1]!r}")
        rest = path[2:]
    inner = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in rest).removeprefix(".")
    return ", ".join([*parts, inner] if inner else parts)
