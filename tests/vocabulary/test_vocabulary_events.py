"""Events, as they are sent and as they are seen."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inngest_testkit.errors import EventError, TestkitError
from inngest_testkit.events import SCHEDULED_TIMER, Event, to_event


@dataclass
class SdkEvent:
    """Shaped like the official SDK's event, which keeps 0 and empty text for what was not given."""

    name: str
    data: dict = field(default_factory=dict)
    id: str = ""
    ts: int = 0
    v: str | None = None


FULL = Event(name="user/signed.up", data={"id": 1}, user={"plan": "pro"}, id="evt", ts=17)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("user/signed.up",), Event(name="user/signed.up")),
        (("user/signed.up", {"id": 1}, {"plan": "pro"}, "evt", 17), FULL),
        (("n", {}, None, None, 0), Event(name="n", ts=0)),
        ((FULL,), FULL),
        (({"name": "user/signed.up", "data": {"id": 1}, "user": {"plan": "pro"}, "id": "evt", "ts": 17},), FULL),
        (({"name": "n", "data": None, "user": None, "id": None, "ts": None, "v": None},), Event(name="n")),
        (({"name": "n", "unknown": 1, "Data": 2},), Event(name="n")),
        ((MappingProxyType({"name": "n"}),), Event(name="n")),
        (({"name": "n", "v": "2", "id": "", "ts": 0},), Event(name="n", v="2", id="", ts=0)),
        ((SdkEvent("n"),), Event(name="n")),
        ((SdkEvent("n", {"id": 1}, "evt", 17, "2"),), Event(name="n", data={"id": 1}, id="evt", ts=17, v="2")),
    ],
)
def test_accepted_forms(given, expected):
    """A name with its parts, a whole event, a mapping, or an SDK's event."""
    assert to_event(*given) == expected


def test_a_whole_event_is_the_same():
    """An event passes as it is."""
    assert to_event(FULL) is FULL


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ("", "an event needs a name, a text such as 'user/signed.up', found ''"),
        ({}, "an event needs a name, a text such as 'user/signed.up', found {}"),
        ({"name": None}, "an event needs a name, a text such as 'user/signed.up', found {'name': None}"),
        ({"name": ""}, "an event needs a name, a text such as 'user/signed.up', found ''"),
        ({"name": 5}, "an event needs a name, a text such as 'user/signed.up', found 5"),
        ({"Name": "n"}, "an event needs a name, a text such as 'user/signed.up', found {'Name': 'n'}"),
        ({"name": "n", "data": [1]}, "event 'n': data must be an object (a mapping with text keys), found list: [1]"),
        ({"name": "n", "data": "x"}, "event 'n': data must be an object (a mapping with text keys), found str: 'x'"),
        ({"name": "n", "user": 1}, "event 'n': user must be an object (a mapping with text keys), found int: 1"),
        ({"name": "n", "id": 5}, "event 'n': id must be text, found int: 5"),
        ({"name": "n", "v": 2}, "event 'n': v must be text, found int: 2"),
        ({"name": "n", "ts": 1.5}, "event 'n': ts must be a whole number of milliseconds since 1970, found float: 1.5"),
        (
            {"name": "n", "ts": 1e3},
            "event 'n': ts must be a whole number of milliseconds since 1970, found float: 1000.0",
        ),
        (
            {"name": "n", "ts": "now"},
            "event 'n': ts must be a whole number of milliseconds since 1970, found str: 'now'",
        ),
        (
            {"name": "n", "ts": True},
            "event 'n': ts must be a whole number of milliseconds since 1970, found bool: True",
        ),
        (None, "expected an event (a name, an Event, a mapping, or a list of them), found NoneType: None"),
        (5, "expected an event (a name, an Event, a mapping, or a list of them), found int: 5"),
        (b"n", "expected an event (a name, an Event, a mapping, or a list of them), found bytes: b'n'"),
        ([["n"]], "expected an event (a name, an Event, a mapping, or a list of them), found list: [['n']]"),
    ],
)
def test_refusals(event, message):
    """What is no event is refused with the part, what it must be, and what was found."""
    with pytest.raises(EventError) as caught:
        to_event(event)
    assert str(caught.value) == message
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, TestkitError)


