"""The async engine under anyio's plugin, and without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Inner

_CLOSED = """
    import sniffio

    closed_by, runs_in = [], []

    def watch(engine):
        async def close():
            closed_by.append((sniffio.current_async_library(), loop()))
        engine._core.drivers._drivers["http"].close = close
        runs_in.append((sniffio.current_async_library(), loop()))

    def loop():
        if sniffio.current_async_library() == "trio":
            import trio
            return id(trio.lowlevel.current_trio_token())
        import asyncio
        return id(asyncio.get_running_loop())

    {mark}
    async def test_it(inngest_async_engine):
        watch(inngest_async_engine)
        await inngest_async_engine.register(signup())
        run = (await inngest_async_engine.send(*PRO)).run
        await inngest_async_engine.advance("1d")
        assert run.steps["charge"].output == {{"ok": True}}
        await inngest_async_engine.run_until_complete(run)
        assert run.status == "FAILED"

    def test_closed():
        assert closed_by == runs_in
        assert [library for library, _ in closed_by] == ["asyncio", "trio"]
"""


@pytest.mark.parametrize(
    ("mark", "args"),
    [("", ["-o", "anyio_mode=auto"]), ("@pytest.mark.anyio", [])],
    ids=["auto", "marker"],
)
def test_the_engine_is_closed_in_the_loop_of_the_test(inner: Inner, mark: str, args: list[str]):
    """Whichever way anyio's plugin is asked, the engine works on both backends and is closed where it worked."""
    result = inner(_CLOSED.format(mark=mark), *args, plugins=["anyio.pytest_plugin"])
    result.assert_outcomes(passed=3)


async def test_the_fixture_works_in_this_very_suite(inngest_async_engine, inngest_clock):
    """An engine of the installed plugin, under the project's own configuration."""
    await inngest_async_engine.advance("2h")
    assert inngest_clock.now().hour == 2


def test_a_failing_coroutine_has_its_timeline(inner: Inner):
    """The report of an async test has the section too, with the backend in the line that reruns it."""
    result = inner(
        """
        @pytest.mark.parametrize("anyio_backend", ["trio"])
        async def test_it(inngest_async_engine, anyio_backend):
            await inngest_async_engine.register(signup())
            await inngest_async_engine.send(*PRO)
            raise AssertionError
        """,
        "-o",
        "anyio_mode=auto",
        plugins=["anyio.pytest_plugin"],
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*inngest timeline*", "seed *rerun: pytest 'test_inner.py::test_it?trio?' *", "run * of signup*RUNNING*"]
    )


def test_functions_of_the_marker_are_registered_without_a_loop(inner: Inner):
    """The fixture is a sync one: it gives an engine that has its functions, to a sync test too."""
    result = inner(
        """
        import anyio

        @pytest.mark.inngest(functions=signup(lambda: None))
        def test_it(inngest_async_engine):
            assert [function.id for function in inngest_async_engine.functions] == ["signup"]
            async def main():
                run = (await inngest_async_engine.send(*PRO)).run
                await inngest_async_engine.advance("1d")
                assert run.status == "COMPLETED"
            anyio.run(main)
        """
    )
    result.assert_outcomes(passed=1)


def test_connections_that_outlive_their_loop_are_refused(inner: Inner):
    """Where nobody runs a loop at teardown, an engine with open connections says what to do."""
    result = inner(
        """
        def test_it(inngest_async_engine):
            async def close():
                import asyncio
                await asyncio.sleep(0)
            inngest_async_engine._core.drivers._drivers["http"].close = close
        """
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["*test_it: inngest_async_engine holds connections *`await inngest_async_engine.close()` at its end *"]
    )
