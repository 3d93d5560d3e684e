"""A function's configuration is written as it is read."""

from __future__ import annotations

import json

import inngest
import pytest
from hypothesis import given

from inngest_testkit import Function, Step, after, on_cron, on_event
from inngest_testkit.functions import docker, http
from inngest_testkit.functions.encode import encode_function
from inngest_testkit.functions.loader import load_functions, parse_function
from inngest_testkit.functions.model import DockerRuntime, EventDefinition
from inngest_testkit.testing import strategies as st
from tests.properties.profile import law

URL = http("http://steps.test/a")


def read_again(function):
    return parse_function(json.dumps(encode_function(function)), shown="again")


def elsewhere(function):
    """The same function, whose steps are called at an address."""
    steps = [Step(step.id, runtime=URL, after=step.after, name=step.name, path=step.path) for step in function.steps]
    return Function(function.id, *function.triggers, steps=steps, name=function.name)


@law(examples=100)
@given(st.functions(crons=["0 6 * * *"]))
def test_any_function_is_read_back_the_same(function):
    assert read_again(elsewhere(function)) == elsewhere(function)


@pytest.mark.parametrize(
    "function",
    [
        Function("a", on_event("e", if_="event.data.x == 1"), steps=[Step("s", runtime=docker("file://s"))], name="A"),
        Function("a", on_cron("0 6 * * *", jitter="30s"), steps=[Step("s", runtime=URL, version="1.2", path="p")]),
        Function("a", on_event("e"), steps=[Step("s", runtime=DockerRuntime("run me"), path="file://x")]),
        Function(
            "a",
            on_event("e", definition=EventDefinition("json-schema", {"type": "object"}, synced=True)),
            on_event("f", definition=EventDefinition("cue", "{id: string}")),
            steps=[Step("s", runtime=URL), Step("t", runtime=URL), Step("u", runtime=URL, after=after(["s", "t"]))],
        ),
        Function(
            "a",
            on_event("e"),
            steps=[Step("s", runtime=URL)],
            concurrency=[{"limit": 2, "key": "event.data.id"}, 5],
            batch_events={"maxSize": 10, "timeout": "5s"},
            idempotency="event.data.id",
        ),
    ],
    ids=["docker", "cron", "entrypoint", "definitions", "flow control"],
)
def test_each_part_is_read_back_the_same(function):
    assert read_again(function) == function


def test_options_of_the_sdk_are_written_as_they_are_registered():
    from datetime import timedelta

    throttle = inngest.Throttle(limit=3, period=timedelta(minutes=1))
    function = Function("a", on_event("e"), steps=[Step("s", runtime=URL)], throttle=throttle)
    written = encode_function(function)["throttle"]
    assert (written["limit"], written["period"]) == (3, "1m")


def test_a_callable_is_written_as_the_place_where_it_runs():
    steps = encode_function(Function("a", on_event("e"), steps=[Step("s", print), Step("t")]))["steps"]
    assert steps["s"]["runtime"] == {"type": "python"}
    assert "runtime" not in steps["t"]


def test_a_definition_from_a_file_is_written_with_its_text(tmp_path):
    (tmp_path / "event.json").write_text('{"type": "object"}')
    definition = {"format": "json-schema", "synced": False, "def": "file://event.json"}
    step = {"id": "s", "name": "s", "runtime": {"type": "http", "url": "http://x.test"}}
    config = {"id": "a", "name": "a", "triggers": [{"event": "e", "definition": definition}], "steps": {"s": step}}
    (tmp_path / "inngest.json").write_text(json.dumps(config))
    [loaded] = load_functions(tmp_path)
    (trigger,) = encode_function(loaded.function)["triggers"]
    assert trigger["definition"]["def"] == {"type": "object"}
