"""What is reported of a test that passed: failures that it did not look at, mocks that it did not need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Inner

_UNSEEN = """
    @pytest.mark.inngest(functions=signup())
    def test_it(inngest_engine):
        inngest_engine.send(*PRO)
        inngest_engine.advance("2d")
"""
_UNUSED = """
    @pytest.mark.inngest(functions=signup())
    def test_it(inngest_engine):
        inngest_engine.mock("signup", "welcome", returns=1)
"""


def test_a_failure_that_nobody_looked_at_is_a_warning(inner: Inner):
    """By default the test passes with a warning, which names run, function and error, and stands at the test."""
    result = inner(_UNSEEN)
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(
        [
            "test_inner.py::test_it",
            "*test_inner.py:4: UnobservedFailureWarning: 1 run failed and the test did not look: read *",
            "  - 01* of signup: ValueError: the mail server is down",
        ]
    )


@pytest.mark.parametrize(
    ("args", "name"),
    [
        (["--inngest-unobserved-failures=error"], "flag"),
        (["-o", "inngest_unobserved_failures=error"], "ini"),
    ],
)
def test_it_can_be_an_error(inner: Inner, args: list[str], name: str):
    """As an error it fails the teardown, with the run's timeline, once."""
    result = inner(_UNSEEN, *args)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_it*",
            "1 run failed and the test did not look: *",
            "run 01* of signup · FAILED · *",
            "*run.failed: ValueError: the mail server is down",
        ]
    )
    assert result.stdout.str().count("· FAILED ·") == 1


def test_it_can_be_ignored(inner: Inner):
    """By option, by the marker for a test, and by the warning's name."""
    inner(_UNSEEN, "--inngest-unobserved-failures=ignore").assert_outcomes(passed=1)
    inner(_UNSEEN, "-Wignore::pytest_inngest.UnobservedFailureWarning").assert_outcomes(passed=1)
    marked = _UNSEEN.replace("signup())", "signup(), unobserved_failures='ignore')")
    inner(marked, "--inngest-unobserved-failures=error").assert_outcomes(passed=1)


def test_where_warnings_are_errors_it_is_one(inner: Inner):
    """`filterwarnings = error` makes the warning fail the teardown."""
    result = inner(_UNSEEN, "-Werror")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*UnobservedFailureWarning: 1 run failed *"])


@pytest.mark.parametrize(
    "look",
    [
        "run.status",
        "run.error",
        "run.is_over",
        "run.ended_at",
        "run.history",
        "run.timeline()",
        "repr(run)",
        "run.steps['welcome'].error",
        "run.steps.get('welcome')",
        "repr(run.steps)",
        "engine.runs(status='FAILED')",
        "engine.run(run.id).status",
    ],
)
def test_looking(inngest_engine, look: str):
    """Whoever reads what tells of the failure has seen it."""
    engine, run = failed(inngest_engine)
    eval(look, {"engine": engine, "run": run})
    assert engine._core.journal.unobserved_failures() == []


@pytest.mark.inngest(unobserved_failures="ignore")
@pytest.mark.parametrize(
    "look",
    [
        "run.id",
        "run.output",
        "run.events",
        "run.waiting",
        "run.started_at",
        "list(run.steps)",
        "run.steps['charge'].output",
        "engine.runs()",
        "engine.run(run.id)",
        "repr(engine)",
        "engine.advance('1d')",
        "engine.run_until_complete(run)",
        "engine.cancel(run)",
    ],
)
def test_not_looking(inngest_engine, look: str):
    """What tells nothing of the failure, and what the engine itself reads, is no look."""
    engine, run = failed(inngest_engine)
    eval(look, {"engine": engine, "run": run})
    assert engine._core.journal.unobserved_failures() == [run.id]


@pytest.mark.inngest(unobserved_failures="ignore")
def test_a_look_before_the_failure_is_none(inngest_engine):
    """Who saw the run at work has not seen it fail."""
    engine, run = failed(inngest_engine, look=lambda run: run.status)
    assert engine._core.journal.unobserved_failures() == [run.id]


@pytest.mark.inngest(keep="failed", unobserved_failures="ignore")
def test_the_engine_does_not_look(inngest_engine):
    """An engine that keeps only failed runs reads each run's status, which does not count."""
    engine, run = failed(inngest_engine)
    assert engine._core.journal.unobserved_failures() == [run.id]


def failed(engine, look=None):
    """Let a run fail in its second step."""
    from inngest_testkit import Function, Step, on_event

    def broken():
        raise ValueError

    steps = [Step("charge", lambda: 1), Step("welcome", broken, after="charge")]
    engine.register(Function("signup", on_event("go"), steps=steps))
    run = engine.send("go").run
    if look:
        look(run)
    engine.advance("1d")
    return engine, run


def test_a_fixture_of_the_project_may_look(inner: Inner):
    """What another fixture reads at its teardown counts: the engine's comes later."""
    result = inner(
        """
        @pytest.fixture
        def flows(inngest_engine):
            yield inngest_engine
            assert [run.status for run in inngest_engine.runs()] == ["FAILED"]

        @pytest.mark.inngest(functions=signup())
        def test_it(flows):
            flows.send(*PRO)
            flows.advance("2d")
        """
    )
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("end", ["assert 0", "pytest.skip()", "pytest.xfail()"])
def test_a_test_that_was_cut_short_is_not_asked(inner: Inner, end: str):
    """Who never came to look, or to use a mock, is not blamed."""
    result = inner(
        f"""
        @pytest.mark.inngest(functions=signup(), unobserved_failures="error", unused_mocks="error")
        def test_it(inngest_engine):
            inngest_engine.send(*PRO)
            inngest_engine.advance("2d")
            inngest_engine.mock("signup", "charge", returns=1)
            {end}
        """
    )
    assert "errors" not in result.parseoutcomes()
    assert "warnings" not in result.parseoutcomes()


def test_a_mock_that_never_answered_is_a_warning(inner: Inner):
    """By default the test passes with a warning that names the step."""
    result = inner(_UNUSED)
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(
        [
            "*test_inner.py:4: UnusedMockWarning: 1 mock never answered: *",
            "  - step 'welcome' of function 'signup'",
        ]
    )


def test_unused_mocks_can_be_an_error_or_ignored(inner: Inner):
    """By flag, by ini option, by the marker."""
    inner(_UNUSED, "--inngest-unused-mocks=error").assert_outcomes(passed=1, errors=1)
    inner(_UNUSED, "-o", "inngest_unused_mocks=ignore").assert_outcomes(passed=1)
    marked = _UNUSED.replace("signup())", "signup(), unused_mocks='ignore')")
    inner(marked, "--inngest-unused-mocks=error").assert_outcomes(passed=1)


def test_both_are_reported_together(inner: Inner):
    """Two errors make one failure, and long lists are cut."""
    result = inner(
        """
        @pytest.mark.inngest(functions=signup(), unobserved_failures="error", unused_mocks="error")
        def test_it(inngest_engine):
            for _ in range(7):
                inngest_engine.send(*PRO)
            inngest_engine.advance("2d")
            inngest_engine.mock("signup", "charge", returns=1)
            inngest_engine.mock("signup", "welcome", returns=1)
        """
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["7 runs failed and *", "run 01*", "… and 2 more", "2 mocks never answered: *", "- step 'charge' *"]
    )
