"""`@pytest.mark.inngest(...)`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Inner


def document(function_id: str) -> str:
    """A function in a file: one step, which no test runs."""
    steps = {"only": {"id": "only", "runtime": {"type": "http", "url": "http://localhost/"}}}
    triggers = [{"event": f"{function_id}/go"}]
    return json.dumps({"id": function_id, "name": function_id, "triggers": triggers, "steps": steps})


def test_the_marker_makes_the_engine(inner: Inner):
    """Every key of the marker reaches the engine."""
    result = inner(
        """
        from inngest_testkit.errors import RunawayError

        @pytest.mark.inngest(
            seed=7, start="2025-06-01T09:00:00Z", functions=[signup(), ], auto=False, keep="failed", jitter=True
        )
        def test_it(inngest_engine):
            assert inngest_engine.seed == 7
            assert inngest_engine.now.isoformat() == "2025-06-01T09:00:00+00:00"
            assert [function.id for function in inngest_engine.functions] == ["signup"]
            run = inngest_engine.send(*PRO).run
            assert len(inngest_engine.queue) == 1 and run.status == "QUEUED"

        @pytest.mark.inngest(max_steps=1, functions=signup())
        def test_limit(inngest_engine):
            with pytest.raises(RunawayError):
                inngest_engine.send(*PRO)

        @pytest.mark.inngest(freeze=True, functions=signup(lambda: __import__("datetime").datetime.now().isoformat()))
        def test_freeze(inngest_engine):
            run = inngest_engine.send(*PRO).run
            inngest_engine.advance("1d")
            assert run.steps["welcome"].output.startswith("2024-01-02")
        """
    )
    result.assert_outcomes(passed=3)


def test_the_closest_marker_wins_key_by_key(inner: Inner):
    """A key of the function's marker beats the class's, that beats the module's; other keys stay."""
    result = inner(
        """
        pytestmark = pytest.mark.inngest(seed=1, start="2020-01-01T00:00:00Z", functions=signup())

        @pytest.mark.inngest(seed=2)
        class TestIt:
            def test_class(self, inngest_engine):
                assert (inngest_engine.seed, inngest_engine.now.year) == (2, 2020)

            @pytest.mark.inngest(start="2021-01-01T00:00:00Z")
            @pytest.mark.inngest(seed=3, functions=[])
            def test_function(self, inngest_engine):
                assert (inngest_engine.seed, inngest_engine.now.year) == (3, 2021)
                assert inngest_engine.functions == ()
        """
    )
    result.assert_outcomes(passed=2)


def test_functions_are_found_beside_the_test_and_in_rootdir(inner: Inner, pytester: pytest.Pytester):
    """A path is looked for in the test's folder first, then in rootdir; paths and objects may be mixed."""
    pytester.makeini("[pytest]")
    pytester.syspathinsert()
    for path, function_id in [
        ("there/inngest.json", "in-root"),
        ("sub/there/inngest.json", "beside"),
        ("shared/a/inngest.json", "shared"),
    ]:
        file = pytester.path / path
        file.parent.mkdir(parents=True)
        file.write_text(document(function_id))
    inner("")
    (pytester.path / "sub" / "test_sub.py").write_text(
        """
import pathlib, pytest
from functions import signup

@pytest.mark.inngest(functions=["there", pathlib.Path("shared"), signup()])
def test_it(inngest_engine):
    assert [function.id for function in inngest_engine.functions] == ["beside", "shared", "signup"]
"""
    )
    inner(None, "sub").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("sed=1", "has no argument 'sed'; known: auto, *, unused_mocks; did you mean 'seed'?"),
        ("nothing_like_it=1", "has no argument 'nothing_like_it'; known: auto, *, unused_mocks"),
        ("'2024-01-01'", "takes keyword arguments only, found '2024-01-01'; known: auto, *"),
        ("unused_mocks='warning'", "unused_mocks is 'warning'; allowed: warn, error, ignore; did you mean 'warn'?"),
    ],
)
def test_a_marker_that_cannot_be_is_refused(inner: Inner, marker: str, message: str):
    """The error points at the test and needs no engine; known keys and the nearest one are named."""
    result = inner(f"@pytest.mark.inngest({marker})\ndef test_it(): ...")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"test_inner.py:3: test_it: @pytest.mark.inngest {message}"])
    result.stdout.no_fnmatch_line("*_marker.py*")


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("start='tomorrow'", "cannot make an engine: 'tomorrow' is not a moment: *"),
        ("keep='some'", "cannot make an engine: keep must be 'all', *"),
        ("max_steps=0", "cannot make an engine: max_steps must be *"),
        ("functions=[signup]", "functions takes Function objects and paths, found function: <function signup *"),
        ("functions='nowhere'", "functions: there is no file or folder 'nowhere' in '*'"),
        ("functions=[signup(), signup()]", "functions: 1 problem in the functions, *"),
    ],
)
def test_a_marker_that_the_engine_refuses_is_reported_at_the_test(inner: Inner, marker: str, message: str):
    """What the engine says about a marker's value comes with the test's place, without our own stack."""
    result = inner(f"@pytest.mark.inngest({marker})\ndef test_it(inngest_engine): ...")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"test_inner.py:3: test_it: @pytest.mark.inngest {message}"])
    result.stdout.no_fnmatch_line("*_engines.py*")


def test_the_marker_is_declared(inner: Inner):
    """`pytest --markers` explains it, and --strict-markers knows it."""
    result = inner("@pytest.mark.inngest\ndef test_it(): ...", "--strict-markers")
    result.assert_outcomes(passed=1)
    inner(None, "--markers").stdout.fnmatch_lines(["@pytest.mark.inngest([*], seed, start, functions, *"])
