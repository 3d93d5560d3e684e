"""Two functions together: one fans out and joins, and starts the other by an event."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from runpy import run_path

import pytest

from inngest_testkit import Engine, RunStatus

module = run_path(str(Path(__file__).with_name("contacts.py")))
NAMES = ["Ann", "Bob", "Greta", "Tim", "Zoe"]


@pytest.fixture
def engine(inngest_engine: Engine) -> Engine:
    inngest_engine.register(module["import_contacts"], module["thank_user"])
    return inngest_engine


def test_the_report_adds_up_all_parts(engine):
    run = engine.send("contacts/uploaded", {"names": NAMES}).run
    assert run.output == {"total": 5}


def test_the_report_waits_for_the_slowest_part(engine):
    engine.mock("import-contacts", "import-a-f", takes="10m")
    engine.mock("import-contacts", "import-t-z", takes="1h")
    run = engine.send("contacts/uploaded", {"names": NAMES}).run
    engine.run_until_complete(run)
    assert run.steps["report"].started_at - run.started_at == timedelta(hours=1)


def test_the_other_function_hears_of_the_import_once(engine):
    engine.send("contacts/uploaded", {"names": NAMES})
    (event,) = engine.events("contacts/imported")
    (run,) = engine.runs(function="thank-user")
    assert event.data == {"total": 5}
    assert run.output == "5 contacts imported"


def test_a_part_that_fails_for_good_leaves_the_report_out(engine):
    engine.mock("import-contacts", "import-n-s", raises=OSError("disk full"))
    run = engine.send("contacts/uploaded", {"names": NAMES}).run
    engine.run_until_complete(run)
    assert run.status is RunStatus.FAILED
    assert "its parent 'import-n-s' failed: OSError: disk full" in run.why_not("report")
    assert engine.events("contacts/imported") == []


def test_an_empty_upload_starts_nothing(engine):
    assert not engine.send("contacts/uploaded", {"names": []}).runs
