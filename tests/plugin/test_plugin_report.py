"""The section `inngest timeline` in the report of a failing test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Inner

_FAILS = """
    pytestmark = pytest.mark.inngest(functions=signup())

    def test_it(inngest_engine):
        run = inngest_engine.send(*PRO).run
        inngest_engine.advance("2d")
        assert run.status == "COMPLETED"
"""


def test_a_failing_test_shows_seed_and_timeline(inner: Inner):
    """The section has the seed, the line that reruns the test, and the run from start to end."""
    result = inner(_FAILS)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*- inngest timeline -*",
            "<Engine at 2024-01-03 00:00:00, *>",
            "seed *, from the test's node id; rerun: pytest test_inner.py::test_it --inngest-seed=*",
            "",
            "run 01* of signup · FAILED · 2024-01-01 00:00:00 → 2024-01-02 * (1d*)",
            "*at*step*attempt*outcome",
            "*+0s*run starts: event 'user/signed.up' if *",
            '*+0s*charge*0*ok {"ok":true}',
            "*+1d*welcome*0*ValueError: the mail server is down (functions.py:5 in broken) · retry at *",
            "*run.failed: ValueError: the mail server is down",
        ]
    )


def test_the_seed_that_is_shown_makes_the_same_ids(inner: Inner):
    """The flag of the shown line leads to the run that is shown; a seed of the marker needs no flag."""
    first = inner(_FAILS)
    seed = first.stdout.str().split("--inngest-seed=")[1].split()[0]
    again = inner(_FAILS.replace("test_it", "test_renamed"), f"--inngest-seed={seed}")
    shown = [line for line in first.outlines if line.startswith("run 01")]
    assert shown
    assert shown == [line for line in again.outlines if line.startswith("run 01")]
    again.stdout.fnmatch_lines([f"seed {seed}, from --inngest-seed; rerun: pytest *test_renamed --inngest-seed={seed}"])
    marked = inner(_FAILS.replace("signup())", "signup(), seed='mine')"))
    marked.stdout.fnmatch_lines(["seed 'mine', from the marker; rerun: pytest test_inner.py::test_it"])


def test_events_that_started_nothing_are_told(inner: Inner):
    """Unknown names, conditions that were false or failed, and ids seen before; events that did something are not."""
    result = inner(
        """
        from inngest_testkit import Function, Step, after, on_event

        FUNCTIONS = [
            signup(),
            Function("odd", on_event("odd/event", if_="event.data.at"), steps=[Step("only", lambda: None)]),
            Function("waiting", on_event("wait/begun"), steps=[
                Step("only", lambda: None, after=after(event="wait/over", ttl="1d"))]),
        ]

        @pytest.mark.filterwarnings("ignore::inngest_testkit.runner.runner.TriggerExpressionWarning")
        @pytest.mark.inngest(functions=FUNCTIONS)
        def test_it(inngest_engine):
            inngest_engine.send("user/signed.pu", id="unknown")
            inngest_engine.send("user/signed.up", {"plan": "free"}, id="unmet")
            inngest_engine.send("odd/event", {"at": "never"}, id="unreadable")
            inngest_engine.send("wait/begun", id="begun")
            inngest_engine.send("wait/begun", id="begun")
            inngest_engine.send("wait/over", id="over")
            assert 0
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "events that started nothing:",
            "  user/signed.pu (unknown): no function is triggered by *; did you mean 'user/signed.up'?",
            "  user/signed.up (unmet): the condition of no trigger on 'user/signed.up' was true for {'plan': 'free'}",
            "  odd/event (unreadable): function 'odd': event 'odd/event' if event.data.at: *cannot be evaluated: *",
            "  wait/begun (begun): function 'waiting': idempotency, event id 'begun' started run 01*",
            "=*",
        ],
        consecutive=True,
    )


