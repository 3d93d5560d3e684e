"""Registered functions: which the server takes, what is wrong with the others, and what is read of them."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inngest_testkit.functions.app import plan_app_function
from inngest_testkit.functions.model import Trigger
from inngest_testkit.functions.options import FLOW_CONTROL
from inngest_testkit.sdk.registration import read_functions

from .registered import RECORDINGS, URL, function, problem_of, problems_of, recording, with_step

# Recorded requests that are refused for something else than the app's functions.
NOT_ABOUT_FUNCTIONS = {
    "not json": "the body cannot be read at all",
    "expects cloud": "a header asks for another kind of server",
}
# The log has a line once that comes twice in a row.
LOGGED_BEFORE = {"no steps": "two steps"}
REFUSED = "At least one function is invalid"


def played(name):
    """Give each registration of a recording's script: its case, its body and the reply."""
    content = recording(name)
    return [
        (action["case"], action["http"]["body"], reply["response"])
        for action, reply in zip(content["script"], content["http"], strict=True)
    ]


REGISTRATIONS = played("register")
CASES = {case: (body, reply) for case, body, reply in REGISTRATIONS if case not in NOT_ABOUT_FUNCTIONS}


# -- as recorded


@pytest.mark.parametrize("case", CASES)
def test_the_server_says_the_same(case):
    """A registration that was recorded is taken or refused as it was by the server."""
    body, reply = CASES[case]
    assert bool(problems_of(*body["functions"], app_id=body["appname"])) == (reply["status"] != 200)


def test_the_cases_left_out_are_not_about_functions():
    """What is left out was refused, in words that none of the compared cases has."""
    left_out = {case: reply for case, _, reply in REGISTRATIONS if case in NOT_ABOUT_FUNCTIONS}
    assert left_out.keys() == NOT_ABOUT_FUNCTIONS.keys()
    assert {case: reply["body"]["error"] for case, reply in left_out.items()} == {
        "not json": "Invalid request: unexpected EOF",
        "expects cloud": "Expected server kind dev, got cloud",
    }
    assert len(CASES) == len(REGISTRATIONS) - len(left_out) == 80


def logged_reasons():
    """Give the first words that the server logged for each refused case, in the order of the cases."""
    logged = [entry["error"] for entry in recording("register")["server_log"]]
    unlogged = {"expects cloud", *LOGGED_BEFORE}
    refused = [case for case, _, reply in REGISTRATIONS if reply["status"] != 200 and case not in unlogged]
    reasons = {}
    for case, entry in zip(refused, logged, strict=True):
        text = entry.partition(" errors occurred: * ")[2] or entry
        reasons[case] = re.split(r": ERROR|: time:|: validation failed| \* ", text)[0]
    return reasons | {case: reasons[before] for case, before in LOGGED_BEFORE.items()}


@pytest.mark.parametrize("case", [case for case, (_, reply) in CASES.items() if reply["status"] != 200])
def test_a_problem_has_the_words_of_the_server(case):
    """The words that the server answers or logs are in the problem, so that a search for them helps."""
    body, reply = CASES[case]
    error = reply["body"]["error"]
    words = logged_reasons()[case] if error == REFUSED else error.removeprefix("Invalid request: ")
    assert words in "\n".join(problems_of(*body["functions"], app_id=body["appname"]))


@pytest.mark.parametrize("name", sorted(path.stem for path in RECORDINGS.glob("*.json")))
def test_what_the_sdk_registered_is_read(name):
    """Every app that was recorded registers, as it did on the server, and its functions can be planned."""
    registered = [call for call in recording(name)["sdk_calls"] if call["path"] == "/fn/register"]
    assert registered
    for call in registered:
        assert call["response"]["body"]["ok"]
        body = call["body"]
        read = read_functions(body["appname"], body["functions"])
        assert [each.id for each in read] == [config["id"] for config in body["functions"]]
        assert [plan_app_function(each).function for each in read] == list(read)


# -- what is read


def test_a_function_is_read():
    """A function keeps its id, its name, its triggers in order, its retries and its whole configuration."""
    config = with_step(retries={"attempts": 2})
    config["triggers"] = [
        {"event": "go", "expression": "event.data.n > 1"},
        {"cron": "0 9 * * *"},
        {"cron": "0 6 * * *", "jitter": "30s"},
    ]
    (read,) = read_functions("shop", [config])
    assert (read.id, read.app_id, read.name, read.retries) == ("shop-a", "shop", "a", 2)
    assert read.triggers == (
        Trigger(event="go", expression="event.data.n > 1"),
        Trigger(cron="0 9 * * *"),
        Trigger(cron="0 6 * * *", jitter="30s"),
    )
    assert read.config == config


def test_an_app_may_have_no_functions():
    assert read_functions("shop", []) == ()


