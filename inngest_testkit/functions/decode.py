"""From a document to a function: every value of the wrong kind is noted with its place, and reading goes on.

Source: recordings/dag README, "Loading" and "Defaults, ids, DSN".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeVar, cast

from inngest_testkit.errors import SetupError, suggestion
from inngest_testkit.functions import flow_options
from inngest_testkit.functions.model import (
    OPTIONS,
    TRIGGER,
    After,
    DockerRuntime,
    EventDefinition,
    FlowOptions,
    Function,
    HttpRuntime,
    Runtime,
    Step,
    Trigger,
    VersionConstraint,
)
from inngest_testkit.functions.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path as FilePath

    from inngest_testkit.functions.document import Document
    from inngest_testkit.functions.problems import Path

__all__ = ["decode_function"]

_T = TypeVar("_T")

#: What each object of the configuration may hold.
FIELDS: dict[str, tuple[str, ...]] = {
    "Function": ("id", "name", "triggers", "steps", *OPTIONS.values()),
    "Trigger": ("event", "expression", "cron", "jitter", "definition"),
    "EventDefinition": ("format", "synced", "def"),
    "Step": ("id", "name", "path", "runtime", "after", "version"),
    "Runtime": ("type", "url", "entrypoint"),
    "After": ("step", "steps", "if", "wait", "async"),
    "async": ("event", "match", "ttl", "onTimeout"),
    **flow_options.FIELDS,
    "concurrency": (*flow_options.FIELDS["concurrency"], "fn", "step"),
}

_RUNTIMES = ("docker", "http")
_FILE = "file://"
_GO_TYPES: dict[type, str] = {str: "string", bool: "bool", int: "int", float: "float", type(None): "null"}
_WANTED: dict[type, tuple[str, str]] = {
    str: ("string", "write it as text, in quotes"),
    bool: ("bool", "write true or false"),
    dict: ("struct", "write an object, {...}"),
    list: ("list", "write a list, [...]"),
}


def decode_function(
    document: Document, folder: FilePath | None, *, ignored: list[Problem] | None = None
) -> tuple[Function, list[Problem]]:
    """Read the function that a document holds; paths in it are relative to `folder`.

    Without a folder, which is how a document comes that someone else sent, no file is read for it. The function is
    complete only when there are no problems. `ignored` is given the fields that mean nothing.
    """
    decoder = _Decoder(document, folder)
    function = decoder.function()
    if ignored is not None:
        ignored.extend(decoder.ignored)
    return function, decoder.problems


class _Decoder:
    def __init__(self, document: Document, folder: FilePath | None) -> None:
        self.document = document
        self.folder = folder
        self.strict = document.schema
        self.problems: list[Problem] = []
        self.ignored: list[Problem] = []

    def problem(self, path: Path, message: str) -> None:
        self.problems.append(Problem(path, message))

    # -- values of one kind

    def typed(self, kind: type[_T], value: object, path: Path) -> _T | None:
        """Give the value if it is of this kind; null counts as absent."""
        if type(value) is kind:
            return value
        if value is not None or self.strict:
            wanted, remedy = _WANTED[kind]
            found = _GO_TYPES.get(type(value)) or ("list" if isinstance(value, list) else "struct")
            shown = json.dumps(value, ensure_ascii=False)
            shown = shown if len(shown) <= 40 else shown[:37] + "..."
            if self.strict:
                what = f"conflicting values {shown} and {wanted} (mismatched types {found} and {wanted})"
            else:
                what = f"cannot use value {shown} (type {found}) as {wanted}"
            self.problem(path, f"{what}; {remedy}")
        return None

    def text(self, holder: Mapping[str, object], key: str, path: Path) -> str | None:
        return self.typed(str, holder[key], (*path, key)) if key in holder else None

    def flag(self, holder: Mapping[str, object], key: str, path: Path) -> bool:
        return bool(self.typed(bool, holder[key], (*path, key))) if key in holder else False

    def items(self, holder: Mapping[str, object], key: str, path: Path) -> Sequence[object]:
        return (self.typed(list, holder[key], (*path, key)) or []) if key in holder else []

    def object_(self, value: object, path: Path, definition: str) -> dict[str, object] | None:
        """Give an object, and note the fields that its definition does not have."""
        found = self.typed(dict, value, path)
        unified = self.document.definitions.get(path, frozenset())
        self._check_definition(unified, path, definition)
        for key in found or ():
            if key not in FIELDS[definition]:
                known = suggestion(key, FIELDS[definition])
                if self.strict or unified:
                    self.problem((*path, key), f"field not allowed: {key!r}{known}")
                else:
                    self.ignored.append(Problem((*path, key), f"unknown field {key!r} is ignored{known}"))
        return found

    def _check_definition(self, unified: frozenset[str], path: Path, definition: str) -> None:
        for name in sorted(unified):
            if not (name == definition or (name.startswith("Runtime") and definition == "Runtime")):
                if name in {"EventTrigger", "CronTrigger"} and definition == "Trigger":
                    continue
                self.problem(path, f"#{name} cannot stand here; write #{definition}, or leave the definition out")

    # -- the function

    def function(self) -> Function:
        found = self.object_(self.document.value, (), "Function") or {}
        if not any(key in FIELDS["Function"] for key in found):
            there = ", ".join(repr(key) for key in found) or "nothing"
            self.problem((), f"there is no function here, found {there}; write its id, name, triggers and steps")
        name = self.text(found, "name", ()) or ""
        triggers = [
            self.trigger(value, ("triggers", number)) for number, value in enumerate(self.items(found, "triggers", ()))
        ]
        return Function(
            self.text(found, "id", ()) or "",
            *(trigger for trigger in triggers if trigger is not None),
            steps=self.steps(found, name),
            name=name,
            **self.flow_control(found),
        )

    def flow_control(self, function: Mapping[str, object]) -> FlowOptions:
        """Give the options as written; whether they can be read is checked with the function."""
        for key in OPTIONS.values():
            if self.strict and key in function and function[key] is None:
                self.typed(str if key == "idempotency" else dict, None, (key,))
        given = {name: self.option(function.get(key), (key,), key) for name, key in OPTIONS.items()}
        return cast("FlowOptions", {name: value for name, value in given.items() if value is not None})

    def option(self, value: object, path: Path, definition: str) -> object:
        """Give an option, or a part of one, without the fields that mean nothing."""
        if isinstance(value, list):
            return [self.option(each, (*path, number), definition) for number, each in enumerate(value)]
        if not isinstance(value, dict) or definition not in FIELDS:
            return value
        return {
            key: self.option(each, (*path, key), definition) if isinstance(each, list) else each
            for key, each in (self.object_(value, path, definition) or {}).items()
            if key in FIELDS[definition]
        }

    def trigger(self, value: object, path: Path) -> Trigger | None:
        found = self.object_(value, path, "Trigger")
        if found is None:
            return Trigger()
        return Trigger(
            event=self.text(found, "event", path),
            expression=self.text(found, "expression", path),
            cron=self.text(found, "cron", path),
            jitter=self.text(found, "jitter", path),
            definition=self.definition(found.get("definition"), (*path, "definition")),
        )

    def definition(self, value: object, path: Path) -> EventDefinition | None:
        if value is None:
            return None
        found = self.object_(value, path, "EventDefinition")
        if found is None:
            return None
        content = found.get("def")
        if not isinstance(content, dict):
            content = self._read(self.text(found, "def", path) or "", (*path, "def"))
        form = self.text(found, "format", path) or ""
        return EventDefinition(form, _parsed(form, content), synced=self.flag(found, "synced", path))

    def _read(self, content: str, path: Path) -> str:
        if not content.startswith(_FILE):
            return content
        if self.folder is None:
            self.problem(path, f"the definition is in a file, {content!r}, and only its text was sent; write it here")
            return "{}"
        file = self.folder / content.removeprefix(_FILE)
        try:
            return file.read_text(encoding="utf-8-sig")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8 text"
            self.problem(
                path,
                f"error reading event definition {str(file)!r}: {reason}; "
                "a file:// path is relative to the function's folder",
            )
            return "{}"

    # -- its steps

    def steps(self, function: Mapping[str, object], name: str) -> list[Step]:
        found = self.typed(dict, function["steps"], ("steps",)) if "steps" in function else None
        if not found:
            return [Step("step-1", name=name, path="file://.", runtime=DockerRuntime())]
        return [self.step(key, value, ("steps", key)) for key, value in found.items()]

    def step(self, key: str, value: object, path: Path) -> Step:
        found = self.object_(value, path, "Step")
        if found is None:
            return Step(key)
        written = self.text(found, "id", path)
        if not key or (not written and not ("id" not in found and self.strict)):
            self.problem(
                (*path, "id"),
                f"A step must have an ID defined; write id: {json.dumps(key, ensure_ascii=False)}, as its key in steps"
                if key
                else "A step must have an ID defined; its key in steps and its id are empty",
            )
        elif written and written != key:
            self.problem(
                (*path, "id"),
                f"unknown step {written!r} for an edge into it: the step's id differs from its key {key!r} in steps; "
                "write the same in both",
            )
        return Step(
            key,
            name=self.text(found, "name", path) or "",
            path=self.text(found, "path", path) or "",
            runtime=self.runtime(found, (*path, "runtime")),
            after=self.after(found, path),
            version=self.version(found, path),
        )

    def version(self, step: Mapping[str, object], path: Path) -> str | None:
        written = self.text(step, "version", path)
        try:
            return str(VersionConstraint.parse(written)) if written else None
        except SetupError as error:
            self.problem((*path, "version"), str(error))
            return None

    def runtime(self, step: Mapping[str, object], path: Path) -> Runtime | None:
        if step.get("runtime") is None:
            self.problem(path, 'no runtime specified; write runtime: {type: "http", url: "..."} or {type: "docker"}')
            return None
        found = self.object_(step["runtime"], path, "Runtime")
        kind = self.text(found, "type", path) if found is not None else None
        if found is None or (kind is None and found.get("type") is not None):
            return None
        if kind == "http":
            return self._http(found, path)
        if kind == "docker":
            return DockerRuntime(self.text(found, "entrypoint", path))
        self.problem((*path, "type"), _unknown_runtime(kind))
        return None

    def _http(self, runtime: Mapping[str, object], path: Path) -> HttpRuntime | None:
        if runtime.get("url") is None:
            self.problem((*path, "url"), 'an http runtime needs the url to call; write url: "https://..."')
            return None
        url = self.text(runtime, "url", path)
        return None if url is None else HttpRuntime(url)

    def after(self, step: Mapping[str, object], path: Path) -> list[After]:
        entries = self.items(step, "after", path)
        return [self.edge(value, (*path, "after", number)) for number, value in enumerate(entries)]

    def edge(self, value: object, path: Path) -> After:
        found = self.object_(value, path, "After")
        if found is None:
            return After((TRIGGER,))
        wait = found.get("async")
        awaited = self.object_(wait, (*path, "async"), "async") if wait is not None else None
        inner = (*path, "async")
        return After(
            self.parents(found, path),
            if_=self.text(found, "if", path) or None,
            wait=self.text(found, "wait", path),
            event=None if awaited is None else self.text(awaited, "event", inner) or "",
            match=None if awaited is None else self.text(awaited, "match", inner) or None,
            ttl=None if awaited is None else self.text(awaited, "ttl", inner),
            on_timeout=False if awaited is None else self.flag(awaited, "onTimeout", inner),
            join="steps" in found,
        )

    def parents(self, edge: Mapping[str, object], path: Path) -> tuple[str, ...]:
        if "steps" not in edge:
            single = self.text(edge, "step", path)
            if not single and edge.get("step") in (None, ""):
                self.problem(path, f"the entry names no parent; write step: {json.dumps(TRIGGER)}, or a step's id")
            return (single or TRIGGER,)
        if edge.get("step") is not None:
            self.problem(path, "the entry has both step and steps; write step for one parent, steps for all of several")
        listed = [
            self.typed(str, item, (*path, "steps", number))
            for number, item in enumerate(self.items(edge, "steps", path))
        ]
        return tuple(item for item in listed if item is not None)


def _parsed(form: str, content: object) -> object:
    if form != "json-schema" or not isinstance(content, str):
        return content
    try:
        parsed: object = json.loads(content)
    except (ValueError, RecursionError):
        return content
    return parsed


def _unknown_runtime(kind: str | None) -> str:
    if kind == "python":
        return (
            "unknown runtime type: python; a file cannot hold a callable, so build the function with the Python "
            "builder: Function(..., steps=[Step('id', run)])"
        )
    if not kind:
        return f"unknown type; write the runtime's type, one of {', '.join(_RUNTIMES)}"
    return f"unknown runtime type: {kind}{suggestion(kind, _RUNTIMES)}"