def test_failed_runs_come_first_then_the_newest(inner: Inner):
    """Ten timelines at most; the rest is counted."""
    result = inner(
        """
        from inngest_testkit import Function, Step, on_event

        @pytest.mark.inngest(functions=[
            signup(), Function("fine", on_event("fine"), steps=[Step("only", lambda: None)])
        ])
        def test_it(inngest_engine):
            inngest_engine.send(*PRO)
            inngest_engine.advance("2d")
            last = [inngest_engine.send("fine").run.id for _ in range(11)][-1]
            print(f"LAST {last}")
            assert 0
        """
    )
    result.assert_outcomes(failed=1)
    lines = result.outlines
    shown = [line for line in lines if line.startswith("run 01")]
    last = next(line for line in lines if line.startswith("LAST ")).split()[1]
    assert len(shown) == 10
    assert "of signup · FAILED" in shown[0]
    assert shown[1].startswith(f"run {last} of fine")
    assert "… 2 older runs left out (2 COMPLETED)" in lines


def test_a_long_timeline_keeps_its_ends(inner: Inner):
    """Of a run with many lines the report has the first and the last."""
    result = inner(
        """
        from inngest_testkit import Function, Step, on_event

        STEPS = [Step(f"s{n}", lambda: None, after=f"s{n - 1}" if n else "$trigger") for n in range(90)]

        @pytest.mark.inngest(functions=Function("long", on_event("go"), steps=STEPS))
        def test_it(inngest_engine):
            inngest_engine.send("go")
            assert 0
        """
    )
    result.stdout.fnmatch_lines(["*s0 *ok*", "  … * lines left out; run.timeline() has them", "*s89 *ok*"])
    assert len([line for line in result.outlines if "  ok null" in line]) < 65


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ([], ["failed"]),
        (["--inngest-timeline=all"], ["passed", "failed"]),
        (["-o", "inngest_timeline=all"], ["passed", "failed"]),
        (["--inngest-timeline=none"], []),
    ],
    ids=["default", "all", "all-ini", "none"],
)
def test_which_tests_have_the_section(inner: Inner, args: list[str], expected: list[str]):
    """`--inngest-timeline` says whose report has it, once."""
    result = inner(
        """
        pytestmark = pytest.mark.inngest(functions=signup())

        def test_passed(inngest_engine):
            assert inngest_engine.send(*PRO).runs

        def test_failed(inngest_engine):
            assert not inngest_engine.send(*PRO).runs

        def test_without():
            assert 0
        """,
        "-rA",
        *args,
    )
    result.assert_outcomes(passed=1, failed=2)
    shown = [line for line in result.outlines if line.startswith("seed ")]
    assert sorted(name for name in ("passed", "failed") for line in shown if f"::test_{name} " in line) == sorted(
        expected
    )
    assert len(shown) == len(expected)


def test_errors_around_the_test_have_the_section(inner: Inner):
    """A fixture that fails before or after the test shows what the engine did."""
    result = inner(
        """
        pytestmark = pytest.mark.inngest(functions=signup())

        @pytest.fixture
        def before(inngest_engine):
            inngest_engine.send(*PRO)
            raise ValueError

        @pytest.fixture
        def afterwards(inngest_engine):
            yield
            inngest_engine.send(*PRO)
            raise ValueError

        def test_before(before): ...
        def test_afterwards(afterwards): ...
        """
    )
    result.assert_outcomes(errors=2, passed=1)
    assert len([line for line in result.outlines if line.startswith("run 01")]) == 2


def test_a_report_that_cannot_be_made_leaves_the_failure_alone(inner: Inner):
    """When the timelines cannot be shown, the section says why, and the session goes on."""
    result = inner(
        """
        def test_it(inngest_engine):
            inngest_engine._core.journal.received = None
            assert 0, "the failure itself"

        def test_next(): ...
        """
    )
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*the failure itself*", "the timelines cannot be shown: AttributeError: *"])


def test_engines_do_not_outlive_their_tests(inner: Inner):
    """The session keeps its items, but not their engines."""
    result = inner(
        """
        import gc, weakref
        engines = []

        def test_it(inngest_engine):
            engines.append(weakref.ref(inngest_engine))

        def test_next():
            gc.collect()
            assert engines[0]() is None
        """
    )
    result.assert_outcomes(passed=2)
