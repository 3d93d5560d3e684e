"""Runs that a person can read."""

from __future__ import annotations

import dataclasses

import pytest

from inngest_testkit import Engine, Function, RunStatus, Step, after, on_event
from inngest_testkit.errors import NotFoundError


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture
def story(engine):
    """A run with everything in it: retries, a wait, a pause, a time-out, a false condition."""
    engine.register(
        Function(
            "signup",
            on_event("user/signed.up"),
            steps=[
                Step("charge", lambda: {"ok": True}),
                Step("refund", lambda: 1, after=after("charge", if_="steps.charge.ok == false")),
                Step("welcome", lambda: {"opened": False}, after="charge"),
                Step("nudge", lambda: "nudged", after=after("welcome", wait="3d")),
                Step("thank", lambda: 1, after=after("welcome", event="user/replied", ttl="1d")),
                Step("call", lambda: 1, after=after("welcome", event="user/replied", ttl="2d", on_timeout=True)),
            ],
        )
    )
    engine.mock("signup", "charge", side_effect=[OSError("down"), {"ok": True}])
    engine.mock("signup", "welcome", takes="90s")
    return engine.send("user/signed.up", {"id": 1}).run


def test_the_timeline_tells_the_story_in_columns(engine, story, snapshot):
    engine.advance("1h")
    assert story.timeline() == snapshot(name="under way")
    engine.advance("4d")
    assert story.timeline() == snapshot(name="over")


def test_colours_only_add_to_the_timeline(engine, story):
    engine.advance("4d")
    import re

    plain = re.sub(r"\x1b\[[0-9;]*m", "", story.timeline(color=True))
    assert plain == story.timeline()
    assert "\x1b[" in story.timeline(color=True)


def test_a_run_knows_what_it_waits_for(engine, story):
    engine.advance("1h")
    assert [repr(wait) for wait in story.waiting] == [
        "<Wait event of thank for 'user/replied' until 2024-01-02 00:01:40>",
        "<Wait event of call for 'user/replied' until 2024-01-03 00:01:40>",
        "<Wait time of nudge until 2024-01-04 00:01:40>",
    ]
    engine.advance("4d")
    assert story.waiting == ()


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ("refund", "the condition of charge->refund was false: steps.charge.ok == false"),
        ("thank", "it still waits for event 'user/replied', until 2024-01-02 00:01:40"),
        ("call", "for event 'user/replied', until 2024-01-03 00:01:40 (it runs if the event does not come)"),
        ("nudge", "it still waits for its time, until 2024-01-04 00:01:40"),
        ("nuge", "function 'signup' does not have it; known steps: 'call', 'charge', 'nudge', "),
        ("nuge", "; did you mean 'nudge'?"),
    ],
)
def test_looking_up_a_step_that_has_not_run_says_why(engine, story, step, reason):
    engine.advance("1h")
    with pytest.raises(NotFoundError) as caught:
        _ = story.steps[step]
    assert reason in str(caught.value)


def test_a_step_that_a_time_out_or_an_event_left_out_says_so(engine, story):
    engine.advance("1h")
    engine.send("user/replied")
    engine.advance("4d")
    assert "thank" in story.steps
    assert story.why_not("call") == (
        "it has not run: event 'user/replied' came in time, and welcome->call is for when it does not"
    )
    assert story.why_not("welcome").startswith("it has run: <StepRecord welcome COMPLETED")


def test_representations_are_short(engine, story):
    engine.advance("1h")
    assert repr(story) == f"<Run {story.id} of signup RUNNING, 2 steps>"
    charge = story.steps["charge"]
    assert repr(charge) == "<StepRecord charge COMPLETED after 2 attempts>"
    assert repr(charge.attempts) == "(<Attempt 0 OSError: down>, <Attempt 1 ok>)"
    assert repr(charge.attempts[0].error) == "ErrorInfo('OSError: down')"
    assert repr(story.history[0]) == "<2024-01-01 00:00:00 run.created>"
    assert repr(engine) == "<Engine at 2024-01-01 01:00:00, 1 function, 1 run>"


def test_records_do_not_change(story):
    charge = story.steps["charge"]
    for record, field in ((story, "id"), (charge, "id"), (charge.attempts[0], "number"), (story.history[0], "kind")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, field, "other")


def test_a_run_is_a_view_and_tells_the_newest_state(engine, story):
    assert story.status is RunStatus.RUNNING
    engine.advance("4d")
    assert story.status is RunStatus.COMPLETED
    assert story.ended_at == story.history[-1].at
    assert story == engine.run(story.id)


def test_steps_can_be_asked_like_a_mapping(engine, story):
    engine.advance("1h")
    assert list(story.steps) == ["charge", "welcome"]
    assert len(story.steps) == 2
    assert "nudge" not in story.steps
    assert story.steps.get("nudge") is None
    assert story.steps["charge", 0] == story.steps["charge"]
    with pytest.raises(NotFoundError, match="began once in this run"):
        _ = story.steps["charge", 1]


def test_a_step_has_its_times_in_virtual_time(engine, story):
    engine.advance("1h")
    welcome = story.steps["welcome"]
    assert (welcome.ended_at - welcome.started_at).total_seconds() == 90
    assert welcome.output == {"opened": False}
    assert welcome.error is None


def test_changing_an_output_changes_nothing(engine, story):
    engine.advance("1h")
    story.steps["charge"].output["ok"] = "spoiled"
    assert story.steps["charge"].output == {"ok": True}


def test_a_history_is_plain_json(engine, story):
    import json

    engine.advance("4d")
    text = json.dumps([entry.to_dict() for entry in engine.history])
    assert "step.completed" in text
