"""The plugin's hooks and fixtures.

Importing this module imports nothing of inngest_testkit: a test that asks for no engine pays nothing for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_inngest._engines import TEST, OfTest, close_without_loop, core_of, of_test, open_engine
from pytest_inngest._marker import MARKER, marked, refuse
from pytest_inngest._options import OPTIONS, add_options, read_options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterator

    from inngest_testkit import AsyncEngine, Engine, FakeClock
    from inngest_testkit.api import LiveServer

__all__ = ["inngest_async_engine", "inngest_clock", "inngest_engine", "inngest_server"]


@pytest.fixture
def inngest_engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An `inngest_testkit.Engine`: the Inngest dev server on a fake clock, new for each test.

    Its ids come from a seed made from the test's node id, so they are the same in every run of the test.
    `@pytest.mark.inngest(start=..., functions=..., ...)` says how it is made. When the test fails, its report shows
    the timelines of the engine's runs; when it passes, runs that failed unseen and mocks that never answered are
    reported. Synchronous tests only: a coroutine takes `inngest_async_engine`.

    One engine lasts the whole test, and the examples of hypothesis' `@given` would share it, which hypothesis
    refuses (health check `function_scoped_fixture`): make an `Engine()` inside the test there, one for each example.
    """
    from inngest_testkit import Engine
    from pytest_inngest._checks import check

    engine = open_engine(request.node, Engine)
    yield engine
    engine.close()
    check(request.node, engine)


@pytest.fixture
def inngest_async_engine(request: pytest.FixtureRequest) -> Iterator[AsyncEngine]:
    """An `inngest_testkit.AsyncEngine`, as `inngest_engine`, for a test that is a coroutine.

    Under anyio's plugin (asyncio or trio) it is closed in the test's own event loop. Where something else runs the
    loop, and steps made HTTP calls, end the test with `await inngest_async_engine.close()`.
    """
    from inngest_testkit import AsyncEngine
    from pytest_inngest._checks import check

    engine = open_engine(request.node, AsyncEngine)
    in_loop = "anyio_backend" in request.fixturenames
    if in_loop:
        request.getfixturevalue("_inngest_closed_in_loop").append(engine)
    yield engine
    if not in_loop:
        close_without_loop(request.node, engine)
    check(request.node, engine)


@pytest.fixture
async def _inngest_closed_in_loop() -> AsyncIterator[list[AsyncEngine]]:
    """Engines to close in the event loop of the test."""
    engines: list[AsyncEngine] = []
    yield engines
    for engine in engines:
        await engine.close()


@pytest.fixture
def inngest_clock(request: pytest.FixtureRequest) -> FakeClock:
    """The fake clock of the test's engine, whichever engine fixture the test uses.

    Read it with `now()`; move it with the engine's `advance`, so that what becomes due is worked.
    """
    names = request.fixturenames
    if "inngest_engine" in names and "inngest_async_engine" in names:
        refuse(
            request.node, "is of one engine, and the test uses two: take the .clock of each", subject="inngest_clock"
        )
    of_async = "inngest_async_engine" in names or ("inngest_engine" not in names and "anyio_backend" in names)
    engine: Engine | AsyncEngine = request.getfixturevalue("inngest_async_engine" if of_async else "inngest_engine")
    return core_of(engine).fake_clock


@pytest.fixture
def inngest_server(request: pytest.FixtureRequest) -> Iterator[LiveServer]:
    """A server around the test's `inngest_engine`, on a free port of this machine: `inngest_server.url` says where.

    Start the app under test with `env={**os.environ, **inngest_server.env}`, and the SDK in it, of any language, talks
    to this server. Time is the engine's: move it with `inngest_engine`, or over HTTP (`POST /testkit/clock`), after
    which all that was due is done. What an app sends is worked in threads of the server's. A test that is a coroutine
    writes `async with serving(inngest_async_engine) as server` (`inngest_testkit.api`). Needs the extra `[server]`.
    """
    if "inngest_async_engine" in request.fixturenames:
        refuse(
            request.node,
            "is around inngest_engine, and the test takes inngest_async_engine: write `async with "
            "serving(inngest_async_engine) as server` (from inngest_testkit.api)",
            subject="inngest_server",
        )
    from inngest_testkit.errors import MissingExtraError

    try:
        from inngest_testkit.api import LiveServer
    except MissingExtraError as error:
        refuse(request.node, f"cannot be had: {error}", subject="inngest_server")
    with LiveServer(request.getfixturevalue("inngest_engine")) as server:
        yield server


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the ini options and the flags."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Read the options, and declare the marker."""
    config.addinivalue_line("markers", MARKER)
    config.stash[OPTIONS] = read_options(config)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse a marker that cannot be, whether the test has an engine or not."""
    item.stash[TEST] = OfTest()
    marked(item)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the timelines into the report of a test that failed."""
    report = yield
    test = of_test(item)
    if call.excinfo is not None and call.when != "teardown":
        test.cut_short = True
    if test.opened and not test.reported and _wanted(item, report):
        from pytest_inngest._report import TITLE, describe

        test.reported = True
        report.sections.append((TITLE, describe(item, test.opened)))
    if call.when == "teardown":
        # Items live as long as the session; engines need not.
        del item.stash[TEST]
    return report


def _wanted(item: pytest.Item, report: pytest.TestReport) -> bool:
    timelines = item.config.stash[OPTIONS].timeline
    if timelines == "all":
        return report.failed or report.when == "call"
    return timelines == "failed" and report.failed
