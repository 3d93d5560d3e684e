"""The fixture `inngest_server`: a real server around the engine of a test."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

# Imported once, here, as in conftest.
import httpx
import starlette
import uvicorn

from inngest_testkit.api import server

if TYPE_CHECKING:
    from tests.plugin.conftest import Inner

__all__ = ["httpx", "server", "starlette", "uvicorn"]


def test_the_server_is_around_the_tests_engine_and_gone_with_the_test(inner: Inner):
    """Its functions, its virtual clock; the next test has another one."""
    result = inner(
        """
        import httpx

        urls = []

        @pytest.mark.inngest(functions=signup(lambda: "hello"), start="2024-02-29T09:00:00Z")
        def test_it(inngest_server, inngest_engine):
            urls.append(inngest_server.url)
            assert inngest_server.env["INNGEST_DEV"] == inngest_server.url
            httpx.post(f"{inngest_server.url}/e/key", json={"name": "user/signed.up", "data": {"plan": "pro"}})
            moved = httpx.post(f"{inngest_server.url}/testkit/clock", json={"run_to_idle": True}).json()
            assert moved["now"] == "2024-03-01T09:00:00Z"
            assert inngest_engine.runs()[0].output == "hello"

        def test_after(inngest_server):
            assert inngest_server.url != urls[0]
            with pytest.raises(httpx.ConnectError):
                httpx.get(urls[0])
        """
    )
    result.assert_outcomes(passed=2)


def test_a_test_that_fails_shows_the_timeline_of_what_came_over_http(inner: Inner):
    result = inner(
        """
        import httpx

        @pytest.mark.inngest(functions=signup())
        def test_it(inngest_server):
            httpx.post(f"{inngest_server.url}/e/key", json={"name": "user/signed.up", "data": {"plan": "pro"}})
            clock = httpx.post(f"{inngest_server.url}/testkit/clock", json={"run_to_idle": True}).json()
            assert clock["open_runs"] == 1
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*inngest timeline*",
            "seed *, from the test's node id; rerun: *",
            "run * of signup*FAILED*",
            "*mail server is down*",
        ]
    )


def test_a_failure_that_nobody_looked_at_is_reported_also_over_http(inner: Inner):
    """One that was read over HTTP was looked at."""
    result = inner(
        """
        import httpx

        def fail(server):
            httpx.post(f"{server.url}/e/key", json={"name": "user/signed.up", "data": {"plan": "pro"}})
            httpx.post(f"{server.url}/testkit/clock", json={"run_to_idle": True})

        @pytest.mark.inngest(functions=signup())
        def test_unseen(inngest_server):
            fail(inngest_server)

        @pytest.mark.inngest(functions=signup())
        def test_seen(inngest_server):
            fail(inngest_server)
            runs = httpx.get(f"{inngest_server.url}/testkit/runs").json()["runs"]
            assert [run["status"] for run in runs] == ["FAILED"]
        """,
        "--inngest-unobserved-failures=error",
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_unseen*", "1 run failed and the test did not look*"])


def test_what_fails_in_the_background_fails_the_test(inner: Inner):
    result = inner(
        """
        import httpx, time
        from inngest_testkit import Function, Step, on_event

        def again(send):
            send("loop")

        @pytest.mark.inngest(max_steps=20, functions=Function("loop", on_event("loop"), steps=[Step("s", again)]))
        def test_it(inngest_server):
            httpx.post(f"{inngest_server.url}/e/key", json={"name": "loop"})
            while not inngest_server.errors:
                time.sleep(0.001)
        """
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*RunawayError: *20 *"])


def test_without_the_extra_the_error_says_what_to_install(inner: Inner, pytester):
    pytester.makeconftest("import sys\nsys.modules['uvicorn'] = None")
    result = inner("def test_it(inngest_server): ...", apart=True)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*test_inner.py:*: test_it: inngest_server cannot be had: the HTTP face needs the extra [[]server[]]: pip *"]
    )


def test_an_async_engine_is_served_in_its_own_loop(inner: Inner):
    """The fixture refuses it with what to write; that works."""
    result = inner(
        """
        import httpx
        from inngest_testkit.api import serving

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.anyio
        async def test_refused(inngest_async_engine, inngest_server): ...

        @pytest.mark.anyio
        @pytest.mark.inngest(functions=signup(lambda: "hello"))
        async def test_served(inngest_async_engine):
            async with serving(inngest_async_engine) as server, httpx.AsyncClient(base_url=server.url) as client:
                await client.post("/e/key", json={"name": "user/signed.up", "data": {"plan": "pro"}})
                await inngest_async_engine.run_to_idle()
                assert inngest_async_engine.runs()[0].output == "hello"
        """,
        plugins=["anyio.pytest_plugin"],
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*test_refused: inngest_server is around inngest_engine, *async with serving(*"])


def test_workers_of_xdist_have_ports_of_their_own(inner: Inner):
    """Servers that run at the same time, each with the engine of its own test."""
    result = inner(
        """
        import httpx, os, pathlib, time

        @pytest.mark.parametrize("number", [0, 1])
        @pytest.mark.inngest(functions=signup(lambda: "hello"))
        def test_it(inngest_server, inngest_engine, number):
            here = pathlib.Path(__file__).parent
            (here / f"up{number}").touch()
            while not (here / f"up{1 - number}").exists():
                time.sleep(0.001)
            httpx.post(f"{inngest_server.url}/e/key", json={"name": "user/signed.up", "data": {"plan": "pro"}})
            inngest_engine.run_to_idle()
            assert len(inngest_engine.runs()) == 1
            print("PORT", inngest_server.port)
        """,
        "-n2",
        "-rP",
        apart=True,
        plugins=["xdist.plugin"],
    )
    result.assert_outcomes(passed=2)
    assert len(set(re.findall(r"^PORT (\d+)$", result.stdout.str(), re.MULTILINE))) == 2
