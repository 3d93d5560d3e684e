"""A crash between any two operations of a run of an app's function loses nothing, and doubles nothing.

Only the code that the crash interrupts runs again: a call of the handler, and the step in it.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import inngest
import pytest

from inngest_testkit import Engine, HistoryKind
from inngest_testkit.queue.memory import MemoryQueue
from inngest_testkit.state.memory import MemoryStateStore

from .faults import CountingGate, Fault

HOUR = timedelta(hours=1)
TAIL = timedelta(days=3)
START, GO = "start", "go"
# One for all: making one costs more than a scenario does.
CLIENT = inngest.Inngest(app_id="app", is_production=False)


def sequence(ctx):
    one = ctx.step.run("one", lambda: {"n": 1})
    ctx.step.run("two", lambda: one["n"] + 1)
    return ctx.step.run("two", lambda: "again")


def group(ctx, **options):
    def branch(name):
        return ctx.step.run(name, lambda: name), ctx.step.run(f"{name}-then", lambda: 1)

    ctx.group.parallel(
        (
            lambda: branch("a"),
            lambda: ctx.step.sleep("nap", HOUR),
            lambda: ctx.step.wait_for_event("wait", event=GO, timeout=2 * HOUR),
            lambda: branch("b"),
        ),
        **options,
    )
    return ctx.step.run("after", lambda: "done")


def race(ctx):
    return group(ctx, parallel_mode=inngest.ParallelMode.RACE)


def sleep(ctx):
    ctx.step.sleep("nap", HOUR)
    return ctx.step.run("after", lambda: 1)


def wait(ctx):
    event = ctx.step.wait_for_event("wait", event=GO, timeout=2 * HOUR, if_exp="event.data.n == async.data.n")
    return ctx.step.run("after", lambda: None if event is None else event.data)


def flaky(ctx):
    def step():
        if ctx.attempt < 2:
            raise OSError("down")
        return "up"

    return ctx.step.run("flaky", step)


def between(ctx):
    ctx.step.run("one", lambda: 1)
    if ctx.attempt < 1:
        raise OSError("between steps")
    return ctx.step.run("two", lambda: 2)


def broken(ctx):
    def fail():
        raise ValueError("broken")

    try:
        ctx.step.run("broken", fail)
    except inngest.StepError as error:
        message = error.message
        ctx.step.run("rollback", lambda: message)
        raise


def sends(ctx):
    ctx.step.send_event("send", [inngest.Event(name=GO, id="g"), inngest.Event(name="other")])
    return "sent"


def child(ctx):
    ctx.step.sleep("nap", HOUR)
    return ctx.step.run("work", lambda: ctx.event.data["n"] * 2)


def bad_child(ctx):
    raise inngest.NonRetriableError("no child of mine")


def report(ctx):
    return ctx.step.run("report", lambda: ctx.event.data["error"]["message"])


def made(client, body, on=START, **options):
    return client.create_function(fn_id=body.__name__, trigger=inngest.TriggerEvent(event=on), **options)(body)


def invoking(client, child, **options):
    called = made(client, child, on="never", retries=0)

    def parent(ctx):
        try:
            result = ctx.step.invoke("child", function=called, data={"n": 2}, **options)
        except inngest.StepError as error:
            result = error.message
        return ctx.step.run("after", lambda: result)

    return [made(client, parent), called]


SCENARIOS = {
    "sequence": lambda client: [made(client, sequence)],
    "group": lambda client: [made(client, group)],
    "race": lambda client: [made(client, race)],
    "sleep": lambda client: [made(client, sleep)],
    "wait with event": lambda client: [made(client, wait)],
    "wait with time-out": lambda client: [made(client, sleep, on=GO), made(client, wait, on="start")],
    "flaky step": lambda client: [made(client, flaky)],
    "error between steps": lambda client: [made(client, between)],
    "failing function": lambda client: [made(client, broken, retries=1, on_failure=report)],
    "sends": lambda client: [made(client, sends), made(client, sleep, on="other"), made(client, sequence, on=GO)],
    "invoke": lambda client: invoking(client, child),
    "invoke of a function that fails": lambda client: invoking(client, bad_child),
    "invoke with time-out": lambda client: invoking(client, child, timeout=timedelta(minutes=5)),
}


class Played:
    """A scenario played with a fault; after it, time goes on: `start` at once, `go` after ninety minutes."""

    def __init__(self, name, gate, scenarios=SCENARIOS):
        self.gate, self.state = gate, MemoryStateStore()
        self.engine = Engine(gate=gate, state=self.state, queue=MemoryQueue())
        self.engine.serve(CLIENT, scenarios[name](CLIENT))
        self.begin = self.engine.now
        gate.armed = True
        self.send(START, {"n": 1})
        self.until(1.5 * HOUR)
        self.send(GO, {"n": 2 if name == "wait with time-out" else 1})
        self.until(TAIL)

    def until(self, span):
        while self.engine.now < self.begin + span:
            try:
                self.engine.advance(self.begin + span - self.engine.now)
            except Fault:
                continue

    def send(self, name, data):
        while True:
            before = len(self.gate.operations)
            try:
                self.engine.send(name, data, id=f"{name}-1")
            except Fault:
                if len(self.gate.operations) == before + 1 and not self.gate.after:
                    continue  # nothing was taken, so the sender sends again
            return

    @property
    def runs(self):
        """What the views tell of each run, without times and ids."""
        found = []
        for run in self.engine.runs():
            steps = {step.id: (step.status, plain(step.output), len(step.attempts)) for step in run.steps.values()}
            stored = self.state._runs[run.id].snapshot()
            found.append(
                {
                    "function": run.function_id,
                    "status": (run.status, stored.status),
                    "output": plain(run.output),
                    "error": str(run.error),
                    "steps": dict(sorted(steps.items())),
                    "memos": sorted(stored.outputs),
                    "waiting": run.waiting,
                    # While a plan is carried out a second time, its first branches may have come further.
                    "entries": run.function_id in ("app-group", "app-race") or len(run.entries),
                    "completed": sorted(e.step for e in run.history if e.kind is HistoryKind.STEP_COMPLETED),
                }
            )
        return sorted(found, key=repr)

    @property
    def events(self):
        """How often each event was received, by name and the function that it is about."""
        return Counter((event.name, event.data.get("function_id")) for event in self.engine.events())

    @property
    def left(self):
        return self.engine.queue.pending, list(self.state._pauses.values())


def plain(value):
    """A value without generated ids: of an event the name, of what was sent how many."""
    if isinstance(value, dict) and "ts" in value:
        return value["name"]
    return len(value) if isinstance(value, list) else value


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_crash_anywhere_changes_nothing(name):
    """A crash before, or after, each operation in turn changes no run, step or event that a test can see."""
    gate = CountingGate()
    sound = Played(name, gate)
    assert sound.left == ((), [])
    changed = []
    for place, operation in enumerate(gate.operations):
        for after_it in (False, True):
            hurt = Played(name, CountingGate(place, after=after_it))
            changed += [
                f"{'after' if after_it else 'before'} operation {place}, {operation}: {what}"
                for what in ("left", "runs", "events")
                if getattr(hurt, what) != getattr(sound, what)
            ]
    assert not changed, "\n".join(changed)