@pytest.mark.parametrize(
    ("fields", "retries"),
    [
        ({}, None),
        ({"retries": None}, None),
        ({"retries": {"attempts": 0}}, 0),
        ({"retries": {}}, 0),
        ({"retries": {"attempts": 21}}, 21),
        ({"retries": {"attempts": -1}}, -1),
    ],
)
def test_retries_are_kept_as_they_were_asked_for(fields, retries):
    """Cutting them to what is allowed is the function's own business."""
    (read,) = read_functions("shop", [with_step(**fields)])
    assert read.retries == retries


def test_the_retries_of_a_function_are_for_a_step_that_has_none():
    (read,) = read_functions("shop", [function(retries=3)])
    assert read.retries == 3
    (read,) = read_functions("shop", [{**with_step(retries={"attempts": 1}), "retries": 3}])
    assert read.retries == 1


def test_without_an_id_the_name_is_it():
    """The server makes an id of the name, in lower case and with dashes."""
    (read,) = read_functions("shop", [function(id="", name="Sync CRM!")])
    assert read.id == "sync-crm"


def test_the_last_function_of_an_id_counts():
    read = read_functions("shop", [function(name="one"), function(id="shop-b"), function(name="two")])
    assert [(each.id, each.name) for each in read] == [("shop-a", "two"), ("shop-b", "a")]


# -- problems


def test_every_problem_of_every_function_is_listed():
    """One error has them all, in the order of the configuration; functions in order are not in it."""
    found = problems_of(
        function(id="shop-one", triggers=[{"event": "go"}, {"cron": "@daily"}, {}], debounce={"period": "500ms"}),
        function(id="shop-two"),
        function(id="shop-three", name="", rateLimit={"limit": 0, "period": "25h"}),
        app_id="",
    )
    starts = [
        "App ID required; give the app an id, such as 'shop'",
        "function 'shop-one', trigger 2, cron: '@daily' isn't a valid cron schedule: it has 1 field. Write five fields",
        "function 'shop-one', trigger 3: A trigger must supply an event name or a cron schedule; write {",
        "function 'shop-one', debounce.period: The debounce period of '500ms' is less than the min of: 1s; write at",
        "function 'shop-three', name: A function name is required; write a name as text",
        "function 'shop-three', rateLimit.limit: limit must be greater than 0: 0 is too small, write 1 or more",
        "function 'shop-three', rateLimit.period: period must be less than 24h0m0s; found '25h', write at most '24h'",
    ]
    assert [each[: len(start)] for each, start in zip(found, starts, strict=True)] == starts


def test_functions_without_an_id_of_their_own_have_numbers():
    found = problems_of(function(name=""), function(id=""), function(id=None, name=""), function(name=""), 5)
    assert [each.partition(": ")[0] for each in found] == [
        "function 'shop-a' (number 1), name",
        "function number 3, which has no id, name",
        "function 'shop-a' (number 4), name",
        "function number 5, which has no id",
    ]
    assert found[-1].endswith("expected an object, found 5; write the function's configuration")


def test_a_problem_of_an_expression_shows_where():
    assert problem_of(triggers=[{"event": "go"}, {"event": "go", "expression": "foo.bar == 1"}]) == (
        "trigger 2, expression: invalid trigger expression on 'go': error compiling expression: "
        "undeclared reference to 'foo': quote it if it is text ('foo'); declared names: 'async', 'event' at 1:1\n"
        " | foo.bar == 1\n"
        " | ^"
    )


