"""Flow control as a DAG function writes it: brought into the shape in which an SDK registers it, and checked.

An option is an object in that shape, with its fields in camelCase or snake_case, or an object of the official SDK.
Also understood is what the v0.5.0 server reads: a throttle's `count`, and keys as templates, `{{ event.data.id }}`
(source: recordings/dag README, "Loading"). Nothing is passed over: what would mean nothing to a server is a problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from inngest_testkit.durations import format_duration, parse_duration
from inngest_testkit.errors import DurationError, ExpressionSyntaxError, suggestion
from inngest_testkit.functions.configuration import Section, compile_text, shown
from inngest_testkit.functions.flow_control import read_flow_control
from inngest_testkit.functions.options import check_options
from inngest_testkit.functions.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inngest_testkit.functions.flow_control import FlowControl
    from inngest_testkit.functions.problems import Path

__all__ = ["FIELDS", "check_flow_control", "plan_flow_control"]

#: What the objects of each option may hold, by the option's registered name.
FIELDS: dict[str, tuple[str, ...]] = {
    "batchEvents": ("maxSize", "timeout", "key", "if"),
    "cancel": ("event", "if", "timeout"),
    "concurrency": ("limit", "key", "scope"),
    "debounce": ("period", "timeout", "key"),
    "priority": ("run",),
    "rateLimit": ("limit", "period", "key"),
    "singleton": ("mode", "key"),
    "throttle": ("limit", "period", "burst", "key", "count"),
    "timeouts": ("start", "finish"),
}
_ALIASES = {"max_size": "maxSize", "if_": "if", "if_exp": "if"}
_DURATIONS = ("period", "timeout", "start", "finish")
_EXPRESSIONS = ("key", "if", "run")
# Without it, the server takes the option and it does nothing.
_NEEDED = {"cancel": "event", "concurrency": "limit", "priority": "run"}
_EXAMPLES = {
    "batchEvents": '{"maxSize": 10, "timeout": "5s"}',
    "cancel": '{"event": "user/deleted", "if": "event.data.id == async.data.id"}',
    "concurrency": '5, or {"limit": 5, "key": "event.data.id"}',
    "debounce": '{"period": "5s"}',
    "priority": '{"run": "event.data.plan == \'pro\' ? 60 : 0"}',
    "rateLimit": '{"limit": 10, "period": "1m"}',
    "singleton": '{"mode": "skip"}',
    "throttle": '{"limit": 10, "period": "1m"}',
    "timeouts": '{"finish": "1h"}',
}


def check_flow_control(written: Mapping[str, object]) -> list[Problem]:
    """Say what is wrong with the options, by registered name; their places are paths in the function's document."""
    reader = _Reader()
    config = reader.options(written)
    found: list[Problem] = []
    check_options(Section("", config, found))
    for path, content in reader.sections:
        found.extend(_unreadable(path, content))
    for problem in found:
        # What could not be read has been said; that it is then missing is no news.
        if not any(problem.path[: len(each.path)] == each.path for each in reader.problems):
            reader.problems.append(problem)
    return reader.problems


def plan_flow_control(written: Mapping[str, object]) -> FlowControl | None:
    """Compile options that `check_flow_control` accepts.

    `idempotency` replaces a throttle. Source: recordings/dag README, "Loading".
    """
    config = _Reader().options(written)
    if "idempotency" in config:
        config.pop("throttle", None)
    return read_flow_control(config)


