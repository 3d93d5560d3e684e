"""Rate limit: events that come too fast start nothing."""

from __future__ import annotations

import inngest
import pytest

from inngest_testkit import Function, Step, on_event

from .flows import created, dropped, made, play, work


def test_a_limit_below_ten_lets_one_event_pass_in_each_share_of_the_period():
    # Limit 2 per 5 s: 1 + 2 // 10 = 1 at once, then one every 5 / 2 = 2.5 s. The event at 0 passes, so the next may
    # come at 2.5 (2.499 is too early); that one at 2.5 passes, the next may come at 5.
    engine = work(rate_limit={"limit": 2, "period": "5s"})
    sents = play(engine, 0, 0, 2.499, 2.5, 4.999, 5)
    assert created(engine) == [0, 2.5, 5]
    assert dropped(engine) == [(0, "rate_limit", ""), (2.499, "rate_limit", ""), (4.999, "rate_limit", "")]
    assert sents[4].why_nothing == "rate_limit of function 'f': more than rate limit 2 per 5s until 2024-01-01 00:00:05"


def test_an_event_that_was_dropped_does_not_count():
    # At 2.5 the next may come, however many were dropped before.
    engine = work(rate_limit={"limit": 2, "period": "5s"})
    play(engine, 0, 1, 1.5, 2, 2.5)
    assert created(engine) == [0, 2.5]


def test_a_limit_of_twenty_lets_three_pass_at_once_and_then_one_each_second():
    # Limit 20 per 20 s: 1 + 20 // 10 = 3 at once, one more every second. After the three at 0, the first is given
    # back at 1 and the second at 2; at 2 both would be there, had none been taken at 1.
    engine = work(rate_limit={"limit": 20, "period": "20s"})
    play(engine, *[0] * 12, 0.999, 1, 1, 3, 3, 3)
    assert created(engine) == [0, 0, 0, 1, 3, 3]
    assert len(engine.dropped) == 12


def test_a_limit_of_ten_at_once_after_a_long_pause():
    # Limit 10 per 10 s: 2 at once, however long it was quiet.
    engine = work(rate_limit={"limit": 10, "period": "10s"})
    play(engine, 0, *[3600] * 5)
    assert created(engine) == [0, 3600, 3600]


def test_keys_are_counted_apart_and_compared_as_text():
    # 5, 5.0 and "5" are one key; so are objects with the same content. A missing key and false are not limited.
    engine = work(rate_limit={"limit": 1, "period": "1m", "key": "event.data.k"})
    values = [5, 5.0, "5", 6, {"a": 1, "b": [2]}, {"b": [2.0], "a": 1.0}, False, False]
    sents = play(engine, *[(0, {"k": value}) for value in values], 0, 0)
    assert [len(sent.runs) for sent in sents] == [1, 0, 0, 1, 1, 0, 1, 1, 1, 1]
    assert {key for _, _, key in dropped(engine)} == {"5", '{"a":1,"b":[2]}'}


def test_a_key_that_cannot_be_evaluated_starts_nothing():
    engine = work(rate_limit={"limit": 100, "period": "1s", "key": "int(event.data.n)"})
    assert len(engine.send("go", {"n": "1"}).runs) == 1
    sent = engine.send("go", {"n": "one"})
    assert sent.runs == ()
    assert "rate_limit of function 'f': its key cannot be evaluated" in sent.why_nothing
    assert dropped(engine) == [(0, "rate_limit", "")]


def test_each_function_has_a_limit_of_its_own():
    limit = {"limit": 1, "period": "10s", "key": "event.data.k"}
    engine = made(*(Function(name, on_event("go"), steps=[Step("work")], rate_limit=limit) for name in "fg"))
    sents = play(engine, (0, {"k": 1}), (1, {"k": 1}), (10, {"k": 1}))
    assert [len(sent.runs) for sent in sents] == [2, 0, 2]
    assert [each.function_id for each in engine.dropped] == ["f", "g"]


@pytest.mark.parametrize("by", ["event", "invoke"])
def test_an_invoked_function_that_is_limited_fails_the_invoking_step(by):
    client = inngest.Inngest(app_id="shop", is_production=False)
    limit = inngest.RateLimit(limit=1, period=60_000)

    @client.create_function(fn_id="child", trigger=inngest.TriggerEvent(event="child"), rate_limit=limit)
    def child(ctx: inngest.ContextSync) -> str:
        return "done"

    @client.create_function(fn_id="parent", trigger=inngest.TriggerEvent(event="go"))
    def parent(ctx: inngest.ContextSync) -> object:
        try:
            return ctx.step.invoke("call", function=child)
        except inngest.StepError as error:
            return error.message

    with made() as engine:
        engine.serve(client, [parent, child])
        # Whatever takes the one place of the minute: an event of the child's own, or another parent.
        engine.send("child" if by == "event" else "go")
        assert engine.send("go").run.output == "invoked function is rate limited"
        engine.advance("1m")
        assert engine.send("go").run.output == "done"
