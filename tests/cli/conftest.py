"""A project of functions on disk, and the command line run in this process."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from inngest_testkit.cli import main

DOCKER = {"type": "docker"}


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _keep_caches_out_of_the_home(cache_folder, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache_folder))
    monkeypatch.delenv("HYPOTHESIS_STORAGE_DIRECTORY", raising=False)


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def cli(capsys, monkeypatch):
    """Run the command line as if piped; gives status, stdout and stderr."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: object) -> Ended:
        capsys.readouterr()
        status = main([str(each) for each in arguments])
        captured = capsys.readouterr()
        return Ended(status, captured.out, captured.err)

    return run


def step(name: str, *after: dict[str, object], runtime: dict[str, str] | None = None) -> dict[str, object]:
    return {
        "id": name,
        "name": name,
        "path": f"file://{name}",
        "runtime": runtime or DOCKER,
        **({"after": list(after)} if after else {}),
    }


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The working folder; `project(id, triggers, steps)` writes a function into its folder `functions`."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, triggers: list[dict[str, object]], *steps: dict[str, object]):
        folder = tmp_path / "functions" / name
        folder.mkdir(parents=True, exist_ok=True)
        function = {"id": name, "name": name, "triggers": triggers, "steps": {each["id"]: each for each in steps}}
        (folder / "inngest.json").write_text(json.dumps(function))
        return folder / "inngest.json"

    return write


@pytest.fixture
def payment(project):
    """A function with a chain and a condition."""
    return project(
        "payment",
        [{"event": "order/placed"}],
        step("charge"),
        step("receipt", {"step": "charge", "if": "response.paid == true"}),
    )


@pytest.fixture
def drip(project):
    """A function that waits for days, for an event or its time-out."""
    login = {"event": "user/logged.in", "match": "async.data.id == event.data.id", "ttl": "3d"}
    return project(
        "drip",
        [{"event": "user/signed.up", "expression": "event.data.plan != 'internal'"}],
        step("welcome"),
        step("tips", {"step": "welcome", "async": login}),
        step("reminder", {"step": "welcome", "async": {**login, "onTimeout": True}}),
    )


@pytest.fixture
def nightly(project):
    """A function with a schedule only."""
    return project("nightly", [{"cron": "0 6 * * *"}], step("collect"))
