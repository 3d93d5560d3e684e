"""Figures from histories that are written by hand: holding, dropping, cancelling, and how far limits are used."""

from __future__ import annotations

from datetime import timedelta

import pytest

from inngest_testkit import HistoryKind
from inngest_testkit.functions.flow_control import Throttle
from inngest_testkit.testing.traffic import counting, limits
from inngest_testkit.testing.traffic.limits import Usage

from .histories import SECOND, Story, concurrency, flow


def seconds(span):
    return span / timedelta(seconds=1)


def test_a_run_that_a_throttle_holds_waits_for_its_beginning():
    # Created at 0, held until 30; its step takes from 30 to 50.
    story = Story()
    story.created("r").held("r", rule="throttle").at(30).started("r").begins("r", "a").at(50).ends("r", "a").over("r")
    found = story.figures()
    assert seconds(found.waiting.max) == 30
    assert seconds(found.total.max) == 50
    assert (found.backlog.mean, found.backlog.max, found.backlog.at_end) == (0.3, 1, 0)
    assert (found.held.mean, found.held.max, found.held.at_end) == (0.3, 1, 0)
    assert (found.executing.mean, found.executing.max) == (0.2, 1)
    assert found.executing.means == (0, 0, 0, 1, 1, 0, 0, 0, 0, 0)


def test_a_run_whose_first_step_is_held_has_not_begun():
    # Begins at 0, its first step is held from 0 to 40, its second from 50 to 60: that one is held, and does not count
    # as waiting.
    story = Story()
    story.created("r").started("r").held("r", "a", edge="a")
    story.at(40).begins("r", "a", edge="a").at(50).ends("r", "a")
    story.held("r", "b", edge="b").at(60).begins("r", "b", edge="b").at(70).ends("r", "b").over("r")
    found = story.figures()
    assert seconds(found.waiting.max) == 40
    assert (found.backlog.mean, found.held.mean, found.executing.mean) == (0.4, 0.5, 0.2)


def test_a_wait_before_the_first_step_is_no_waiting_time():
    # An edge waits for 30 seconds, then the step is held for 5.
    story = Story()
    story.created("r").started("r").at(30).held("r", "a", edge="a").at(35).begins("r", "a", edge="a").over("r")
    assert seconds(story.figures().waiting.max) == 5


def test_an_item_that_is_held_again_is_held_once():
    story = Story().created("r").held("r").at(10).held("r").at(20).started("r")
    found = story.figures()
    assert (found.held.max, found.held.mean, found.held.at_end) == (1, 0.2, 0)


def test_a_run_that_has_not_begun_counts_with_the_time_so_far():
    found = Story(late_after=50).created("r").at(20).created("s").held("s").figures()
    assert [seconds(found.waiting.p50), seconds(found.waiting.max)] == [80, 100]
    assert (found.begun, found.open, found.backlog.at_end, found.held.at_end, found.late) == (0, 2, 2, 1, 2)


def test_a_run_that_has_begun_and_sleeps_before_its_first_step_has_waited():
    found = Story().created("r").at(10).started("r").figures()
    assert (found.waiting.count, seconds(found.waiting.max)) == (1, 10)


def test_a_run_that_is_cancelled_before_it_begins_has_waited_until_then():
    story = Story().created("r").held("r").at(10).over("r", HistoryKind.RUN_CANCELLED)
    found = story.figures()
    assert (found.cancelled, found.begun, seconds(found.waiting.max), seconds(found.total.max)) == (1, 0, 10, 10)
    assert (found.backlog.mean, found.backlog.at_end, found.held.at_end) == (0.1, 0, 0)


def test_a_run_that_is_cancelled_at_work_stops_executing():
    story = Story().created("r").started("r").begins("r", "a").begins("r", "b").at(10)
    found = story.over("r", HistoryKind.RUN_CANCELLED).figures()
    assert (found.executing.mean, found.executing.max, found.executing.at_end) == (0.2, 2, 0)


def test_a_failed_attempt_ends_and_another_begins():
    # Two attempts of 10 seconds, 10 seconds apart.
    story = Story().created("r").started("r").begins("r", "a").at(10).tell(HistoryKind.STEP_FAILED, "r", "a")
    story.at(20).begins("r", "a").at(30).ends("r", "a").over("r")
    assert story.figures().executing.mean == 0.2


def test_a_sleep_is_not_executing():
    story = Story().created("r").started("r").begins("r", "nap").tell(HistoryKind.SLEEP_BEGAN, "r", "nap", edge="e")
    assert story.figures().executing.mean == 0


def test_what_is_told_twice_counts_once():
    story = Story().created("r").created("r").started("r").started("r").begins("r", "a").begins("r", "a").at(10)
    found = story.ends("r", "a").ends("r", "a").over("r").over("r").figures()
    assert (found.runs, found.begun, found.completed, found.executing.mean) == (1, 1, 1, 0.1)


def test_runs_that_were_there_before_are_not_counted():
    story = Story()
    story.journal.open("old", "import", None, (), "old")
    found = story.started("old").begins("old", "a").at(5).over("old").figures()
    assert (found.runs, found.completed, found.executing.mean) == (0, 0, 0)