@pytest.mark.parametrize("whole", [FULL, {"name": "n"}, SdkEvent("n")])
@pytest.mark.parametrize("part", ["data", "user", "id", "ts"])
def test_parts_go_with_a_name_only(whole, part):
    """A whole event has its parts inside; beside it they are refused, also when they are empty."""
    value = {"data": {}, "user": {}, "id": "", "ts": 0}[part]
    with pytest.raises(EventError, match="data, user, id and ts go with an event's name"):
        to_event(whole, **{part: value})


def test_an_sdk_event_with_a_bad_name_is_refused():
    """An object whose name is no text is no event."""
    with pytest.raises(EventError, match="found SdkEvent"):
        to_event(SdkEvent(None))


def test_an_event_does_not_change():
    """Fields cannot be set, and null parts are empty objects."""
    with pytest.raises(FrozenInstanceError):
        FULL.name = "other"
    event = Event(name="n", data=None, user=None)
    assert (event.data, event.user) == ({}, {})


def test_receiving_fills_in_what_is_missing():
    """A missing id and ts are filled in; an empty id too, and a ts of 0 stays."""
    for id_ in (None, ""):
        received = Event(name="n", id=id_).received(id="new", ts=5)
        assert (received.id, received.ts) == ("new", 5)
    assert Event(name="n", ts=0, v="2").received(id="new", ts=5) == Event(name="n", id="new", ts=0, v="2")
    assert FULL.received(id="new", ts=5) == FULL


def test_receiving_makes_plain_values():
    """What is received is JSON, and no longer shares anything with what was sent."""
    data = {"at": datetime(2024, 1, 1, tzinfo=UTC), "parts": (1, 2), "n": 2**53 + 1}
    received = Event(name="n", data=data, user=data).received(id="i", ts=0)
    data["parts"] = None
    expected = {"at": "2024-01-01T00:00:00Z", "parts": [1, 2], "n": 2**53}
    assert received.data == received.user == expected


@pytest.mark.parametrize("part", ["data", "user"])
def test_receiving_names_the_culprit(part):
    """What JSON cannot hold is refused with the event, the part and the path."""
    with pytest.raises(EventError) as caught:
        Event(name="n", **{part: {"a": [{1}]}}).received(id="i", ts=0)
    assert str(caught.value) == (
        f"event 'n': {part}['a'][0] cannot be stored as JSON: a set has no order: return a sorted list"
    )


def test_what_steps_see():
    """Source: recordings/dag README, "Events in": five fields always, `v` only when not empty."""
    bare = {"data": {}, "id": "", "name": "n", "ts": 0, "user": {}}
    assert Event(name="n").to_dict() == bare
    assert list(Event(name="n").to_dict()) == sorted(bare)
    assert Event(name="n", v="").to_dict() == bare
    assert Event(name="n", v="2").to_dict() == {**bare, "v": "2"}
    assert FULL.to_json().value == FULL.to_dict()


def test_what_steps_do_to_an_event_stays_with_them():
    """The dictionary that a reader gets is its own."""
    FULL.to_dict()["data"]["id"] = 2
    assert FULL.data == {"id": 1}


def test_an_event_is_shown_by_name_and_data():
    """The representation is short."""
    assert repr(FULL) == "Event('user/signed.up', {'id': 1})"
    assert SCHEDULED_TIMER == "inngest/scheduled.timer"


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
OBJECTS = st.dictionaries(NAMES, st.none() | st.booleans() | st.integers(-(2**53), 2**53) | NAMES, max_size=4)


@settings(deadline=None, max_examples=100, derandomize=True, database=None)
@given(NAMES, OBJECTS, OBJECTS, NAMES, st.integers(0, 2**53), st.none() | NAMES)
def test_events_survive_the_way_through_json(name, data, user, id_, ts, v):
    """An event that is written as JSON and read again is the same."""
    event = Event(name=name, data=data, user=user, id=id_, ts=ts, v=v)
    assert Event.from_mapping(event.to_json().value) == event
    assert event.received(id="other", ts=0) == event
