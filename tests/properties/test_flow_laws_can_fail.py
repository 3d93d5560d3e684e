"""A law that cannot fail says nothing: a rule or a store with a fault breaks each law of flow control."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inngest_testkit.flow import throttle
from inngest_testkit.flow.memory import MemoryFlowStore
from inngest_testkit.lifecycle import runs as lifecycle_runs
from inngest_testkit.lifecycle.admission import Admission
from inngest_testkit.runner import intake

from . import governed
from . import test_flow_crash_laws as crash_laws
from . import test_flow_end_laws as end_laws
from . import test_flow_event_laws as event_laws
from . import test_flow_pace_laws as pace_laws
from . import test_flow_place_laws as place_laws

A, B = {"key": "a", "p": 0, "now": False}, {"key": "b", "p": 0, "now": False}
FIVE = [(0, A)] * 5
ONE = [{"limit": 1}]


class AdmitsEverybody(MemoryFlowStore):
    async def admit(self, ticket, now):
        return None


class WakesLate(MemoryFlowStore):
    """Forgets that a place is free when the first has it."""

    async def admit(self, ticket, now):
        hold = await super().admit(ticket, now)
        self._stirred.clear()
        return hold


class IsAStack(MemoryFlowStore):
    async def admit(self, ticket, now):
        self._sequence -= 2
        return await super().admit(replace(ticket, score=0, tie=""), now)


class KeepsPlaces(MemoryFlowStore):
    async def release(self, run_id, holder):
        return


class ForgetsWhoWasThere(MemoryFlowStore):
    async def release(self, run_id, holder):
        await super().release(run_id, holder)
        self._held.get(run_id, {}).pop(holder, None)


class LosesLines(MemoryFlowStore):
    async def end(self, run_id):
        for holder in list(self._held.pop(run_id, ())):
            self._vacate((), holder)


STORES = {
    "throttle": (
        pace_laws.test_throttled_runs_start_as_soon_as_the_pace_allows,
        (1, 0, 2, False, FIVE),
        AdmitsEverybody,
    ),
    "window": (pace_laws.test_no_window_sees_more_starts_than_its_share, (1, 0, 2, FIVE), AdmitsEverybody),
    "limit": (place_laws.test_places_are_kept_and_used, (ONE, ONE, [3], [3], FIVE), AdmitsEverybody),
    "use of places": (place_laws.test_places_are_kept_and_used, ([{"limit": 2}], ONE, [3], [3], FIVE), WakesLate),
    "order": (place_laws.test_places_are_kept_and_used, (ONE, ONE, [3], [3], [(250, A)] * 5), IsAStack),
    "parallel steps": (place_laws.test_parallel_steps_need_a_place_each, (1, 2, FIVE), AdmitsEverybody),
    "runs": (place_laws.test_runs_keep_their_place, (1, False, [3, "5s", 1], FIVE), AdmitsEverybody),
    "priority": (place_laws.test_priority_moves_a_run_by_so_many_seconds, (1, [(250, A)] * 5), IsAStack),
    "places of late runs": (end_laws.test_a_run_that_is_not_over_in_time_is_cancelled, (30, 1, FIVE), KeepsPlaces),
    "what is left": (end_laws.test_nothing_is_left_behind, (({"concurrency": ONE}, {}, FIVE),), KeepsPlaces),
    "crash at a throttle": (
        crash_laws.test_a_crash_anywhere_breaks_no_rule,
        ("throttle and concurrency",),
        ForgetsWhoWasThere,
    ),
    "crash in line": (crash_laws.test_a_crash_anywhere_breaks_no_rule, ("cancelled in line",), LosesLines),
}


def law(test):
    """The law itself, without the examples."""
    return test.hypothesis.inner_test if hasattr(test, "hypothesis") else test


def broken(test, arguments):
    with pytest.raises(AssertionError):
        law(test)(*arguments)


@pytest.mark.parametrize("name", STORES)
def test_a_sound_store_keeps_the_law(name):
    """The examples of this file break no law by themselves."""
    test, arguments, _ = STORES[name]
    law(test)(*arguments)


@pytest.mark.parametrize("name", STORES)
def test_a_store_with_a_fault_breaks_the_law(name, monkeypatch):
    """A fault in the flow store breaks the law that is about it."""
    test, arguments, store = STORES[name]
    monkeypatch.setattr(governed, "MemoryFlowStore", store)
    broken(test, arguments)


async def _nothing(*_, **__):
    return None


async def _yes(*_, **__):
    return True


IDS = [(0, "x"), (0, "x")]
STARTS = [(0, A, "start"), (500, A, "stop")]
RULES = {
    "pace of a throttle": (
        pace_laws.test_throttled_runs_start_as_soon_as_the_pace_allows,
        (1, 1, 2, False, FIVE),
        (throttle, "pace_of", lambda rule: throttle.Pace(rule.limit, rule.period, rule.limit)),
    ),
    "rate limit": (
        pace_laws.test_rate_limits_drop_what_comes_too_fast,
        (1, 2, False, FIVE),
        (intake.Intake, "_take", _yes),
    ),
    "idempotency": (pace_laws.test_idempotency_starts_one_run_a_day, ([(0, "a")] * 2,), (intake.Intake, "_take", _yes)),
    "collected ids": (pace_laws.test_an_event_id_counts_once_a_day, (True, IDS), (intake.Intake, "_is_first", _yes)),
    "time of a debounce": (
        event_laws.test_the_last_event_starts_a_run_when_it_has_been_quiet,
        (2, 3, False, [(1500, A)] * 4, [None] * 14),
        (intake, "debounce", lambda rule, *rest: _debounce(replace(rule, timeout=None), *rest)),
    ),
    "size of a batch": (
        event_laws.test_every_event_is_in_one_batch,
        (2, 1, False, False, FIVE),
        (intake, "collect", lambda rule, before, new, now: _collect(rule, None, new, now)),
    ),
    "singleton that skips": (
        event_laws.test_a_singleton_skips_while_its_run_is_alive,
        (False, FIVE),
        (intake, "lock_of", lambda *_: None),
    ),
    "singleton that cancels": (
        event_laws.test_a_singleton_cancels_the_run_that_is_alive,
        (False, [(500, A)] * 3),
        (intake, "lock_of", lambda *_: None),
    ),
    "priority": (
        place_laws.test_priority_moves_a_run_by_so_many_seconds,
        (1, [(250, A), (250, A), (250, {**A, "p": 20})]),
        (lifecycle_runs, "factor_of", lambda *_: 0),
    ),
    "cancelling event": (
        end_laws.test_an_event_cancels_the_runs_that_it_matches,
        (True, "1h", STARTS),
        (lifecycle_runs, "cancel_pauses", lambda *_: ()),
    ),
    "time to start": (
        end_laws.test_a_run_that_does_not_begin_in_time_is_cancelled,
        (5, 1, FIVE),
        (lifecycle_runs.RunLifecycle, "time_out", _nothing),
    ),
    "time to finish": (
        end_laws.test_a_run_that_is_not_over_in_time_is_cancelled,
        (5, 1, FIVE),
        (lifecycle_runs.RunLifecycle, "time_out", _nothing),
    ),
    "accounts": (
        end_laws.test_every_event_is_accounted_for,
        (({"rateLimit": {"limit": 1, "period": "2s"}}, {}, FIVE),),
        (intake.Intake, "_drop", lambda *_: None),
    ),
    "what waits of a cancelled run": (
        crash_laws.test_a_crash_anywhere_breaks_no_rule,
        ("cancelled in line",),
        (Admission, "end", _nothing),
    ),
    "lock of a cancelled run": (
        crash_laws.test_a_crash_anywhere_breaks_no_rule,
        ("singleton that cancels",),
        (Admission, "unlock", _nothing),
    ),
}
_debounce, _collect = intake.debounce, intake.collect


@pytest.mark.parametrize("name", RULES)
def test_a_sound_rule_keeps_the_law(name):
    """The examples of this file break no law by themselves."""
    test, arguments, _ = RULES[name]
    law(test)(*arguments)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_with_a_fault_breaks_the_law(name, monkeypatch):
    """A fault in a rule breaks the law that is about it."""
    test, arguments, fault = RULES[name]
    monkeypatch.setattr(*fault)
    broken(test, arguments)
