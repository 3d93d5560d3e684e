"""What only a test kit sees: entries that disagree, steps in tasks, ids that are used twice, values that change."""

from __future__ import annotations

import asyncio

import pytest

from inngest_testkit import NondeterminismWarning, ParallelStepsWarning, RunStatus
from inngest_testkit.errors import NondeterminismError

from .apps import GO, client_of, serving, shop


def changing(entries):
    """A function whose step has another id in its second entry."""

    def body(ctx):
        entries.append(1)
        yield ctx.step.run("first", lambda: 1)
        yield ctx.step.run("a" if len(entries) < 3 else "b", lambda: 2)

    return body


def test_entries_that_disagree_warn_with_both_traces():
    with pytest.warns(NondeterminismWarning, match="came to step 'b' where entry 1 had come to 'a'"):
        run = shop(changing([])).send(GO).run
    assert run.status is RunStatus.COMPLETED
    (finding,) = run.findings
    assert (finding.kind, finding.steps) == ("nondeterminism", ("a", "b"))
    assert "<- the first difference" in finding.message


def test_entries_that_disagree_can_fail_the_run_and_the_call():
    engine = shop(changing([]), nondeterminism="error")
    with pytest.raises(NondeterminismError, match="came to step 'b'") as caught:
        engine.send(GO)
    (run,) = engine.runs()
    assert caught.value.run_id == run.id
    assert run.status is RunStatus.FAILED
    assert run.error.name == "NondeterminismError"
    assert engine.queue.pending == ()


def test_after_the_error_the_engine_works_on():
    entries = []
    engine = shop(changing(entries), nondeterminism="error")
    with pytest.raises(NondeterminismError):
        engine.send(GO)
    assert engine.send(GO).run.status is RunStatus.COMPLETED


def test_entries_that_disagree_can_be_ignored():
    run = shop(changing([]), nondeterminism="ignore").send(GO).run
    assert run.findings == ()


def test_code_outside_of_steps_that_only_reads_memos_is_no_finding():
    def body(ctx):
        n = yield ctx.step.run("n", lambda: ctx.event.data["n"])
        for index in range(n):
            yield ctx.step.run(f"part-{index}", lambda: None)
        if n > 2:
            yield ctx.step.run("many", lambda: None)

    engine = shop(body)
    assert [engine.send(GO, {"n": n}).run.findings for n in (0, 2, 4)] == [(), (), ()]


def test_a_branch_that_fails_first_and_is_caught_is_no_finding():
    def body(ctx):
        try:
            yield ctx.group.parallel(
                (lambda: ctx.step.run("bad", lambda: 1 / 0), lambda: ctx.step.run("good", lambda: 1))
            )
        except Exception:
            yield ctx.step.run("rollback", lambda: 1)

    engine = shop(body, retries=1)
    run = engine.send(GO).run
    engine.run_until_complete(run)
    assert run.status is RunStatus.COMPLETED
    assert run.findings == ()


def served_async(handler):
    import inngest

    client = client_of()
    made = client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event=GO), retries=0)(handler)
    return serving(client, made)


def test_steps_in_gather_warn_and_name_the_remedy():
    async def handler(ctx):
        async def work():
            return 1

        return await asyncio.gather(ctx.step.run("a", work), ctx.step.run("b", work))

    with pytest.warns(ParallelStepsWarning, match="group.parallel"):
        run = served_async(handler).send(GO).run
    assert {finding.kind for finding in run.findings} == {"gather"}


def test_steps_in_a_task_group_warn():
    async def handler(ctx):
        async def work():
            return 1

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(ctx.step.run("a", work))
            tasks.create_task(ctx.step.run("b", work))

    with pytest.warns(ParallelStepsWarning, match="group.parallel"):
        served_async(handler).send(GO)


def test_an_id_twice_in_one_group_warns():
    def body(ctx):
        yield ctx.group.parallel((lambda: ctx.step.run("same", lambda: 1), lambda: ctx.step.run("same", lambda: 2)))

    with pytest.warns(ParallelStepsWarning, match="'same'"):
        run = shop(body).send(GO).run
    assert run.findings[0].kind == "duplicate"


def test_an_id_that_looks_like_the_second_use_of_another_warns():
    def body(ctx):
        yield ctx.step.run("x", lambda: 1)
        yield ctx.step.run("x:1", lambda: 2)
        yield ctx.step.run("x", lambda: 3)

    with pytest.warns(ParallelStepsWarning, match="x:1"):
        shop(body).send(GO)


def test_values_that_change_their_type_are_listed_without_a_warning():
    def body(ctx):
        yield ctx.step.run("tuple", lambda: (1, 2))
        yield ctx.step.run("keys", lambda: {1: "one"})
        yield ctx.step.run("plain", lambda: {"a": [1, None, 1.5]})

    run = shop(body).send(GO).run
    assert {step: [str(change) for change in changes] for step, changes in run.type_changes.items()} == {
        "tuple": ["output: tuple becomes list"],
        "keys": ["output[1]: int key becomes str key"],
    }
    assert run.steps["tuple"].output == [1, 2]
