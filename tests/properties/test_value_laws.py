"""A JSON value that crosses the boundary of the state store is the JSON that it was."""

from __future__ import annotations

import json

from hypothesis import given

from inngest_testkit import Engine, Function, Step, on_event
from inngest_testkit.testing.strategies import json_objects, json_values
from inngest_testkit.values import decode, encode
from tests.numbers_kept import kept

from .profile import law


def same(one, two):
    """Whether two values are the same JSON, type for type, order of keys included; 1.0 is kept as 1."""
    return repr(kept(one)) == repr(kept(two))


@law(examples=150)
@given(json_values())
def test_values_cross_the_boundary(value):
    """A step's output reaches the next step, and the test, as the JSON that it is."""
    seen = []
    engine = Engine()
    steps = [Step("make", lambda: value), Step("look", lambda steps: seen.append(steps["make"]), after="make")]
    engine.register(Function("f", on_event("go"), steps=steps))
    run = engine.send("go").run
    assert same(seen, [value])
    assert same(run.steps["make"].output, value)


@law(examples=100)
@given(json_objects())
def test_events_cross_the_boundary(data):
    """An event's data reach the run, its steps and the test as the JSON that they are."""
    seen = []
    engine = Engine()
    engine.register(Function("f", on_event("go"), steps=[Step("look", lambda event: seen.append(event.data))]))
    run = engine.send("go", data, user=data).run
    assert same([dict(each) for each in seen], [data])
    assert same(dict(run.events[0].data), data)
    assert same(dict(run.events[0].user), data)
    assert same(dict(engine.events()[0].data), data)


@law(examples=150)
@given(json_values(max_leaves=20))
def test_encoding_is_json(value):
    """What is encoded is JSON to other readers, and decoding and encoding again change no byte."""
    encoded = encode(value)
    assert same(json.loads(encoded.raw), value)
    assert same(decode(encoded.raw), value)
    assert encode(encoded.value) == encoded


@law(examples=60)
@given(json_objects())
def test_what_a_reader_changes_no_other_sees(data):
    """Each reader of a value has a copy of its own."""
    engine = Engine()
    engine.register(Function("f", on_event("go"), steps=[Step("make", lambda: {"data": data})]))
    run = engine.send("go").run
    run.steps["make"].output["data"].clear()
    assert same(run.steps["make"].output, {"data": data})
