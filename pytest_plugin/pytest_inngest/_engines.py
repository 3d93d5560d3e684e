"""The engines of a test: how they are made, and what became of them.

Nothing of inngest_testkit is imported before a test asks for an engine.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from pytest_inngest._marker import marked, refuse
from pytest_inngest._options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from inngest_testkit import AsyncEngine, Engine, Function
    from inngest_testkit.engine.core import Core

__all__ = ["TEST", "OfTest", "Opened", "close_without_loop", "core_of", "node_id", "of_test", "open_engine"]

E = TypeVar("E", "Engine", "AsyncEngine")

_ENGINE_KEYS = ("auto", "freeze", "jitter", "keep", "max_steps", "seed", "start")


class Opened:
    """An engine that a fixture made; `seed_from` says where its seed is from, `keep` which runs it keeps."""

    # Not a dataclass: making one costs more than all of the plugin's other imports.
    __slots__ = ("engine", "keep", "seed_from")

    def __init__(self, engine: Engine | AsyncEngine, seed_from: str, keep: object) -> None:
        self.engine, self.seed_from, self.keep = engine, seed_from, keep


class OfTest:
    """What is known of a test while it runs.

    `cut_short`: its set-up or its code ended with an exception. `reported`: a report has the timelines already.
    """

    __slots__ = ("cut_short", "opened", "reported")

    def __init__(self) -> None:
        self.opened: list[Opened] = []
        self.cut_short = False
        self.reported = False


TEST = pytest.StashKey[OfTest]()
_FROM_INI = pytest.StashKey["Sequence[Function]"]()


def of_test(item: pytest.Item) -> OfTest:
    """Return what is known of a test, from now on if nothing was."""
    return item.stash.setdefault(TEST, OfTest())


def node_id(item: pytest.Item) -> str:
    """Return a test's node id without what a scheduler adds to it."""
    return item.nodeid if item.parent is None else f"{item.parent.nodeid}::{item.name}"


def core_of(engine: Engine | AsyncEngine) -> Core:
    """Return what both engines are a surface of."""
    return engine._core  # noqa: SLF001 - the plugin is a part of the kit


def open_engine(item: pytest.Item, kind: type[E]) -> E:
    """Make an engine as the test's markers and the session's options say."""
    __tracebackhide__ = True
    from inngest_testkit.errors import TestkitError

    said = marked(item)
    given = {key: said[key] for key in _ENGINE_KEYS if key in said}
    given.setdefault("start", item.config.stash[OPTIONS].start)
    seed, seed_from = _seed(item, said)
    try:
        engine = kind(**{**given, "seed": seed})
    except TestkitError as error:
        refuse(item, f"cannot make an engine: {error}")
    _register_configured(item, engine)
    try:
        _register(engine, list(_functions(item, said.get("functions", ()))))
    except TestkitError as error:
        refuse(item, f"functions: {error}")
    of_test(item).opened.append(Opened(engine, seed_from, said.get("keep", "all")))
    return engine


def _seed(item: pytest.Item, said: dict[str, Any]) -> tuple[int | str, str]:
    if "seed" in said:
        return said["seed"], "the marker"
    options = item.config.stash[OPTIONS]
    if options.seed is not None:
        return int(options.seed) if options.seed.isdecimal() else options.seed, options.seed_from
    from hashlib import blake2b

    digest = blake2b(node_id(item).encode(errors="backslashreplace"), digest_size=4).digest()
    return int.from_bytes(digest, "big"), "the test's node id"


def _register_configured(item: pytest.Item, engine: Engine | AsyncEngine) -> None:
    __tracebackhide__ = True
    from inngest_testkit.errors import TestkitError
    from inngest_testkit.functions.loader import load_functions

    stash, paths = item.config.stash, item.config.stash[OPTIONS].functions
    try:
        if _FROM_INI not in stash:
            stash[_FROM_INI] = tuple(loaded.function for path in paths for loaded in load_functions(path))
        _register(engine, stash[_FROM_INI])
    except TestkitError as error:
        refuse(item, str(error), subject="ini option inngest_functions:")


def _register(engine: Engine | AsyncEngine, functions: Sequence[Function]) -> None:
    from inngest_testkit.engine.bridge import LoopRunner

    if functions:
        LoopRunner().run(core_of(engine).register(*functions))


def _functions(item: pytest.Item, given: object) -> Iterator[Function]:
    __tracebackhide__ = True
    from inngest_testkit import Function
    from inngest_testkit.functions.loader import load_functions

    for one in given if isinstance(given, (list, tuple)) else [given]:
        if isinstance(one, Function):
            yield one
        elif isinstance(one, (str, os.PathLike)):
            yield from (loaded.function for loaded in load_functions(_found(item, Path(one))))
        elif type(one).__module__.startswith("inngest."):
            name = repr(getattr(one, "id", one))
            refuse(item, f"functions takes Function objects and paths; {name} is served: engine.serve(client, [...])")
        else:
            refuse(item, f"functions takes Function objects and paths, found {type(one).__name__}: {one!r}")


def _found(item: pytest.Item, path: Path) -> Path:
    __tracebackhide__ = True
    folders = list(dict.fromkeys([item.path.parent, item.config.rootpath]))
    there = next((folder / path for folder in folders if (folder / path).exists()), None)
    if there is None:
        looked = " nor in ".join(repr(str(folder)) for folder in folders)
        refuse(item, f"functions: there is no file or folder {str(path)!r} in {looked}")
    return there


def close_without_loop(item: pytest.Item, engine: AsyncEngine) -> None:
    """Close an engine whose event loop is gone; fails the test when it holds connections, which need that loop."""
    __tracebackhide__ = True
    from inngest_testkit.engine.bridge import LoopRunner

    try:
        LoopRunner().run(core_of(engine).close())
    except Exception as error:  # noqa: BLE001 - whatever a connection raises without its loop
        refuse(
            item,
            "holds connections that only the test's event loop can close. Run the test with anyio's plugin, "
            f"or `await inngest_async_engine.close()` at its end ({type(error).__name__}: {error})",
            subject="inngest_async_engine",
        )
