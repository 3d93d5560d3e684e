"""`serve`: services as processes, which a deployment and events reach from outside."""

from __future__ import annotations

import json
import logging
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from threading import Event, Thread
from wsgiref.simple_server import make_server

import httpx
import pytest

from inngest_testkit.cli.app import EXAMPLES
from tests.servers import listening

from .conftest import step

ALL = ("event-api", "runner", "executor", "core-api")


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Served:
    """A process of `serve`: what it logged, and where it listens."""

    def __init__(self, process):
        self.process, self.lines = process, []
        self._reader = Thread(target=self._read)
        self._reader.start()

    def _read(self):
        with self.process.stderr:
            for line in self.process.stderr:
                self.lines.append(json.loads(line) if line.startswith("{") else {"message": line})

    def has(self, message):
        return next((line for line in self.lines if line["message"] == message), None)

    def wait_for(self, message, seconds=30):
        end = time.monotonic() + seconds
        while (line := self.has(message)) is None:
            assert time.monotonic() < end, self.lines
            assert self._reader.is_alive() or self.has(message), self.lines
            time.sleep(0.005)
        return line

    def stop(self, *signals):
        for each in signals or (signal.SIGTERM,):
            self.process.send_signal(each)
        return self.ended()

    def ended(self):
        """Wait for the end; return the exit status."""
        status = self.process.wait(30)
        self._reader.join()
        return status


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Start services; their configuration is that of a file `inngest.cue` in the working folder, on free ports."""
    monkeypatch.chdir(tmp_path)
    ports = {"event": free_port(), "core": free_port()}

    @contextmanager
    def start(*arguments, more=""):
        (tmp_path / "inngest.cue").write_text(
            f'eventAPI: {{addr: "127.0.0.1", port: {ports["event"]}}}\n'
            f'coreAPI: {{addr: "127.0.0.1", port: {ports["core"]}}}\n{more}\n'
        )
        command = [sys.executable, "-m", "inngest_testkit.cli", "serve", *arguments]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env)
        served = Served(process)
        served.events, served.core = (f"http://127.0.0.1:{ports[name]}" for name in ("event", "core"))
        try:
            yield served
        finally:
            if process.poll() is None:
                process.kill()
            served.ended()

    return start


@pytest.fixture(autouse=True)
def _logs_as_they_were():
    loggers = [logging.getLogger(name) for name in ("inngest_testkit", "uvicorn")]
    before = [(logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


def send(served, key="key"):
    return httpx.post(f"{served.events}/e/{key}", json={"name": "app/hello", "data": {}})


def answering(body=b'{"greeted": true}', gate=None):
    """An app whose steps answer, when a gate is open."""

    def app(_, start):
        if gate is not None:
            entered, leave = gate
            entered.set()
            leave.wait(30)
        start("200 OK", [("content-type", "application/json"), ("content-length", str(len(body)))])
        return [body]

    return app


def deploy(cli, project, served, url):
    project("hello", [{"event": "app/hello"}], step("greet", runtime={"type": "http", "url": url}))
    ended = cli("deploy", "functions", "--api-url", served.core)
    assert ended.status == 0, ended.err


def test_a_deployed_function_runs_when_its_event_arrives(cli, project, serve):
    with listening(answering()) as url, serve(*ALL, more="execution: logOutput: true") as served:
        served.wait_for("core-api listens")
        served.wait_for("event-api listens")
        deploy(cli, project, served, url)
        (event_id,) = send(served).json()["ids"]
        completed = served.wait_for("run completed")
        assert completed["function_id"] == "hello"
        assert served.has("event received")["event_id"] == event_id
        assert served.has("step completed")["output"] == {"status": 200, "body": {"greeted": True}}
        assert served.stop(signal.SIGINT) == 0
        assert served.has("stopped")["runs_not_over"] == 0


def test_a_service_that_is_not_named_does_not_work(serve):
    with serve("event-api") as served:
        served.wait_for("event-api listens")
        warned = [line["message"] for line in served.lines if line["level"] == "warn"]
        assert [message.partition(":")[0] for message in warned] == ["event-api without runner"]
        assert send(served).status_code == 200
        with pytest.raises(httpx.ConnectError):
            httpx.get(served.core)
        assert served.stop() == 0
        told = served.has("stopped; what is not over is lost, since it is in this process's memory")
        assert told["events_not_handled"] == 1


@contextmanager
def stopping_in_a_step(cli, project, serve, number):
    """A process that was told to stop by a signal in the middle of a step, and the event that lets the step end."""
    entered, leave = Event(), Event()
    with listening(answering(gate=(entered, leave))) as url, serve(*ALL) as served:
        served.wait_for("core-api listens")
        deploy(cli, project, served, url)
        send(served)
        assert entered.wait(30)
        served.process.send_signal(number)
        served.wait_for("stopping; requests and steps under way have 10 s to end")
        yield served, leave


def test_what_is_under_way_may_end_when_it_stops(cli, project, serve):
    with stopping_in_a_step(cli, project, serve, signal.SIGTERM) as (served, leave):
        leave.set()
        assert served.ended() == 0
        assert served.has("stopped")
        assert served.has("run completed")


def test_a_second_signal_ends_it_at_once(cli, project, serve):
    with stopping_in_a_step(cli, project, serve, signal.SIGINT) as (served, leave):
        began = time.monotonic()
        assert served.stop(signal.SIGINT) == 0
        assert time.monotonic() - began < 8
        leave.set()
        told = served.has("stopped; what is not over is lost, since it is in this process's memory")
        assert (told["steps_given_up"], told["runs_not_over"]) == (1, 1)


def test_a_runtime_without_a_driver_fails_its_steps(cli, project, serve):
    with serve(*ALL, more='execution: drivers: docker: name: "docker"') as served:
        served.wait_for("core-api listens")
        deploy(cli, project, served, "http://127.0.0.1:9/")
        send(served)
        failed = served.wait_for("step failed")
        assert failed["error"]["message"] == "step 'greet' runs in 'http': execution.drivers leaves it out"
        assert served.has("steps of the runtime docker fail: this version has no driver for it")["level"] == "warn"


def test_keys_are_asked_for_where_the_configuration_says_so(cli, serve):
    with serve("event-api", "core-api", more="eventAPI: requireKeys: true") as served:
        served.wait_for("core-api listens")
        served.wait_for("event-api listens")
        assert send(served).status_code == 401
        made = cli("keys", "create", "webshop", "--json", "--api-url", served.core).json
        assert send(served, made["key"]).status_code == 200
        served.stop()
        assert made["key"] not in json.dumps(served.lines)


def test_events_over_the_size_are_refused(serve):
    with serve("event-api", more="eventAPI: maxSize: 1024") as served:
        served.wait_for("event-api listens")
        large = {"name": "a", "data": {"text": "x" * 2000}}
        assert httpx.post(f"{served.events}/e/key", json=large).status_code == 413


@pytest.mark.parametrize("level", ["error", "debug"])
def test_the_level_says_what_is_logged(serve, level):
    with serve("event-api", more=f'log: level: "{level}"') as served:
        end = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"{served.events}/health")
                break
            except httpx.ConnectError:
                assert time.monotonic() < end
                time.sleep(0.01)
        served.stop()
        assert bool(served.lines) == (level == "debug")


@pytest.mark.parametrize("example", EXAMPLES["serve"])
def test_the_examples_of_the_help_start(serve, example):
    with serve(*shlex.split(example)[2:]) as served:
        assert served.wait_for("starting services")["configuration"] == "inngest.cue"
        served.wait_for("event-api listens")
        assert served.stop() == 0


@pytest.mark.parametrize(
    ("arguments", "text", "message"),
    [
        ([], "", "name at least one service to start, of event-api, runner, executor, core-api"),
        (["event-ap"], "", "there is no service 'event-ap'; known services: "),
        (["runner", "-c", "nothing.cue"], "", "there is no configuration file 'nothing.cue'"),
        (["runner"], "log: 1\nqueue: 2", "2 problems in the configuration:\ninngest.cue:1:6: log: expected settings"),
        (["runner"], 'state: service: backend: "redis"', "'redis' is not in this version, which has inmemory"),
        (["core-api"], 'coreAPI: addr: "nowhere.invalid"', "coreAPI.addr nowhere.invalid: this is no address"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_started(cli, tmp_path, monkeypatch, arguments, text, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inngest.cue").write_text(text)
    ended = cli("serve", *arguments)
    assert (ended.status, ended.out) == (2, "")
    assert message in ended.err


def test_a_port_that_is_taken_is_told(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with make_server("127.0.0.1", 0, None) as other:
        (tmp_path / "inngest.cue").write_text(f'eventAPI: {{addr: "127.0.0.1", port: {other.server_port}}}')
        ended = cli("serve", "event-api")
    assert ended.status == 2
    assert f"cannot listen on port {other.server_port} of 127.0.0.1: " in ended.err
    assert "or give another eventAPI.port" in ended.err


def test_without_the_extra_it_says_what_to_install():
    """In a process of its own: modules that are imported anew would be there twice."""
    code = (
        "import sys; sys.modules['uvicorn'] = None\n"
        "from inngest_testkit.cli import main; sys.exit(main(['serve', 'runner']))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "serve needs the extra [server]: pip install 'inngest-testkit[server]'" in ended.stderr
