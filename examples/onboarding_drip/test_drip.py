"""What a team would test of its drip: thirty days, in milliseconds."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from runpy import run_path

import pytest

from inngest_testkit import Engine, NonRetriableError, RunStatus

drip = run_path(str(Path(__file__).with_name("drip.py")))["drip"]


@pytest.fixture
def engine(inngest_engine: Engine) -> Engine:
    inngest_engine.register(drip)
    return inngest_engine


def sign_up(engine: Engine, user: int = 1):
    return engine.send("user/signed.up", {"id": user, "email": f"u{user}@example.com", "plan": "free"}).run


def test_a_user_who_logs_in_gets_tips_and_no_reminder(engine):
    run = sign_up(engine)
    engine.advance("2d")
    engine.send("user/logged.in", {"id": 1})
    assert list(run.steps) == ["welcome", "tips"]
    assert run.status is RunStatus.COMPLETED


def test_a_user_who_stays_away_is_reminded_after_three_days_and_closed_after_thirty(engine):
    run = sign_up(engine)
    engine.advance("30d")
    assert list(run.steps) == ["welcome", "reminder", "close"]
    assert run.steps["reminder"].started_at - run.started_at == timedelta(days=3)
    assert run.steps["close"].started_at - run.started_at == timedelta(days=30)


def test_another_users_login_does_not_count(engine):
    run = sign_up(engine)
    engine.send("user/logged.in", {"id": 2})
    engine.advance("3d")
    assert "reminder" in run.steps
    assert "did not come in time" in run.why_not("tips")


def test_a_login_in_the_same_batch_as_the_sign_up_is_missed(engine):
    """The wait does not exist yet when the second event arrives, as on the real server."""
    sent = engine.send(
        [
            {"name": "user/signed.up", "data": {"id": 1, "email": "u1@example.com", "plan": "free"}},
            {"name": "user/logged.in", "data": {"id": 1}},
        ]
    )
    engine.advance("3d")
    assert list(sent.run.steps) == ["welcome", "reminder"]


def test_internal_users_are_left_alone(engine):
    assert engine.send("user/signed.up", {"id": 1, "email": "a@b.c", "plan": "internal"}).runs == ()


def test_a_bad_address_ends_the_drip_at_once(engine):
    engine.mock("onboarding-drip", "welcome", raises=NonRetriableError("no such address"))
    run = sign_up(engine)
    assert run.status is RunStatus.FAILED
    assert "failed: NonRetriableError" in run.why_not("tips")
