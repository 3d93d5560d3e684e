"""The configuration of an action by itself, as it is created through the Core API.

Source: recordings/dag README, "Core API" and "Defaults, ids, DSN"; the definition `#Action` of the v0.5.0 server.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inngest_testkit.errors import InvalidActionError, suggestion
from inngest_testkit.functions.configuration import Section
from inngest_testkit.functions.document import parse_document
from inngest_testkit.functions.encode import encode_runtime
from inngest_testkit.functions.model import DockerRuntime, HttpRuntime

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inngest_testkit.functions.model import Runtime
    from inngest_testkit.functions.problems import Problem
    from inngest_testkit.values import JsonValue

__all__ = ["Action", "encode_action", "read_action"]

_DSN = re.compile(r"([a-z0-9-.]+/)?[a-z0-9-]+")
_FIELDS = ("name", "dsn", "version", "scopes", "runtime", "settings", "workflowMetadata", "response", "edges")
#: Kept as they are; nothing in the server reads them.
_KEPT = ("settings", "workflowMetadata", "response", "edges")
_RUNTIME_FIELDS = {"http": ("type", "url"), "docker": ("type", "image", "memory", "entrypoint")}
#: What an action may read that is no HTTP call. Source: recordings/dag README, "Defaults, ids, DSN".
_SCOPES = ("secret:read:*",)


@dataclass(frozen=True, slots=True)
class Action:
    """An action's version: `dsn` names it, `runtime` says where it runs, `config` is the whole of it as JSON text."""

    dsn: str
    name: str
    major: int
    minor: int
    runtime: Runtime
    config: str


def read_action(text: str) -> Action:
    """Read an action from JSON or cue; raises `InvalidActionError` with every problem.

    A document may hold it under `action`, as the server's own tools write it. Without a version it is 1.1.
    """
    document = parse_document(text, file="config", root="action")
    problems: list[Problem] = []
    if not isinstance(document.value, dict):
        raise InvalidActionError(["the action: expected an object with dsn, name and runtime"])
    section = Section("the action", document.value, problems)
    _refuse_unknown(section, _FIELDS)
    dsn, name = section.text("dsn", missing="an action needs a dsn, such as 'hello-step-greet-prod'"), ""
    if dsn and not _DSN.fullmatch(dsn):
        section.problem("dsn", f"{dsn!r} is no DSN; write lower-case letters, digits and dashes, after an optional a/")
    name = section.text("name", missing="an action needs a name") or ""
    version = _inner(section, "version")
    _refuse_unknown(version, ("major", "minor"))
    major, minor = (_number(version, field) for field in ("major", "minor"))
    runtime = _runtime(_inner(section, "runtime"))
    scopes = _scopes(section, runtime)
    if problems or runtime is None or dsn is None:
        raise InvalidActionError([str(problem) for problem in problems])
    written = _inner(section, "runtime").content
    kept = {key: document.value[key] for key in _KEPT if key in document.value}
    config = _config(dsn, name, (major, minor), scopes, dict(written), kept)
    return Action(dsn, name, major, minor, runtime, config)


def encode_action(dsn: str, name: str, version: tuple[int, int], runtime: Runtime | None) -> str:
    """Write the configuration of a step's action, as JSON text, which is cue as well."""
    scopes = () if isinstance(runtime, HttpRuntime) else _SCOPES
    return _config(dsn, name, version, scopes, encode_runtime(runtime), {})


def _config(
    dsn: str,
    name: str,
    version: tuple[int, int],
    scopes: Sequence[str],
    runtime: JsonValue,
    kept: dict[str, JsonValue],
) -> str:
    major, minor = version
    content = {"dsn": dsn, "name": name, "version": {"major": major, "minor": minor}, "scopes": list(scopes)}
    return json.dumps({**content, "runtime": runtime, **kept}, ensure_ascii=False)


def _inner(section: Section, field: str) -> Section:
    """Give the object of a field; one that is none is a problem."""
    content: Any = section.content.get(field)
    if content is not None and not isinstance(content, dict):
        section.problem(field, "expected an object, {...}")
    return Section(
        f"{section.place}, {field}",
        content if isinstance(content, dict) else {},
        section.problems,
        path=(*section.path, field),
    )


def _refuse_unknown(section: Section, known: Sequence[str]) -> None:
    for key in section.content:
        if key not in known:
            section.problem(key, f"field not allowed{suggestion(key, known)}")


def _number(version: Section, field: str) -> int:
    if not version.has(field):
        return 1
    return version.whole(field, least=1) or 1


def _runtime(section: Section) -> Runtime | None:
    kind = section.content.get("type")
    if not isinstance(kind, str) or kind not in _RUNTIME_FIELDS:
        section.problem("type", f"expected one of {', '.join(_RUNTIME_FIELDS)}, found {kind!r}")
        return None
    _refuse_unknown(section, _RUNTIME_FIELDS[kind])
    if kind == "http":
        return HttpRuntime(section.text("url", missing="an http runtime needs the url to call") or "")
    entrypoint = section.content.get("entrypoint")
    if entrypoint is not None and not (isinstance(entrypoint, list) and all(isinstance(e, str) for e in entrypoint)):
        section.problem("entrypoint", "expected a list of texts")
        return None
    return DockerRuntime(" ".join(entrypoint) if entrypoint else None)


def _scopes(section: Section, runtime: Runtime | None) -> Sequence[str]:
    scopes = section.content.get("scopes")
    if scopes is None:
        return () if isinstance(runtime, HttpRuntime) else _SCOPES
    if not isinstance(scopes, list) or not all(isinstance(each, str) for each in scopes):
        section.problem("scopes", "expected a list of texts, such as ['secret:read:*']")
        return ()
    return scopes