class _Reader:
    """Reads options; what it cannot read is noted and left out.

    `sections` lists the objects that were read, with their paths.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.sections: list[tuple[Path, dict[str, Any]]] = []

    def problem(self, path: Path, message: str) -> None:
        self.problems.append(Problem(path, message))

    def options(self, written: Mapping[str, object]) -> dict[str, Any]:
        found = {name: self.option(name, value) for name, value in written.items() if value is not None}
        return {name: value for name, value in found.items() if value is not None}

    def option(self, name: str, value: object) -> object:
        if name == "idempotency":
            return self.idempotency(value)
        if name == "concurrency":
            return self.concurrency(value)
        if name == "cancel":
            return self.each("cancel", value if isinstance(value, (list, tuple)) else [value], ("cancel",))
        if name == "throttle":
            return self.throttle(value)
        return self.section(name, value, (name,))

    def idempotency(self, value: object) -> str | None:
        if isinstance(value, str) and value.strip():
            return _without_braces(value)
        self.problem(("idempotency",), f"expected an expression as text, found {shown(value)}; write 'event.data.id'")
        return None

    def throttle(self, value: object) -> dict[str, Any] | None:
        """Read a throttle; its limit may be called `count`, which is 1 when it is left out."""
        found = self.section("throttle", value, ("throttle",))
        if found is None or "count" not in found:
            return found
        count, path = found.pop("count"), ("throttle", "count")
        if "limit" in found:
            self.problem(path, "count is another name of limit; write one of them")
        elif isinstance(count, bool) or not isinstance(count, int) or count < 1:
            self.problem(path, f"count is how many runs may start in a period, from 1; found {shown(count)}")
        else:
            found["limit"] = count
        return found

    def concurrency(self, value: object) -> object:
        """Read limits: a number, an object, a list of either, or lists by `fn` (of whole runs) and `step`."""
        path = ("concurrency",)
        if _is_number(value):
            return self.limit(value, path)
        if isinstance(value, (list, tuple)):
            return self.each("concurrency", value, path)
        content = _mapping(value)
        if content is None or not content.keys() & {"fn", "step"}:
            return self.section("concurrency", value, path)
        scopes = self.fields(content, path, ("fn", "step"))
        return {
            scope: self.each("concurrency", each if isinstance(each, (list, tuple)) else [each], (*path, scope))
            for scope, each in scopes.items()
        }

    def limit(self, value: object, path: Path) -> dict[str, Any]:
        if isinstance(value, int):
            return {"limit": value}
        self.problem(path, f"expected a whole number, found {shown(value)}; write one such as 5")
        return {}

    def each(self, name: str, items: list[object] | tuple[object, ...], path: Path) -> list[dict[str, Any]]:
        """Read a list. What cannot be read stays as an empty object, so that the others keep their numbers."""
        return [self.item(name, item, (*path, number)) for number, item in enumerate(items)]

    def item(self, name: str, item: object, path: Path) -> dict[str, Any]:
        if name == "concurrency" and _is_number(item):
            return self.limit(item, path)
        return self.section(name, item, path) or {}

    def section(self, name: str, value: object, path: Path) -> dict[str, Any] | None:
        content = _mapping(value)
        if content is None:
            expected = f"expected {{{', '.join(FIELDS[name])}}}"
            self.problem(path, f"{expected}, found {shown(value)}; write {_EXAMPLES[name]}")
            return None
        before = len(self.problems)
        found = self.fields(content, path, FIELDS[name])
        self.sections.append((path, found))
        needed = _NEEDED.get(name)
        if needed and not found.get(needed) and found.get(needed) != 0 and len(self.problems) == before:
            self.problem((*path, needed), f"there is none, so it does nothing; write {_EXAMPLES[name]}")
        return found

    def fields(self, content: Mapping[Any, object], path: Path, known: tuple[str, ...]) -> dict[str, Any]:
        """Read the fields that are not null, by their registered names."""
        found: dict[str, Any] = {}
        for key, given in content.items():
            field = _ALIASES.get(key, key)
            if given is None:
                continue
            if field not in known:
                self.problem((*path, str(key)), f"unknown field {key!r}{suggestion(str(key), known)}")
            elif field in found:
                self.problem((*path, field), f"it is written twice, also as {key!r}; write one of them")
            else:
                value = self.value(field, given, (*path, field))
                if value is not None:
                    found[field] = value
        return found

    def value(self, field: str, value: object, path: Path) -> object:
        if field in _DURATIONS:
            return self.duration(value, path)
        return _without_braces(value) if field == "key" and isinstance(value, str) else value

    def duration(self, value: object, path: Path) -> str | None:
        if isinstance(value, str):
            return value
        if isinstance(value, timedelta):
            # A batch's timeout is read without days, by the server too.
            return format_duration(value, days=False)
        remedy = "; write one such as '5s'"
        if _is_number(value):
            remedy = f": a number has no unit; write '{value}s' or '{value}ms'"
        self.problem(path, f"a duration is text or a timedelta, found {shown(value)}{remedy}")
        return None


def _unreadable(path: Path, content: Mapping[str, Any]) -> Iterator[Problem]:
    """Give the durations and expressions that cannot be read, also where a server asks for nothing."""
    for field, value in content.items():
        try:
            if field in _DURATIONS:
                parse_duration(value)
            elif field in _EXPRESSIONS and isinstance(value, str):
                compile_text(value)
        except DurationError as error:
            yield Problem((*path, field), str(error))
        except ExpressionSyntaxError as error:
            yield Problem((*path, field), f"error compiling expression: {error}")


def _mapping(value: object) -> Mapping[Any, object] | None:
    """Give what an object holds: a mapping, or what an object of the SDK registers as."""
    if isinstance(value, Mapping):
        return value
    to_dict = getattr(value, "to_dict", None)
    found = to_dict() if callable(to_dict) and not isinstance(value, type) else None
    return found if isinstance(found, Mapping) else None


def _without_braces(text: str) -> str:
    inner = text.strip()
    return inner[2:-2].strip() if inner.startswith("{{") and inner.endswith("}}") else text


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
