"""What a team would test of its campaign: thirty days, retries and failures, in milliseconds."""

from __future__ import annotations

import itertools
import socket
from datetime import timedelta

import inngest
import pytest

from inngest_testkit import Engine, RunStatus

from .emails import MailboxUnavailableError, gateway
from .functions import FUNCTIONS, campaign, client


@pytest.fixture(autouse=True)
def outbox():
    yield gateway.outbox
    gateway.outbox.clear()
    gateway.down = 0


@pytest.fixture
def engine(inngest_engine: Engine) -> Engine:
    inngest_engine.serve(client, FUNCTIONS)
    return inngest_engine


def sign_up(engine: Engine, user: int = 1, plan: str = "free"):
    return engine.send("user/signed.up", {"id": user, "email": f"u{user}@example.com", "plan": plan}).run


def templates(outbox, user: int = 1):
    return [mail.template for mail in outbox if mail.to == f"u{user}@example.com"]


def test_a_user_who_logs_in_gets_tips_and_after_thirty_days_an_offer(engine, outbox):
    run = sign_up(engine)
    engine.advance("5d")
    engine.send("user/logged.in", {"id": 1})
    engine.advance("25d")
    assert run.output == "active"
    assert templates(outbox) == ["welcome", "tips-for-one", "offer"]
    assert run.ended_at - run.started_at == timedelta(days=30)


def test_a_user_who_stays_away_is_reminded_after_a_week_and_closed_after_thirty_days(engine, outbox):
    run = sign_up(engine)
    engine.advance("30d")
    assert run.output == "closed"
    assert templates(outbox) == ["welcome", "reminder", "goodbye"]
    assert run.steps["remind"].started_at - run.started_at == timedelta(days=7)
    (closed,) = engine.events("user/closed")
    assert closed.data == {"id": 1}


def test_a_user_who_comes_back_after_the_reminder_is_not_closed(engine, outbox):
    run = sign_up(engine)
    engine.advance("12d")
    assert run.waiting[0].event == "user/logged.in"
    engine.send("user/logged.in", {"id": 1})
    engine.run_until_complete(run)
    assert templates(outbox) == ["welcome", "reminder", "tips-for-one", "offer"]
    assert engine.events("user/closed") == []


def test_a_login_during_the_first_days_is_missed(engine, outbox):
    """The run sleeps then, and only an open wait takes an event. The server does the same."""
    sign_up(engine)
    engine.advance("1d")
    engine.send("user/logged.in", {"id": 1})
    engine.advance("6d")
    assert templates(outbox) == ["welcome", "reminder"]


def test_a_failed_mail_is_tried_again(engine, outbox):
    gateway.down = 1
    run = sign_up(engine)
    assert run.steps["welcome"].status == "RETRYING"
    engine.advance("15s")
    first, second = run.steps["welcome"].attempts
    assert first.error.name == "MailboxUnavailableError"
    assert second.started_at - first.started_at == timedelta(seconds=15)
    assert templates(outbox) == ["welcome"]


def test_support_is_told_when_the_last_attempt_has_failed(engine, outbox):
    engine.mock(campaign, "welcome", raises=MailboxUnavailableError("mailbox full"))
    run = sign_up(engine)
    engine.run_until_complete()
    assert run.status is RunStatus.FAILED
    assert len(run.steps["welcome"].attempts) == 3
    assert [(mail.to, mail.template) for mail in outbox] == [("support@example.com", "campaign failed: mailbox full")]
    (told,) = engine.runs(function="campaign-failure")
    assert told.events[0].data["run_id"] == run.id


def test_the_tips_are_what_the_child_says(engine, outbox):
    tips = engine.mock(campaign, "tips", returns="tips-of-the-day")
    run = sign_up(engine, plan="team")
    engine.advance("4d")
    engine.send("user/logged.in", {"id": 1})
    assert tips.called
    assert templates(outbox) == ["welcome", "tips-of-the-day"]
    assert engine.runs(function="choose-tips") == []
    assert run.waiting[0].step == "thirty days"


def test_run_to_stops_at_the_step_in_question(engine):
    run = sign_up(engine)
    step = engine.run_to(run, "comeback")
    assert step.status == "WAITING"
    assert engine.now - run.started_at == timedelta(days=7)


def test_the_function_alone_with_every_step_mocked(engine, outbox):
    engine.mock(campaign, "welcome", returns="mail-1")
    engine.mock(campaign, "settle in", returns=None)
    engine.mock(campaign, "login", returns={"id": 1})
    engine.mock(campaign, "tips", returns="tips-for-one")
    engine.mock(campaign, "send tips", returns="mail-2")
    engine.mock(campaign, "thirty days", returns=None)
    engine.mock(campaign, "offer", returns="mail-3")
    run = engine.execute(campaign, data={"id": 1, "email": "u1@example.com", "plan": "free"})
    assert run.output == "active"
    assert outbox == []
    assert engine.now == run.started_at


def test_internal_users_get_no_campaign(engine):
    assert not engine.send("user/signed.up", {"id": 1, "email": "a@b.c", "plan": "internal"}).runs


def test_nothing_leaves_the_process(engine, monkeypatch):
    def connect(_, address):
        raise AssertionError(f"a connection to {address!r}")

    monkeypatch.setattr(socket.socket, "connect", connect)
    client.send_sync(inngest.Event(name="user/signed.up", data={"id": 1, "email": "a@b.c", "plan": "free"}))
    engine.advance("30d")
    assert len(engine.events("user/signed.up")) == 1
    assert len(engine.events("user/closed")) == 1


#: What happens to user 1, and on which day; user 2 is there to be mixed up with.
LOGINS = [(1, day) for day in (1, 4, 8, 29)] + [(2, 5)]


@pytest.mark.parametrize("logins", list(itertools.permutations(LOGINS, 2)))
def test_whatever_the_logins_nobody_is_both_helped_and_closed(engine, outbox, logins):
    runs = {user: sign_up(engine, user) for user in (1, 2)}
    day = 0
    for user, on in sorted(logins, key=lambda login: login[1]):
        engine.advance(timedelta(days=on - day))
        engine.send("user/logged.in", {"id": user})
        day = on
    engine.advance(timedelta(days=30 - day))
    for user, run in runs.items():
        sent = templates(outbox, user)
        assert run.status is RunStatus.COMPLETED
        assert sent[0] == "welcome"
        assert len(sent) == len(set(sent))
        assert ("offer" in sent) == (run.output == "active") != ("goodbye" in sent)
        assert run.ended_at - run.started_at == timedelta(days=30)
    assert [event.data["id"] for event in engine.events("user/closed")] == [
        user for user, run in runs.items() if run.output == "closed"
    ]
