"""The options of registered functions: what is wrong with them, and what is odd but taken."""

from __future__ import annotations

import re

import pytest

from inngest_testkit.functions.configuration import Section
from inngest_testkit.functions.options import FLOW_CONTROL, check_options


def problems_of(**options):
    """Give what is wrong with the options of a function."""
    problems = []
    check_options(Section("function 'shop-a'", options, problems))
    return [str(problem) for problem in problems]


def problem_of(**options):
    """Give the one problem, without the function's name."""
    (found,) = problems_of(**options)
    assert found.startswith("function 'shop-a', ")
    return found.removeprefix("function 'shop-a', ")


PLACES = {
    "concurrency limit": (
        {"concurrency": [{"limit": 1.5}]},
        "concurrency 1, limit: expected a whole number, found 1.5",
    ),
    "concurrency key": ({"concurrency": {"key": 5}}, "concurrency.key: expected text, found 5"),
    "concurrency scope": ({"concurrency": [{"scope": None}]}, "concurrency 1, scope: None does not belong to"),
    "two of runs": (
        {"concurrency": {"fn": [{"limit": 1}, {"limit": 1}]}},
        "concurrency.fn: Only one function concurrency limit is allowed; found 2",
    ),
    "limit of runs": ({"concurrency": {"fn": [{}]}}, "concurrency.fn 1, limit: function concurrency limit must be > 0"),
    "scope of runs": (
        {"concurrency": {"fn": [{"limit": 1, "scope": "app"}]}},
        "concurrency.fn 1, scope: invalid function concurrency scope: app; write 'fn'",
    ),
    "batch": ({"batchEvents": 5}, "batchEvents: expected an object, found 5"),
    "batch days": (
        {"batchEvents": {"maxSize": 2, "timeout": "1d"}},
        "batchEvents.timeout: failed to parse time duration: '1d' has days or weeks; write it in hours (h)",
    ),
    "batch key": (
        {"batchEvents": {"maxSize": 2, "timeout": "1s", "key": "a b"}},
        "batchEvents.key: batch key expression is invalid: error compiling",
    ),
    "batch if": (
        {"batchEvents": {"maxSize": 2, "timeout": "1s", "if": "a b"}},
        "batchEvents.if: conditional batch expression is invalid: error compiling",
    ),
    "debounce key": (
        {"debounce": {"period": "1s", "key": "nothing"}},
        "debounce.key: Debounce expression is invalid: error compiling expression: undeclared reference to 'nothing'",
    ),
    "debounce period": ({"debounce": {}}, "debounce.period: The debounce period of '' is invalid; write one such as"),
    "rate limit": (
        {"rateLimit": {"limit": -1, "period": "1s"}},
        "rateLimit.limit: limit must be greater than 0: -1 is too small, write 1",
    ),
    "rate limit period": ({"rateLimit": {"limit": 1}}, "rateLimit.period: period must be specified; write one such as"),
    "throttle": (
        {"throttle": {"limit": -1, "period": "1s"}},
        "throttle.limit: limit cannot be negative: -1 is too small, write 0",
    ),
    "throttle period": ({"throttle": {"limit": 1}}, "throttle.period: period must be specified"),
    "huge": ({"throttle": {"burst": 2**63, "period": "1s"}}, "throttle.burst: expected a whole number, found 922337"),
    "singleton": (
        {"singleton": {"mode": "skp"}},
        "singleton.mode: skp does not belong to SingletonMode values; write one of: 'cancel', 'skip'; did",
    ),
    "timeouts": ({"timeouts": {"start": 5}}, "timeouts.start: expected text, found 5"),
    "idempotency": ({"idempotency": ["a"]}, "idempotency: expected text, found ['a']"),
}


@pytest.mark.parametrize("case", PLACES)
def test_a_problem_names_place_finding_and_remedy(case):
    fields, text = PLACES[case]
    assert problem_of(**fields).startswith(text)


@pytest.mark.parametrize(
    "fields",
    [
        {"cancel": None, "concurrency": None, "debounce": None, "rateLimit": None, "singleton": None},
        {"concurrency": [{"limit": 1, "key": "nothing.known"}, {"limit": 1, "scope": "Env", "key": "event.id"}]},
        {"concurrency": {"fn": [{"limit": 1, "key": "event.id"}], "step": [{"limit": 2}]}},
        {"concurrency": "many"},
        {"priority": {"run": "nothing.known"}, "batchEvents": None},
        {"priority": {"run": None}, "batchEvents": {"maxSize": 2, "timeout": "1s"}},
        {"cancel": [], "batchEvents": {"maxSize": 2, "timeout": "1s", "key": "event.id", "if": "true"}},
        {"idempotency": "event.id", "rateLimit": {"limit": 0, "period": "never", "key": "("}},
        {"debounce": {"period": "7d", "key": "", "timeout": "soon"}},
        {"singleton": {"mode": "Skip", "key": "("}},
        {"rateLimit": {"limit": 1, "period": "24h", "key": "event.data.id"}},
    ],
)
def test_what_the_server_takes_is_taken(fields):
    """Not recorded, but in the server's code: null is left out, and odd values that it does not look at."""
    assert problems_of(**fields) == []


def test_all_that_a_cancellation_may_not_do_is_named():
    found = problems_of(cancel=[{"event": "c", "if": "has(event.data.a) && -event.data.n * 2 == size('x')"}])
    assert [re.search(r"invalid: (.*) at ", each)[1] for each in found] == [
        "macros are disallowed (uses 'has')",
        "function calls are disallowed (uses '_*_')",
        "function calls are disallowed (uses '-_')",
        "function calls are disallowed (uses 'size')",
    ]
    assert all(each.startswith("function 'shop-a', cancel 1, if: Cancellation") for each in found)
    assert all(each.endswith("with ==, !=, <, >, in, && and ||") for each in found)


@pytest.mark.parametrize(
    "text",
    [
        "event.data.id == async.data.id && (async.data.n > -1 || !(event.data['k'] in [1, 2]))",
        "int(event.data.n) == uint(async.data.n) || double(event.data.n) < 1.5",
        "event.data.a ? async.data.b : async.data.c",
        "async.data.n in [event.data.n + 1, size(event.data.list)]",
    ],
)
def test_what_a_cancellation_may_do(text):
    """Comparisons and logic, and (the server's code) conversions of numbers, choices, and anything in a list."""
    assert problems_of(cancel=[{"event": "c", "if": text}]) == []


def test_a_macro_over_a_list_is_named_once():
    assert "macros are disallowed (uses 'exists')" in problem_of(
        cancel=[{"event": "c", "if": "event.data.list.exists(i, i + 1 == 2)"}]
    )


def test_the_options_are_sorted():
    assert list(FLOW_CONTROL) == sorted(FLOW_CONTROL)
