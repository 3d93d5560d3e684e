"""The shop as its customers see it, with days that pass at once."""

import httpx


def test_a_review_is_asked_for_after_three_days(shop, inngest_engine):
    shop.post("/orders/7")
    inngest_engine.run_to_idle()
    assert shop.get("/mails").json() == ["thank you for order 7"]

    inngest_engine.advance("3d")
    assert shop.get("/mails").json() == ["thank you for order 7", "how do you like order 7?"]
    assert inngest_engine.runs()[0].output == "asked"


def test_whoever_has_written_a_review_is_not_asked(shop, inngest_engine):
    shop.post("/orders/7")
    inngest_engine.advance("1d")
    shop.post("/orders/7/review")
    inngest_engine.advance("3d")
    assert shop.get("/mails").json() == ["thank you for order 7"]
    assert inngest_engine.runs()[0].output == "reviewed"


def test_mail_that_cannot_be_sent_is_sent_later(shop, inngest_engine):
    """A step of the app elsewhere fails once, by a mock, and succeeds when it is tried again."""
    mock = inngest_engine.mock("shop-order", "confirm", raises=ConnectionError("no mail server"), times=1)
    shop.post("/orders/7")
    inngest_engine.run_to_idle()
    assert mock.call_count == 1
    assert shop.get("/mails").json() == ["thank you for order 7"]


def test_without_python_in_hand(shop, inngest_server):
    """What a test in any language does: all of it over HTTP."""
    with httpx.Client(base_url=inngest_server.url) as server:
        shop.post("/orders/7")
        clock = server.post("/testkit/clock", json={"run_to_idle": True}).json()
        assert (clock["open_runs"], clock["idle"]) == (1, True)

        server.post("/testkit/clock", json={"advance": "3d"})
        (run,) = server.get("/testkit/runs", params={"function": "shop-order"}).json()["runs"]
        assert run["status"] == "COMPLETED"

        server.post("/testkit/reset")
        assert server.get("/testkit/runs").json()["runs"] == []
