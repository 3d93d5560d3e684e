"""Programs of SDK functions end as an independent model foretells."""

from __future__ import annotations

import inngest
from hypothesis import event, example, given

from inngest_testkit import Engine, RunStatus

from .profile import law
from .programs import Crash, Group, Run, Sleep, foretell, handler_of, programs

# One for all: making one costs more than a program does.
CLIENT = inngest.Inngest(app_id="app", is_production=False)
RETRIES = 2


def played(program, **options):
    made = CLIENT.create_function(fn_id="f", trigger=inngest.TriggerEvent(event="e"), retries=RETRIES)
    engine = Engine(**options)
    engine.serve(CLIENT, [made(handler_of(program))])
    run = engine.send("e").run
    engine.run_until_complete(run)
    return engine, run


# What is rarely drawn: after a group that ends with a sleep the next step costs a call more, in sequence only.
ENDS_WITH_SLEEP = Group(((Sleep("nap", 20),), (Run("a"),)))


@law(examples=200)
@example((ENDS_WITH_SLEEP, Run("b", 1)))
@example((ENDS_WITH_SLEEP, Sleep("s", 17), Run("b")))
@example((ENDS_WITH_SLEEP, Group(((Sleep("t", 21),), (Run("c"),))), Run("b")))
@example((Group(((Run("a", 1),), (Sleep("nap", 5), Run("c", 2)))), Crash("x", 1), Run("b", 1)))
@given(programs(retries=RETRIES))
def test_a_program_ends_as_foretold(program):
    """Status, output, attempts of each step, the virtual time of the end, and the number of entries."""
    told = foretell(program, RETRIES)
    engine, run = played(program)
    event(run.status.value)
    assert run.status is (RunStatus.FAILED if told.output is None else RunStatus.COMPLETED)
    assert told.output is None or run.output == told.output
    assert {step.id: len(step.attempts) for step in run.steps.values()} == told.attempts
    assert (run.ended_at - run.started_at).total_seconds() == told.seconds
    assert len(run.entries) == told.entries
    assert run.findings == ()
    assert engine.queue.pending == ()


@law(examples=50)
@given(programs(retries=RETRIES))
def test_a_program_is_told_the_same_each_time(program):
    """Two engines with one seed write the same history."""
    first, second = (played(program, seed=7)[0] for _ in range(2))
    assert [repr(entry) for entry in first.history] == [repr(entry) for entry in second.history]
