"""Throttle: runs start at a pace; those that come faster wait, and none is dropped."""

from __future__ import annotations

import inngest
import pytest

from inngest_testkit import Function, RunStatus, Step, on_event

from .flows import begun, created, held, made, play, second, to, work


def test_so_many_start_at_once_then_one_in_each_share_of_the_period():
    # Limit 2 per 10 s: two at once, then one every 10 / 2 = 5 s. Nothing is dropped.
    engine = work(throttle={"limit": 2, "period": "10s"})
    play(engine, *[0] * 5)
    to(engine, 15)
    assert begun(engine) == [0, 0, 5, 10, 15]
    assert engine.dropped == ()


def test_the_burst_is_added_to_the_limit():
    # Limit 2, burst 2 per 4 s: four at once, then one every 4 / 2 = 2 s.
    engine = work(throttle={"limit": 2, "burst": 2, "period": "4s"})
    play(engine, *[0] * 6)
    to(engine, 4)
    assert begun(engine) == [0, 0, 0, 0, 2, 4]


def test_a_pace_that_divides_no_whole_number_stays_exact():
    # Limit 3 per 10 s: the seventh is the fourth after the three at once, 4 * 10 / 3 s = 13.333333 s; the tenth comes
    # at 23.333334 s, rounded up to the microsecond, not later by what was rounded before.
    engine = work(throttle={"limit": 3, "period": "10s"})
    play(engine, *[0] * 10)
    to(engine, 30)
    assert begun(engine)[3:] == pytest.approx([3.333334, 6.666667, 10, 13.333334, 16.666667, 20, 23.333334], abs=1e-9)


def test_a_pause_gives_the_whole_burst_back_and_no_more():
    # Limit 2 per 10 s, idle since 0: at 60 two start at once again, the third 5 s later.
    engine = work(throttle={"limit": 2, "period": "10s"})
    play(engine, 0, 60, 60, 60)
    to(engine, 65)
    assert begun(engine) == [0, 60, 60, 65]


def test_half_a_pause_gives_half_of_it_back():
    # Two at 0 use the burst up until 10; at 5 one has been given back, at 5 + 5 the next.
    engine = work(throttle={"limit": 2, "period": "10s"})
    play(engine, 0, 0, 6, 6)
    to(engine, 20)
    assert begun(engine) == [0, 0, 6, 10]


def test_each_key_has_a_pace_of_its_own():
    engine = work(throttle={"limit": 1, "period": "10s", "key": "event.data.k"})
    play(engine, (0, {"k": "a"}), (0, {"k": "b"}), (0, {"k": "a"}), 0, 0)
    to(engine, 10)
    assert begun(engine) == [0, 0, 10, 0, 10]


def test_what_waits_says_until_when_and_how_many_are_ahead():
    # Limit 1 per 10 s: the second may start at 10, the third at 20, with one ahead of it.
    engine = work(throttle={"limit": 1, "period": "10s", "key": "event.data.k"})
    run = [sent.run for sent in play(engine, *[(0, {"k": "a"})] * 3)][2]
    assert held(engine) == [("throttle", "a", 10, 0), ("throttle", "a", 20, 1)]
    assert [str(each) for each in run.held] == ["f waits for throttle 'a' until 2024-01-01 00:00:20, 1 ahead of it"]
    assert run.status is RunStatus.QUEUED
    assert run.why_not("work") == (
        "it has not run: the run waits for throttle 'a' until 2024-01-01 00:00:20, 1 ahead of it"
    )
    assert run.timeline().splitlines()[2:] == [
        "  +0s                 run starts: event 'go'",
        "  +0s              0  waits for throttle 'a' until +20s, 1 ahead of it",
        "    …                 still waiting for throttle 'a'",
    ]
    to(engine, 20)
    assert "  +20s                 begins, 20s after it was created" in run.timeline().splitlines()
    assert engine.held == ()


def test_only_the_start_of_a_run_is_counted():
    # Three steps and two retries of the first run, at 10 and 30, take nothing from the second and the third run.
    engine = made(
        Function(
            "f",
            on_event("go"),
            steps=[Step("work"), Step("more", after="work"), Step("last", after="more")],
            throttle={"limit": 1, "period": "10s"},
        )
    )
    engine.mock("f", "work", raises=OSError("down"), times=2)
    play(engine, 0)
    to(engine, 15)
    play(engine, 15, 15)
    to(engine, 40)
    assert begun(engine) == [0, 15, 25]
    assert begun(engine, step="last") == [30, 15, 25]


def test_a_run_that_is_cancelled_in_line_lets_the_next_have_its_moment():
    # Limit 1 per 10 s. Without the second run, the third is the first to start after 0: at 10.
    engine = work(throttle={"limit": 1, "period": "10s"})
    runs = [sent.run for sent in play(engine, 0, 0, 0)]
    to(engine, 5)
    engine.cancel(runs[1])
    to(engine, 10)
    assert begun(engine) == [0, None, 10]


def test_functions_have_paces_of_their_own():
    throttle = {"limit": 1, "period": "10s"}
    engine = made(*(Function(name, on_event("go"), steps=[Step("work")], throttle=throttle) for name in "fg"))
    play(engine, 0)
    assert [begun(engine, function=name) for name in "fg"] == [[0], [0]]


@pytest.mark.parametrize(
    ("throttle", "expected"),
    [
        # The SDK sends a burst of 1 unless told otherwise: limit 1 per 2 s starts 1 + 1 at once, then one every 2 s.
        ({"limit": 1, "period": 2000}, [0, 0, 2, 4, 6, 8]),
        # Limit 3 per 6 s starts 3 + 1 at once, then one every 6 / 3 = 2 s.
        ({"limit": 3, "period": 6000}, [0, 0, 0, 0, 2, 4]),
        # Limit 2, burst 2 per 4 s starts four at once, then one every 2 s.
        ({"limit": 2, "burst": 2, "period": 4000}, [0, 0, 0, 0, 2, 4]),
        ({"limit": 1, "burst": 0, "period": 2000}, [0, 2, 4, 6, 8, 10]),
    ],
)
def test_the_sdks_throttle_has_a_burst_of_one_unless_told_otherwise(throttle, expected):
    client = inngest.Inngest(app_id="shop", is_production=False)

    @client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event="go"), throttle=inngest.Throttle(**throttle))
    def f(ctx: inngest.ContextSync) -> None:
        ctx.step.run("work", lambda: None)

    with made() as engine:
        engine.serve(client, [f])
        play(engine, *[0] * 6)
        engine.advance("10s")
        assert begun(engine) == expected
        assert created(engine) == [0] * 6
        assert second(engine.runs()[5].ended_at) == expected[5]
