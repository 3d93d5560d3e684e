"""What the tests of flow control share. All moments are seconds since the engine's start, to the millisecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from inngest_testkit import Engine, Function, Step, on_event

START = datetime(2024, 1, 1, tzinfo=UTC)


def made(*functions, **options):
    """An engine with these DAG functions; what a step lacks, a mock gives."""
    engine = Engine(**options)
    engine.register(*functions)
    for function in functions:
        for step in function.steps:
            if step.runtime is None:
                engine.mock(function.id, step.id, returns=None)
    return engine


def work(id="f", on="go", *, takes=None, **rules):  # noqa: A002 - the function's id
    """An engine with one function of one step, `work`."""
    engine = made(Function(id, on_event(on), steps=[Step("work")], **rules))
    if takes is not None:
        engine.mock(id, "work", returns=None, takes=takes)
    return engine


def to(engine, second):
    """Advance to a moment."""
    engine.advance(START + timedelta(milliseconds=round(second * 1000)) - engine.now)


def play(engine, *script, name="go"):
    """Send events, each at its moment, and return what each send came to; `script` has moments, or pairs with data."""
    sents = []
    for each in script:
        moment, data = each if isinstance(each, tuple) else (each, {})
        to(engine, moment)
        sents.append(engine.send(name, data))
    return sents


def second(moment):
    """Return a moment as seconds since the engine's start; None stays None."""
    return None if moment is None else (moment - START) / timedelta(seconds=1)


def begun(engine, *, function=None, step="work"):
    """Return when the step began, in each run, in order of creation; None where it did not."""
    return [second(run.steps[step].started_at) if step in run.steps else None for run in engine.runs(function=function)]


def created(engine, *, function=None):
    """Return when each run was created."""
    return [second(run.started_at) for run in engine.runs(function=function)]


def dropped(engine):
    """Return what was dropped: when, by which rule, with which key."""
    return [(second(each.at), each.rule, each.key) for each in engine.dropped]


def held(engine):
    """Return what is held: by which rule, with which key, until when, and how many are ahead."""
    return [(each.rule, each.key, second(each.until), each.ahead) for each in engine.held]
