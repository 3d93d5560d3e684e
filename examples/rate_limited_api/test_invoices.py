"""What was promised to the accounting service, and to those who void an invoice."""

from __future__ import annotations

from datetime import timedelta

import inngest
import pytest

from inngest_testkit import Engine, RunStatus

from .accounting import accounting
from .functions import client, push, push_invoice

WINDOW = timedelta(seconds=30)


@pytest.fixture(autouse=True)
def booked():
    yield accounting.booked
    accounting.booked.clear()


@pytest.fixture
def engine(inngest_engine: Engine) -> Engine:
    inngest_engine.serve(client, [push_invoice])
    return inngest_engine


def issue(engine: Engine, number: int, company: str = "acme"):
    return engine.send("invoice/issued", {"company": company, "number": number}).run


def busiest(engine: Engine) -> int:
    """The most calls of the service in any thirty seconds."""
    calls = [run.steps["book"].started_at for run in engine.runs() if "book" in run.steps]
    return max(sum(first <= call < first + WINDOW for call in calls) for first in calls)


def test_the_service_is_called_three_times_in_thirty_seconds_at_most(engine, booked):
    for number in range(20):
        issue(engine, number, company=f"company-{number}")
    engine.run_until_complete()
    assert busiest(engine) == 3
    assert sorted(booked) == list(range(20))
    assert engine.dropped == ()


@pytest.mark.parametrize(("burst", "calls"), [(0, 5), (1, 6)])
def test_a_throttle_of_three_per_thirty_seconds_would_break_the_promise(inngest_engine, burst, calls):
    inngest_engine.serve(client, [push(inngest.Throttle(limit=3, period=WINDOW, burst=burst))])
    for number in range(20):
        issue(inngest_engine, number, company=f"company-{number}")
    inngest_engine.run_until_complete()
    assert busiest(inngest_engine) == calls


def test_a_company_has_one_call_at_a_time_and_does_not_hold_up_others(engine):
    engine.mock(push_invoice, "book", returns="ok", takes="25s")
    runs = [issue(engine, number, company) for number, company in enumerate(["acme", "acme", "other"])]
    engine.run_until_complete()
    # The second waits for the first until 25, and takes nothing of the pace meanwhile.
    begun = [(run.steps["book"].started_at - run.started_at).seconds for run in runs]
    assert begun == [0, 25, 10]
    assert "waits for concurrency 'acme'" in runs[1].timeline()


def test_a_voided_invoice_is_not_booked_and_the_others_are(engine, booked):
    runs = [issue(engine, number) for number in range(4)]
    engine.advance("5s")
    engine.send("invoice/voided", {"number": 2})
    engine.run_until_complete()
    assert [run.status for run in runs] == [
        RunStatus.COMPLETED,
        RunStatus.COMPLETED,
        RunStatus.CANCELLED,
        RunStatus.COMPLETED,
    ]
    assert booked == [0, 1, 3]
    # The fourth has the moment of the third.
    assert runs[3].ended_at - runs[3].started_at == timedelta(seconds=20)


def test_what_could_not_start_within_an_hour_is_given_up_and_listed(engine, booked):
    # One every ten seconds makes 360 in an hour; the next would start when its hour is over.
    for number in range(365):
        issue(engine, number, company=f"company-{number}")
    engine.run_until_complete()
    assert len(booked) == 360
    assert [each.rule for each in engine.dropped] == ["timeouts.start"] * 5
