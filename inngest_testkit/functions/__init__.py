"""What can run: functions in Python and in files, what is wrong with them, and their graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inngest_testkit.functions.model import (
    TRIGGER,
    After,
    DockerRuntime,
    EventDefinition,
    Function,
    HttpRuntime,
    PythonRuntime,
    Runtime,
    Step,
    StepCode,
    Trigger,
    VersionConstraint,
    after,
    docker,
    http,
    on_cron,
    on_event,
)

if TYPE_CHECKING:
    from inngest_testkit.functions.dsn import slug
    from inngest_testkit.functions.graph import layers, to_mermaid, to_networkx, to_text
    from inngest_testkit.functions.loader import LoadedFunction, load_functions
    from inngest_testkit.functions.validation import Problem, check_function, check_functions

__all__ = [
    "TRIGGER",
    "After",
    "DockerRuntime",
    "EventDefinition",
    "Function",
    "HttpRuntime",
    "LoadedFunction",
    "Problem",
    "PythonRuntime",
    "Runtime",
    "Step",
    "StepCode",
    "Trigger",
    "VersionConstraint",
    "after",
    "check_function",
    "check_functions",
    "docker",
    "http",
    "layers",
    "load_functions",
    "on_cron",
    "on_event",
    "slug",
    "to_mermaid",
    "to_networkx",
    "to_text",
]

_LATE = {
    "LoadedFunction": "loader",
    "Problem": "validation",
    "check_function": "validation",
    "check_functions": "validation",
    "layers": "graph",
    "load_functions": "loader",
    "slug": "dsn",
    "to_mermaid": "graph",
    "to_networkx": "graph",
    "to_text": "graph",
}


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
