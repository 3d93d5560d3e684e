"""The fixtures, and the seed of their engines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Inner


def seeds(result) -> dict[str, str]:
    """The lines `name=seed` that inner tests print."""
    return dict(re.findall(r"^.*?SEED (\S+)=(\d+)$", result.stdout.str(), re.MULTILINE))


def test_an_engine_is_new_for_each_test(inner: Inner):
    """A test's engine has the default clock and none of another test's functions."""
    result = inner(
        """
        from datetime import UTC, datetime

        @pytest.mark.parametrize("number", [1, 2])
        def test_it(inngest_engine, number):
            assert inngest_engine.functions == ()
            assert inngest_engine.now == datetime(2024, 1, 1, tzinfo=UTC)
            inngest_engine.register(signup())
            assert inngest_engine.send(*PRO).run.steps["charge"].output == {"ok": True}
        """
    )
    result.assert_outcomes(passed=2)


def test_the_engine_is_closed_at_teardown(inner: Inner):
    """The loop that an async step made is closed when the test is over."""
    result = inner(
        """
        loops = []

        def test_it(inngest_engine):
            import asyncio

            async def welcome():
                loops.append(asyncio.get_running_loop())

            inngest_engine.register(signup(welcome))
            inngest_engine.send(*PRO)
            inngest_engine.advance("1d")
            assert not loops[0].is_closed()

        def test_after():
            assert loops[0].is_closed()
        """
    )
    result.assert_outcomes(passed=2)


def test_the_clock_is_that_of_the_engine(inner: Inner):
    """`inngest_clock` follows whichever engine the test uses, before or after it in the arguments."""
    result = inner(
        """
        def test_sync(inngest_clock, inngest_engine):
            inngest_engine.advance("1h")
            assert inngest_clock is inngest_engine.clock and inngest_clock.now().hour == 1

        @pytest.mark.anyio
        async def test_async(inngest_clock, inngest_async_engine, anyio_backend):
            await inngest_async_engine.advance("1h")
            assert inngest_clock is inngest_async_engine.clock and inngest_clock.now().hour == 1

        @pytest.fixture
        def engine_of_the_project(inngest_async_engine):
            return inngest_async_engine

        def test_through_a_fixture(inngest_clock, engine_of_the_project):
            assert inngest_clock is engine_of_the_project.clock

        def test_alone(inngest_clock):
            assert inngest_clock.now().year == 2024
        """,
        plugins=["anyio.pytest_plugin"],
    )
    result.assert_outcomes(passed=5)


def test_the_clock_of_two_engines_is_refused(inner: Inner):
    """With both engines in use there is no one clock, and the message says what to take."""
    result = inner("def test_it(inngest_engine, inngest_async_engine, inngest_clock): ...")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*test_it: inngest_clock is of one engine, and the test uses two: take the .clock of each"]
    )


def test_fixtures_are_documented(inner: Inner):
    """`pytest --fixtures` shows each fixture with its first paragraph."""
    result = inner("", "--fixtures")
    result.stdout.fnmatch_lines(
        [
            "inngest_engine -- *plugin.py:*",
            "    An `inngest_testkit.Engine`: the Inngest dev server on a fake clock, new for each test.",
            "inngest_async_engine -- *plugin.py:*",
            "    An `inngest_testkit.AsyncEngine`, *",
            "inngest_clock -- *plugin.py:*",
            "    The fake clock of the test's engine, *",
            "inngest_server -- *plugin.py:*",
            "    A server around the test's `inngest_engine`, on a free port of this machine: *",
        ]
    )


_SEEDS = """
    @pytest.mark.parametrize("number", [1, 2])
    def test_first(inngest_engine, number):
        print(f"SEED first{number}={inngest_engine.seed}")

    def test_second(inngest_engine):
        print(f"SEED second={inngest_engine.seed}")
"""


def test_a_seed_belongs_to_its_test(inner: Inner, pytester: pytest.Pytester, monkeypatch):
    """Each test has a seed of its own, the same whatever else runs, from wherever pytest is started."""
    pytester.makeini("[pytest]")
    all_of_them = seeds(inner(_SEEDS, "-s"))
    assert len(set(all_of_them.values())) == 3
    alone = seeds(inner(None, "-s", "test_inner.py::test_second"))
    assert alone == {"second": all_of_them["second"]}
    monkeypatch.chdir(pytester.mkdir("below"))
    elsewhere = seeds(inner(None, "-s", "../test_inner.py"))
    assert elsewhere == all_of_them


def test_a_seed_is_the_same_under_xdist(inner: Inner):
    """Neither workers nor the group that xdist writes into a node id change a seed; the report travels with it."""
    result = inner(
        """
        @pytest.mark.xdist_group("one")
        def test_it(inngest_engine):
            inngest_engine.register(signup())
            assert inngest_engine.send(*PRO).run.is_over, inngest_engine.seed
        """,
        "-n2",
        "--dist=loadgroup",
        apart=True,
        plugins=["xdist.plugin"],
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*inngest timeline*", "seed *, from the test's node id; rerun: *", "run * of signup*"])
    shown = re.search(r"^seed (\d+)", result.stdout.str(), re.MULTILINE)
    again = inner(None)
    again.stdout.fnmatch_lines([f"seed {shown[1]}, from the test's node id; *"])


def test_hypothesis_refuses_to_share_an_engine(inner: Inner):
    """`@given` and the fixture do not go together; an engine made in the test is what it takes."""
    result = inner(
        """
        from hypothesis import given, settings, strategies as st
        from inngest_testkit import Engine

        @given(st.booleans())
        def test_shared(inngest_engine, flag): ...

        @settings(database=None, max_examples=2)
        @given(st.booleans())
        def test_own(flag):
            engine = Engine()
            engine.register(signup())
            assert len(engine.send(*PRO).runs) == 1
        """,
        plugins=["_hypothesis_pytestplugin"],
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*function_scoped_fixture*"])