PLACES = {
    "name": ({"name": 5}, "name: expected text, found 5; write it in quotes"),
    "triggers": ({"triggers": "go"}, "triggers: expected a list, found 'go'; write [...] around it"),
    "trigger": ({"triggers": ["go"]}, "trigger 1: expected an object, found 'go'; write {...} with its fields"),
    "no event": (
        {"triggers": [{"expression": "true"}]},
        "trigger 1, event: An event trigger must specify an event name",
    ),
    "null event": ({"triggers": [{"event": None}]}, "trigger 1, event: An event trigger must specify an event name"),
    "long event": (
        {"triggers": [{"event": "é" * 128}]},
        "trigger 1, event: event name is too long. maximum length is 255",
    ),
    "event kind": ({"triggers": [{"event": 5}]}, "trigger 1, event: expected text, found 5"),
    "both": ({"triggers": [{"event": "a", "jitter": "1s"}]}, "trigger 1: A trigger cannot have both"),
    "empty cron": ({"triggers": [{"cron": ""}]}, "trigger 1, cron: '' isn't a valid cron schedule; write five fields"),
    "jitter": (
        {"triggers": [{"cron": "* * * * *", "jitter": "6m"}]},
        "trigger 1, jitter: cron jitter must be at least 1s",
    ),
    "jitter text": (
        {"triggers": [{"cron": "* * * * *", "jitter": "soon"}]},
        "trigger 1, jitter: 'soon' isn't a valid jitter duration: 'soon' is not a duration",
    ),
    "empty expression": (
        {"triggers": [{"event": "a"}, {"event": "a", "expression": ""}]},
        "trigger 2, expression: invalid trigger expression on 'a': error compiling expression",
    ),
    "same event": (
        {"triggers": [{"event": "b"}, {"event": "a"}, {"event": "a"}]},
        "trigger 3: duplicate trigger event: a; it is that of trigger 2; remove one of them, or let their expressions",
    ),
    "same expression": (
        {"triggers": [{"event": "a", "expression": "true"}, {"event": "a", "expression": "true"}]},
        "trigger 2: duplicate trigger event: a; it is that of trigger 1",
    ),
    "same cron": (
        {"triggers": [{"cron": "0 9 * * *"}, {"cron": "0 9 * * *", "jitter": "2s"}]},
        "trigger 2: duplicate cron expression: 0 9 * * *; it is that of trigger 1; remove one of them",
    ),
    "steps kind": ({"steps": "x"}, "steps: expected an object, found 'x'"),
    "step kind": ({"steps": {"step": 5}}, "step 'step': expected an object, found 5"),
    "step name": ({"steps": {"s": {"runtime": {"url": URL}}}}, "step 's', name: All steps must have a name"),
    "url kind": (
        {"steps": {"s": {"name": "s", "runtime": {"url": 5}}}},
        "step 's', runtime.url: No SDK URL provided for function 'a'; found 5, write the app's address",
    ),
    "url scheme": (
        {"steps": {"s": {"name": "s", "runtime": {"url": "ftp://a"}}}},
        "step 's', runtime.url: Non-supported step schema: ftp; found 'ftp://a', write one of http, https, ws, wss",
    ),
    "url": (
        {"steps": {"s": {"name": "s", "runtime": {"url": "http://["}}}},
        "step 's', runtime.url: Steps must have a valid URI; found 'http://['",
    ),
}


@pytest.mark.parametrize("case", PLACES)
def test_a_problem_names_place_finding_and_remedy(case):
    fields, text = PLACES[case]
    assert problem_of(**fields).startswith(text)


@pytest.mark.parametrize(
    "triggers",
    [
        None,
        [{"event": "a"}, {"event": "a", "expression": "true"}, {"event": "a", "expression": "event.id == ''"}],
        [{"cron": "* * * * *", "jitter": "5m"}, {"cron": "*/2 * * * *", "jitter": " "}],
        [{"event": "é" * 127}, {"event": "x" * 255}],
    ],
)
def test_what_the_server_takes_is_taken(triggers):
    """Not recorded, but in the server's code: null is left out, and odd triggers that it does not look at."""
    assert problems_of(function(triggers=triggers)) == []


# -- anything at all

FIELDS = (
    "id name triggers event expression cron jitter steps step runtime url retries attempts limit period key scope fn "
    "mode burst timeout maxSize if run start finish cancel timeouts"
)
NAMES = st.sampled_from([*FIELDS.split(), *FLOW_CONTROL])
WORDS = st.sampled_from(["", "a", "go", "5s", "x", "event.id", "event.data.(", "* * * * *", "fn", "env", "skip", URL])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)
TYPICAL = {
    "triggers": [{"event": "go"}, {"cron": "* * * * *"}],
    "concurrency": [{"limit": 1, "key": "event.id", "scope": "env"}],
    "batchEvents": {"maxSize": 2, "timeout": "1s"},
    "rateLimit": {"limit": 1, "period": "1s"},
    "cancel": [{"event": "c", "if": "event.id == async.id"}],
}


@st.composite
def configurations(draw):
    """Make a configuration of which a few parts are replaced by anything."""
    config = function(**draw(st.sampled_from([{}, *({key: value} for key, value in TYPICAL.items())])))
    config = json.loads(json.dumps(config))
    for _ in range(draw(st.integers(0, 3))):
        at, key = config, draw(NAMES)
        while isinstance(at, dict) and at and draw(st.booleans()):
            key = draw(st.sampled_from(sorted(at, key=str)))
            at = at[key] if isinstance(at[key], dict) else at
        at[key] = draw(VALUES)
    return config


@given(st.lists(configurations() | VALUES, max_size=3), st.sampled_from(["", "shop"]))
def test_any_configuration_is_read_or_refused(configs, app_id):
    """Whatever JSON holds either is read, and then can be planned, or gives problems that each name a place."""
    problems = problems_of(*configs, app_id=app_id)
    assert all(re.match(r"(App ID|function ['\"n])", problem) for problem in problems)
    for each in read_functions(app_id, configs) if not problems else ():
        assert plan_app_function(each).function is each
        assert each.max_attempts >= 1