def drop(story, rule, key, count=1, function_id="import"):
    for _ in range(count):
        story.tell(HistoryKind.EVENT_DROPPED, rule=rule, key=key, function_id=function_id, event_id="e", reason="")


def test_dropped_events_are_counted_by_rule_and_key():
    story = Story()
    drop(story, "rate_limit", "a", 2)
    drop(story, "rate_limit", "b", 3)
    drop(story, "idempotency", None)
    drop(story, "rate_limit", "a", function_id="unknown")
    found = story.created("r").figures()
    assert [(each.rule, each.key, each.count) for each in found.dropped] == [
        ("rate_limit", "b", 3),
        ("rate_limit", "a", 2),
        ("idempotency", "", 1),
    ]
    assert (found.dropped_count, found.events, found.runs) == (6, 7, 1)


def test_further_keys_of_dropped_events_are_counted_together(monkeypatch):
    monkeypatch.setattr(counting, "DROPPED_KEPT", 2)
    story = Story()
    for key in "abacd":
        drop(story, "rate_limit", key)
    assert {each.key: each.count for each in story.figures().dropped} == {"a": 2, "b": 1, "(other keys)": 2}


def busy(story, run_id, begin, end, function_id="import", **data):
    """Let a run have one step from one second to another."""
    story.at(begin).created(run_id, function_id, **data).started(run_id).begins(run_id, "a")
    return story.at(end).ends(run_id, "a").over(run_id)


def test_concurrency_is_used_by_the_steps_that_execute():
    # 20 + 20 seconds of 100, of which 4 at once are allowed: a tenth.
    story = Story(**{"import": flow(concurrency(4))})
    busy(busy(story, "r", 0, 20), "s", 50, 70)
    use = story.figures().limit("concurrency")
    assert (use.mean, use.busiest, use.busiest_key, use.keys, use.key) == (0.1, 0.1, "", 1, None)
    assert use.text == "concurrency 4"


def test_concurrency_is_full_while_all_places_are_taken():
    # Of 100 seconds, two steps execute from 10 to 20: a tenth.
    story = Story(**{"import": flow(concurrency(2))})
    use = busy(busy(story, "r", 0, 10), "s", 20, 30).figures().limit("concurrency")
    assert use.full == 0
    story = Story(**{"import": flow(concurrency(1))})
    use = busy(story, "r", 0, 10).figures().limit("concurrency")
    assert use.full == 0.1


def test_concurrency_with_a_key_tells_of_the_busiest():
    story = Story(**{"import": flow(concurrency(2, key="event.data.user"))})
    busy(story, "r", 0, 20, user="ann")
    busy(story, "s", 20, 80, user="bob")
    use = story.figures().limit("concurrency")
    # Ann: 20 of 200 allowed seconds, Bob: 60 of 200.
    assert (use.busiest_key, use.busiest, use.mean, use.keys) == ("bob", 0.3, 0.2, 2)
    assert (use.text, use.key) == ("concurrency 2 per event.data.user", "event.data.user")


@pytest.mark.parametrize(("data", "key"), [({"user": 7}, "7"), ({"user": [1]}, "[1]"), ({}, "null")])
def test_keys_are_those_of_flow_control(data, key):
    usage = Usage(concurrency(1, key="event.data.user"), 100)
    assert usage.key_of(lambda: {"event": {"data": data}}, None) == key


def test_a_limit_of_runs_counts_them_from_beginning_to_end():
    # The run lasts 50 seconds, its step 10.
    story = Story(**{"import": flow(concurrency(1, run=True))})
    story.created("r").at(10).started("r").begins("r", "a").at(20).ends("r", "a").at(60).over("r")
    use = story.figures().limit("concurrency")
    assert (use.mean, use.text) == (0.5, "concurrency 1 runs")


def test_a_limit_of_the_account_is_of_all_functions_that_have_it():
    shared = concurrency(1, key="'all'", scope="account")
    story = Story(one=flow(shared), two=flow(concurrency(1, key="'all'", scope="account")))
    busy(story, "r", 0, 20, "one")
    busy(story, "s", 40, 50, "two")
    assert [story.figures(name).limits[0].mean for name in ("one", "two")] == [0.3, 0.3]


def test_a_throttle_is_used_by_starts():
    # 3 in 50 seconds: 3 at once, then one more every 16.7 seconds, is 9 in 100.
    story = Story(**{"import": flow(throttle=Throttle(limit=3, period=timedelta(seconds=50)))})
    for number in range(6):
        busy(story, f"r{number}", number * 10, number * 10 + 5)
    use = story.figures().limit("throttle")
    assert use.mean == pytest.approx(6 / 9)
    assert use.text == "throttle 3 per 50s"


def test_keys_of_a_limit_are_bounded(monkeypatch):
    monkeypatch.setattr(limits, "KEYS_KEPT", 10)
    usage = Usage(concurrency(1, key="event.data.user"), 1000 * SECOND)
    for number in range(500):
        # The 100th key is at work ten times as long.
        usage.change(f"k{number}", 1, number * SECOND)
        usage.change(f"k{number}", -1, number * SECOND + (SECOND if number == 100 else SECOND // 10))
    assert len(usage) <= 20
    assert usage.figures().busiest_key == "k100"


def test_a_function_of_the_engine_without_flow_control_has_no_limits():
    assert Story().figures().limits == ()
