"""A registered configuration, read field by field: what cannot be read becomes a problem with its place.

As for the server, a field that is null is one that was left out. It never raises, so that one reading finds every
problem. The words of a problem are the server's, where it has some, followed by the remedy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from reprlib import Repr
from typing import TYPE_CHECKING, Any

from inngest_testkit.durations import parse_duration
from inngest_testkit.errors import DurationError, ExpressionSyntaxError, suggestion
from inngest_testkit.expressions import SDK, compile_expression
from inngest_testkit.expressions.parser import parse
from inngest_testkit.functions.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from inngest_testkit.expressions.tree import Node
    from inngest_testkit.functions.problems import Path

__all__ = ["Section", "compile_text", "parse_text", "shown"]

_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 80
# The server's numbers have 64 bits.
_LARGEST = 2**63 - 1


def shown(value: object) -> str:
    """Write what was found, cut when it is long or deep."""
    return _SHORT.repr(value)


def parse_text(text: str) -> Node:
    """Read an expression without asking whether its names exist; raises `ExpressionSyntaxError`."""
    return parse(text, literal_backslashes=SDK.literal_backslashes)


def compile_text(text: str) -> None:
    """Read an expression whose names must exist; raises `ExpressionSyntaxError`."""
    compile_expression(text, SDK)


@dataclass(frozen=True, slots=True)
class Section:
    """One object of a configuration: where it stands, what it holds, and the list that its problems go to.

    `place` is where it stands for a reader, `path` the keys and numbers that lead to it. A reader gives None for a
    field that is left out and for one that it has complained about.
    """

    place: str
    content: Mapping[str, Any]
    problems: list[Problem]
    #: What stands between the place and the name of a field.
    joint: str = ", "
    path: Path = ()

    def problem(self, field: str, message: str) -> None:
        """Note what is wrong with a field, or with the whole object when `field` is empty."""
        where = f"{self.place}{self.joint}{field}" if field else self.place
        self.problems.append(Problem((*self.path, field) if field else self.path, message, where))

    def has(self, field: str) -> bool:
        """Whether a field is given and not null."""
        return self.content.get(field) is not None

    def text(self, field: str, *, missing: str = "") -> str | None:
        """Read a text. With `missing`, an empty one or none at all is a problem, in these words."""
        value = self.content.get(field)
        if value is not None and not isinstance(value, str):
            self.problem(field, f"expected text, found {shown(value)}; write it in quotes")
            return None
        if missing and not value:
            self.problem(field, missing)
            return None
        return value

    def whole(self, field: str, *, least: int | None = None, words: str = "the number is out of range") -> int | None:
        """Read a whole number, 0 when it is left out. One below `least` is a problem, in these words."""
        value = self.content.get(field)
        value = 0 if value is None else value
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _LARGEST:
            self.problem(field, f"expected a whole number, found {shown(value)}; write one such as 5")
            return None
        if least is not None and value < least:
            self.problem(field, f"{words}: {value} is too small, write {least} or more")
            return None
        return value

    def duration(self, field: str, *, words: str, missing: str = "") -> timedelta | None:
        """Read a duration; `words` begin the problem of one that cannot be read."""
        text = self.text(field, missing=missing)
        if text is None:
            return None
        try:
            return parse_duration(text)
        except DurationError as error:
            self.problem(field, f"{words}: {error}")
            return None

    def expression(self, field: str, *, words: str, check: Callable[[str], object] = compile_text) -> str | None:
        """Read an expression that `check` takes; `words` begin the problem of one that it does not."""
        text = self.text(field)
        if text is None:
            return None
        try:
            check(text)
        except ExpressionSyntaxError as error:
            self.problem(field, f"{words}: error compiling expression: {error}")
            return None
        return text

    def choice(self, field: str, known: Sequence[str], *, enumeration: str) -> str | None:
        """Read one of a few words, in any case. Unlike elsewhere, null is refused."""
        if field not in self.content:
            return None
        value = self.content[field]
        if isinstance(value, str) and value.lower() in known:
            return value.lower()
        found = value if isinstance(value, str) else shown(value)
        near = suggestion(str(found), known, label="write one of")
        self.problem(field, f"{found} does not belong to {enumeration} values{near}")
        return None

    def inner(self, field: str) -> Section | None:
        """Read an object within this one."""
        value = self.content.get(field)
        if value is None:
            return None
        if isinstance(value, Mapping):
            return Section(f"{self.place}{self.joint}{field}", value, self.problems, ".", (*self.path, field))
        self.problem(field, f"expected an object, found {shown(value)}; write {{...}} with its fields")
        return None

    def each(self, field: str, noun: str) -> list[Section]:
        """Read a list of objects, called `noun 1`, `noun 2`...; those that are none are left out."""
        value = self.content.get(field)
        if value is None:
            return []
        if not isinstance(value, (list, tuple)):
            self.problem(field, f"expected a list, found {shown(value)}; write [...] around it")
            return []
        found = []
        for number, item in enumerate(value):
            place = f"{self.place}{self.joint}{noun} {number + 1}"
            content = item if isinstance(item, Mapping) else {}
            section = Section(place, content, self.problems, path=(*self.path, field, number))
            if item is None or isinstance(item, Mapping):
                found.append(section)
            else:
                section.problem("", f"expected an object, found {shown(item)}; write {{...}} with its fields")
        return found
