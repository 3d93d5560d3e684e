"""The plugin where tests serve functions of the SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

import inngest
import pytest

import inngest_testkit.sdk.private

# Imported once, here: pytester forgets, after each inner run, what only that run has imported.
inngest_testkit.sdk.private.check_sdk()
__all__ = ["inngest"]

if TYPE_CHECKING:
    from tests.plugin.conftest import Inner

_SHOP = """
    import inngest
    from inngest_testkit import Function, Step, on_event

    client = inngest.Inngest(app_id="shop", is_production=False)
    GO = inngest.TriggerEvent(event="go")

    @client.create_function(fn_id="pay", trigger=GO, retries=0)
    def pay(ctx: inngest.ContextSync) -> int:
        ctx.step.run("charge", lambda: 20)
        ctx.step.sleep("wait", 1000)
        raise inngest.NonRetriableError("the card was declined")

    @client.create_function(fn_id="fine", trigger=inngest.TriggerEvent(event="fine"))
    def fine(ctx: inngest.ContextSync) -> int:
        return ctx.step.run("charge", lambda: 20)
"""


def test_a_failing_test_shows_the_timelines_of_sdk_runs(inner: Inner):
    result = inner(
        _SHOP
        + """
    def test_it(inngest_engine):
        inngest_engine.serve(client, [pay])
        run = inngest_engine.send("go").run
        inngest_engine.advance("1s")
        assert run.status == "COMPLETED"
    """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*- inngest timeline -*",
            "seed *, from the test's node id; rerun: pytest test_inner.py::test_it --inngest-seed=*",
            "run 01* of shop-pay · FAILED · *",
            "*+0s*run starts: event 'go'",
            "*+0s*charge*0*ok 20",
            "*+1s*wait*0*ok null",
            "*+1s*NonRetriableError: the card was declined*",
        ]
    )
    result.stdout.no_fnmatch_line("*inngest/function.*")


def test_a_failing_test_shows_findings(inner: Inner):
    """Steps that change from entry to entry are in the timeline as well."""
    result = inner(
        _SHOP
        + """
    names = iter(["a", "b", "c", "d"])

    @client.create_function(fn_id="wild", trigger=GO)
    def wild(ctx: inngest.ContextSync) -> None:
        ctx.step.run(next(names), lambda: None)
        ctx.step.run("last", lambda: None)

    @pytest.mark.filterwarnings("ignore::inngest_testkit.NondeterminismWarning")
    def test_it(inngest_engine):
        inngest_engine.serve(client, [wild])
        run = inngest_engine.send("go").run
        assert run.findings == []
    """
    )
    result.assert_outcomes(failed=1)
    section = result.stdout.str().partition("inngest timeline")[2]
    assert "of shop-wild" in section
    assert "\n  nondeterminism: the handler does not come to the same steps in the same order at each entry" in section


def test_a_run_that_failed_unseen_is_reported(inner: Inner):
    result = inner(
        _SHOP
        + """
    def test_it(inngest_engine):
        inngest_engine.serve(client, [pay])
        inngest_engine.send("go")
        inngest_engine.advance("1s")
    """,
        "--inngest-unobserved-failures=error",
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*1 run failed and the test did not look: *", "run 01* of shop-pay · FAILED*"])


def test_a_failure_that_the_app_handles_or_the_test_reads_is_not_reported(inner: Inner):
    result = inner(
        _SHOP
        + """
    def test_it(inngest_engine):
        inngest_engine.serve(client, [pay])
        run = inngest_engine.send("go").run
        inngest_engine.advance("1s")
        assert "declined" in str(run.error)
    """,
        "--inngest-unobserved-failures=error",
    )
    result.assert_outcomes(passed=1)


def test_a_mock_that_never_answered_is_reported(inner: Inner):
    result = inner(
        _SHOP
        + """
    def test_it(inngest_engine):
        inngest_engine.serve(client, [fine])
        inngest_engine.mock("fine", "charge", returns=1)
        inngest_engine.mock("fine", "chrage", returns=1)
        assert inngest_engine.send("fine").run.output == 1
    """,
        "--inngest-unused-mocks=error",
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*1 mock never answered: *", "- step 'chrage' of function 'shop-fine'"])


def test_clients_are_given_back_after_each_test(inner: Inner):
    """A test that fails, one that passes, and one without an engine, in any order."""
    result = inner(
        _SHOP
        + """
    from inngest_testkit.sdk.private import http_clients

    OWN = [(half._transport, half._mounts) for half in http_clients(client)]

    def test_one(inngest_engine):
        inngest_engine.serve(client, [fine])
        client.send_sync(inngest.Event(name="fine"))
        assert [run.output for run in inngest_engine.runs()] == [20]

    def test_two(inngest_engine):
        inngest_engine.serve(client, [fine])
        raise AssertionError

    @pytest.fixture
    def served(inngest_engine):
        inngest_engine.serve(client, [fine])
        raise RuntimeError("set-up fails")

    def test_three(served):
        pass

    def test_four():
        assert [(half._transport, half._mounts) for half in http_clients(client)] == OWN

    def test_five(inngest_engine):
        assert [(half._transport, half._mounts) for half in http_clients(client)] == OWN
        inngest_engine.serve(client, [fine])
        inngest_engine.close()
        assert [(half._transport, half._mounts) for half in http_clients(client)] == OWN
    """
    )
    result.assert_outcomes(passed=3, failed=1, errors=1)


def test_an_engine_of_the_tests_own_fixture(inner: Inner):
    result = inner(
        _SHOP
        + """
    from inngest_testkit import Engine

    @pytest.fixture
    def engine():
        with Engine() as engine:
            engine.serve(client, [fine])
            yield engine

    @pytest.mark.parametrize("n", range(3))
    def test_it(engine, n):
        client.send_sync(inngest.Event(name="fine"))
        assert [run.output for run in engine.runs()] == [20]
    """
    )
    result.assert_outcomes(passed=3)


def test_the_engine_outlives_fixtures_that_use_it(inner: Inner):
    """A fixture that was made with the engine still sends in its teardown."""
    result = inner(
        _SHOP
        + """
    @pytest.fixture
    def shop(inngest_engine):
        inngest_engine.serve(client, [fine])
        yield
        client.send_sync(inngest.Event(name="fine"))
        assert len(inngest_engine.runs()) == 1

    def test_it(shop):
        pass
    """
    )
    result.assert_outcomes(passed=1)


def test_functions_of_the_marker_and_served_ones_share_an_engine(inner: Inner):
    result = inner(
        _SHOP
        + """
    dag = Function("dag", on_event("go"), steps=[Step("send", lambda: client.send_sync(inngest.Event(name="fine")))])

    @pytest.mark.inngest(functions=dag, start="2024-02-29T00:00:00Z")
    def test_it(inngest_engine):
        inngest_engine.serve(client, [fine])
        inngest_engine.send("go")
        assert [run.output for run in inngest_engine.runs(function="fine")] == [20]
    """
    )
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("given", ["fine", "[fine]"])
def test_a_function_of_the_sdk_in_the_marker_is_told_how_to_serve_it(inner: Inner, given: str):
    result = inner(
        _SHOP
        + f"""
    @pytest.mark.inngest(functions={given})
    def test_it(inngest_engine):
        pass
    """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*functions takes Function objects and paths; 'shop-fine' is served: engine.serve(client, *"]
    )


def test_the_async_engine_is_closed_and_its_clients_given_back(inner: Inner):
    result = inner(
        _SHOP
        + """
    from inngest_testkit.sdk.private import http_clients

    OWN = [(half._transport, half._mounts) for half in http_clients(client)]

    @client.create_function(fn_id="slow", trigger=GO)
    async def slow(ctx: inngest.Context) -> int:
        async def seven():
            return 7
        return await ctx.step.run("seven", seven)

    @pytest.mark.anyio
    @pytest.mark.parametrize("anyio_backend", ["asyncio"])
    async def test_it(inngest_async_engine, anyio_backend):
        await inngest_async_engine.serve(client, [slow])
        assert (await inngest_async_engine.send("go")).run.output == 7

    def test_after():
        assert [(half._transport, half._mounts) for half in http_clients(client)] == OWN
    """,
        plugins=["anyio.pytest_plugin"],
    )
    result.assert_outcomes(passed=2)


def test_ids_of_sdk_runs_are_the_same_on_workers(inner: Inner):
    """The seed is the test's, whichever worker has it."""
    tests = (
        _SHOP
        + """
    @pytest.mark.parametrize("n", range(4))
    def test_it(inngest_engine, n):
        inngest_engine.serve(client, [fine])
        run = inngest_engine.send("fine").run
        print("made", run.id, run.output)
    """
    )
    made = []
    for args, plugins in (([], []), (["-n2"], ["xdist"])):
        result = inner(tests, "-rP", *args, plugins=plugins)
        result.assert_outcomes(passed=4)
        made.append(sorted(line for line in result.outlines if line.startswith("made ")))
    assert len(made[0]) == 4
    assert made[0] == made[1]
