"""A project of functions on disk, and the command line run in this process."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass

import pytest

from inngest_testkit import Engine
from inngest_testkit.api.server import LiveServer
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


@dataclass(frozen=True)
class CoreApi:
    """A server that functions are deployed to; `versions` shows a function's, by number and whether they are live."""

    engine: Engine
    url: str

    def versions(self, function_id: str) -> list[tuple[int, bool]]:
        history = self.engine._core.data._functions.get(function_id, ())
        return [(version.version, version.is_live) for version in history]


@pytest.fixture
def core_api():
    engine = Engine()
    with LiveServer(engine) as server:
        yield CoreApi(engine, server.url)


DOCKER_SCRIPT = """\
#!/bin/sh
# Notes how it was called; builds what has a Dockerfile that does not say FAIL.
echo "docker $*" >> "{log}"
case "$*" in
"buildx ls") echo "default docker linux/amd64"; exit {buildx} ;;
push*) exit {push} ;;
tag*) exit 0 ;;
esac
for folder; do :; done
echo "#5 [internal] load build definition"
echo "#6 [1/2] FROM base"
echo "#7 [2/2] COPY . ."
if grep -q FAIL "$folder/Dockerfile" 2>/dev/null; then echo "error: cannot copy"; exit 3; fi
"""


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """Put a docker on the path that only notes how it is called; `docker(...)` sets what its commands end with."""
    folder, log = tmp_path / "bin", tmp_path / "docker.log"
    folder.mkdir()

    def install(*, buildx: int = 0, push: int = 0):
        script = folder / "docker"
        script.write_text(DOCKER_SCRIPT.format(log=log, buildx=buildx, push=push))
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        return lambda: log.read_text().splitlines() if log.exists() else []

    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return install


@pytest.fixture
def no_docker(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))


@pytest.fixture(autouse=True)
def _a_plain_environment(monkeypatch):
    """What says where functions are deployed to, and as what, is not that of whoever runs the tests."""
    for name in ("ENV", "NODE_ENV", "ENVIRONMENT", "INNGEST_REGISTRY", "INNGEST_CONFIG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def called(project):
    """A function whose step is called at an address."""
    return project("hello", [{"event": "app/hello"}], step("greet", runtime={"type": "http", "url": "http://x.test/"}))


@pytest.fixture
def contained(payment):
    """The function `payment`, whose steps run in containers, with their folders."""
    for name in ("charge", "receipt"):
        (payment.parent / name).mkdir()
        (payment.parent / name / "Dockerfile").write_text("FROM base")
    return payment
