from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys

import pytest

from inngest_testkit.cli.generate import make_events
from inngest_testkit.clock import DEFAULT_START
from inngest_testkit.errors import EventError
from inngest_testkit.functions.model import EventDefinition, Function, Step, on_event

# Numbers only: the first text costs hypothesis a second.
CUE = "{paid: bool, total: int}"
SCHEMA = {
    "type": "object",
    "properties": {"paid": {"const": True}, "total": {"type": "integer", "minimum": 1}},
    "required": ["paid", "total"],
}
STEP = {"id": "charge", "name": "charge", "path": "file://.", "runtime": {"type": "docker"}}


@pytest.fixture
def defined(project):
    """A function whose trigger has a definition."""
    definition = {"format": "cue", "synced": False, "def": CUE}
    return project("payment", [{"event": "order/placed", "definition": definition}], STEP)


def function(*triggers):
    return Function("f", *triggers, steps=[Step("s", lambda: 1)])


def made(*triggers, seed=0):
    return [each.event for each in make_events([function(*triggers)], seed, DEFAULT_START)]


def defined_by(content, *, form="cue", if_=None):
    return on_event("order/placed", if_=if_, definition=EventDefinition(form, content))


def test_an_event_is_made_from_the_definition_and_told(cli, defined):
    ended = cli("run", defined, "--mock", "charge=1", "--json")
    sent = json.loads(ended.err.partition("sending ")[2].partition(" (made from")[0])
    assert ended.err.endswith("(made from the definition in payment, seed 0)\n")
    assert ended.json["runs"][0]["events"][0]["data"] == sent["data"]
    assert set(sent["data"]) == {"paid", "total"}


def test_the_first_seed_makes_the_simplest_event():
    assert [dict(event.data) for event in made(defined_by(CUE))] == [{"paid": False, "total": 0}]


def test_other_seeds_make_other_events():
    assert len({repr(made(defined_by(CUE), seed=seed)) for seed in range(6)}) > 3


def test_a_seed_makes_the_same_event_in_every_process(defined):
    command = [sys.executable, "-m", "inngest_testkit.cli", "run", str(defined), "--json", "--seed", "3"]
    shown = [
        subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONHASHSEED": number}
        ).stdout
        for number in ("1", "2")
    ]
    assert shown[0] == shown[1]
    assert set(json.loads(shown[0])["runs"][0]["events"][0]["data"]) == {"total", "paid"}


def test_hypothesis_keeps_its_tables_with_the_user_and_not_in_the_working_folder(cache_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made(defined_by(CUE), seed=2)
    assert list(tmp_path.iterdir()) == []
    assert (cache_folder / "inngest-testkit" / "hypothesis").is_dir()


def test_an_event_is_sought_for_which_the_condition_is_true():
    (event,) = made(defined_by(CUE, if_="event.data.total > 3.0"), seed=1)
    assert event.data["total"] > 3


def test_without_such_an_event_any_will_do():
    (event,) = made(defined_by(CUE, if_="event.data.total == 0.5"))
    assert event.name == "order/placed"


def test_a_trigger_that_asks_nothing_takes_the_event_of_one_that_does():
    events = made(on_event("a"), on_event("a", if_="event.data.x == 1.0"), on_event("b"), on_event("b"))
    assert [event.name for event in events] == ["a", "b"]


def test_a_definition_that_cannot_be_read_is_an_error_with_the_remedy():
    with pytest.raises(EventError, match=r"^no event 'order/placed' can be made for function 'f': .* --event$"):
        made(defined_by("{a: string | int}"))


def test_a_json_schema_describes_the_event():
    (each,) = make_events([function(defined_by(SCHEMA, form="json-schema"))], 0, DEFAULT_START)
    assert each.event.data["total"] >= 1
    assert each.event.data["paid"] is True


def test_whatever_the_libraries_raise_ends_in_an_empty_event_and_a_note(monkeypatch):
    def broken(_):
        raise AttributeError("'many' object has no attribute 'more'")

    monkeypatch.setattr(importlib.import_module("inngest_testkit.testing.strategies"), "events_for", broken)
    (each,) = make_events([function(defined_by(CUE))], 0, DEFAULT_START)
    assert each.event.data == {}
    assert each.how == (
        "with empty data, since its definition could not be used: AttributeError: 'many' object has no attribute 'more'"
    )


def test_without_hypothesis_the_event_is_empty_and_the_note_says_what_to_install(cli, defined, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("inngest_testkit.testing")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    ended = cli("run", defined, "--mock", "charge=1")
    assert ended.status == 0
    assert (
        'sending {"name": "order/placed"} (with empty data: inngest_testkit.testing.strategies needs the extra '
        "[hypothesis]: pip install 'inngest-testkit[hypothesis]')" in ended.err
    )
