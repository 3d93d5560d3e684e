"""What holds of crons: an engine starts the runs that the calendar lists, when it lists them, whatever crashes."""

from __future__ import annotations

from datetime import datetime, timedelta

import inngest
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inngest_testkit import Engine, Function, Step, on_cron

from .faults import CountingGate, Fault
from .profile import law

#: Days before clocks are put forward or back, by an hour, by half an hour, over midnight; and one like any other.
STARTS = [
    "2024-03-30",
    "2024-10-26",
    "2024-03-09",
    "2024-11-02",
    "2024-10-05",
    "2024-04-06",
    "2018-11-03",
    "2019-02-16",
]
ZONES = [
    "",
    *(
        f"TZ={zone} "
        for zone in (
            "Europe/Paris",
            "America/New_York",
            "Australia/Lord_Howe",
            "America/Sao_Paulo",
            "Africa/Casablanca",
            "Asia/Kolkata",
        )
    ),
]
SCHEDULES = st.tuples(
    st.sampled_from(ZONES),
    st.sampled_from(["0", "30", "*/20", "1,59"]),
    st.sampled_from(["*", "0", "1", "2", "*/3", "0-3", "23"]),
    st.sampled_from(["* * *", "* * *", "* * SUN", "*/2 * *"]),
).map(lambda parts: f"{parts[0]}{parts[1]} {parts[2]} {parts[3]}")
CRONS = st.lists(
    st.tuples(SCHEDULES, st.sampled_from([None, "1s", "30s", "5m"])),
    min_size=1,
    max_size=3,
    unique_by=lambda cron: cron[0],
)
RANGES = st.tuples(st.sampled_from(STARTS), st.integers(0, 47), st.integers(0, 59), st.integers(1, 60))


def played(span, register, cuts=(1.0,), **options):
    """Move an engine over a range in steps; return it and the function's calendar of the range."""
    start = datetime.fromisoformat(f"{span[0]}T00:00Z") + timedelta(hours=span[1], minutes=span[2])
    engine = Engine(start=start, **options)
    register(engine)
    calendar = engine.cron_calendar("f", end=timedelta(hours=span[3]))
    for cut in cuts:
        engine.advance((calendar.end - engine.now) * cut)
    engine.advance(calendar.end - engine.now)
    return engine, calendar


def begun(calendar):
    """The moments at which runs begin within the calendar's range."""
    return sorted(fire.fires_at for fire in calendar.fires if fire.fires_at <= calendar.end)


@law(examples=60)
@given(CRONS, RANGES, st.lists(st.floats(0, 1), max_size=3), st.integers(0, 3))
def test_an_engine_starts_the_runs_of_the_calendar(crons, span, cuts, seed):
    """A DAG function's runs begin when its calendar says, and there are no others, however the clock is moved."""
    seen = []
    triggers = [on_cron(text, jitter=jitter) for text, jitter in crons]
    function = Function("f", *triggers, steps=[Step("s", lambda now: seen.append(now))])
    engine, calendar = played(span, lambda engine: engine.register(function), cuts, seed=seed)
    assert seen == begun(calendar)
    assert len(engine.runs()) == len(calendar.fires)


@law(examples=30)
@given(CRONS, RANGES, st.integers(0, 3))
def test_an_engine_starts_an_apps_runs_as_the_calendar_says(crons, span, seed):
    """An SDK function runs once for each moment of its schedules, and each schedule's event tells of it."""
    seen, client = [], inngest.Inngest(app_id="shop", is_production=False)

    def register(engine):
        def handler(ctx):
            seen.append((engine.now, ctx.event.data["cron"]))

        triggers = [trigger_of(text, jitter) for text, jitter in crons]
        engine.serve(client, [client.create_function(fn_id="f", trigger=triggers)(handler)])

    engine, calendar = played(span, register, seed=seed)
    assert sorted(seen) == sorted(
        (fire.fires_at, fire.schedule) for fire in calendar.fires if fire.fires_at <= calendar.end
    )
    told = sorted((event.data["scheduledAt"], event.data["cron"]) for event in engine.events("inngest/scheduled.timer"))
    assert told == sorted((f"{f.at:%Y-%m-%dT%H:%M:%SZ}", f.schedule) for f in calendar if f.mark != "missing")
    assert len({fire.at for fire in calendar.fires}) == len(calendar.fires) == len(engine.runs())


def trigger_of(text, jitter):
    """A cron trigger of the SDK; its older versions have no jitter."""
    return inngest.TriggerCron(cron=text, **({"jitter": jitter} if jitter and HAS_JITTER else {}))


HAS_JITTER = "jitter" in inngest.TriggerCron.model_fields


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("jitter", [None, "5m"])
def test_a_crash_changes_no_fire(jitter, after):
    """A crash before, or after, each operation of an hour of schedules loses no run and doubles none."""

    def runs_of(gate):
        triggers = [on_cron("*/20 * * * *", jitter=jitter), on_cron("0 * * * *", jitter=jitter)]
        engine = Engine(gate=gate)
        engine.register(Function("f", *triggers, steps=[Step("s", lambda: 1)]))
        gate.armed = True
        end = engine.now + timedelta(hours=1, minutes=10)
        while engine.now < end:
            try:
                engine.advance(end - engine.now)
            except Fault:
                continue
        return sorted((run.history[0].data["trigger"], str(run.started_at)[:16], run.status) for run in engine.runs())

    sound = CountingGate()
    expected = runs_of(sound)
    assert len(expected) == 4
    changed = {}
    for place, operation in enumerate(sound.operations):
        found = runs_of(CountingGate(place, after=after))
        if found != expected:
            changed[place, operation] = found
    assert changed == {}
