"""A function from a file, its HTTP steps answered by respx."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import respx

from inngest_testkit import Engine, RunStatus, StepStatus

FUNCTIONS = Path(__file__).parent / "functions"


@pytest.fixture
def engine(inngest_engine: Engine) -> Engine:
    inngest_engine.load(FUNCTIONS)
    return inngest_engine


@pytest.fixture
def payments():
    with respx.mock(base_url="http://payments.example") as router:
        yield router


def test_a_paid_order_gets_a_receipt_that_knows_the_charge(engine, payments):
    payments.post("/charge").respond(json={"paid": True, "id": "ch_1"})
    receipt = payments.post("/receipt").respond(json={"sent": True})
    run = engine.send("order/placed", {"order": "o1", "total": 25.5}).run
    assert run.status is RunStatus.COMPLETED
    body = json.loads(receipt.calls.last.request.content)
    assert body["steps"]["charge"]["body"] == {"paid": True, "id": "ch_1"}


def test_an_outage_is_retried_after_ten_and_twenty_seconds(engine, payments):
    payments.post("/charge").mock(
        side_effect=[httpx.ConnectError("refused"), httpx.Response(503), httpx.Response(200, json={"paid": True})]
    )
    payments.post("/receipt").respond(json={})
    run = engine.send("order/placed", {"order": "o1", "total": 25.5}).run
    assert run.steps["charge"].status is StepStatus.RETRYING
    engine.advance("30s")
    starts = [attempt.started_at - run.started_at for attempt in run.steps["charge"].attempts]
    assert starts == [timedelta(), timedelta(seconds=10), timedelta(seconds=30)]
    assert run.status is RunStatus.COMPLETED


def test_a_refused_card_is_not_tried_again_and_nothing_follows(engine, payments):
    charge = payments.post("/charge").respond(402, text="card expired")
    run = engine.send("order/placed", {"order": "o1", "total": 25.5}).run
    engine.advance("1h")
    assert charge.call_count == 1
    assert run.status is RunStatus.FAILED
    assert "402: card expired" in run.error.message
    assert list(run.steps) == ["charge"]


def test_an_unpaid_order_goes_to_review(engine):
    engine.mock("payment", "charge", returns={"status": 200, "body": {"paid": False}})
    review = engine.mock("payment", "review", returns={"status": 200, "body": {}})
    run = engine.send("order/placed", {"order": "o1", "total": 25.5}).run
    assert review.called
    assert "receipt" not in run.steps
