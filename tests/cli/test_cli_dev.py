"""`inngest-testkit dev`, as a process of its own: what it serves, tells, reloads, and leaves behind."""

from __future__ import annotations

import json
import os
import queue
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import inngest
import inngest.flask
import pytest
import typer
from flask import Flask

from inngest_testkit.cli.app import app
from inngest_testkit.cli.dev_command import EXAMPLES
from tests.servers import listening

ROOT = Path(__file__).parents[2]


class Dev:
    """A running server; `line(kind)` waits for a line of its `--json`."""

    def __init__(self, folder, *options):
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "inngest_testkit.cli", "dev", "functions", "--port", "0", *options],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.printed, self._lines = [], queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line)

    def next(self):
        line = self._lines.get(timeout=20)
        self.printed.append(line)
        return line

    def line(self, kind, **facts):
        while True:
            told = json.loads(self.next())
            if told["kind"] == kind and facts.items() <= told.items():
                return told

    def text(self, words):
        while True:
            line = self.next()
            if words in line:
                return line.rstrip("\n")

    def started(self):
        self.url = self.line("server.started")["url"]
        return self

    def send(self, name, data=None):
        answer = httpx.post(f"{self.url}/e/key", json={"name": name, "data": data or {}})
        assert answer.status_code == 200, answer.text
        return answer.json()["ids"][0]

    def stop(self, how=signal.SIGINT):
        self.process.send_signal(how)
        status = self.process.wait(15)
        self._reader.join(5)
        while not self._lines.empty():
            self.printed.append(self._lines.get())
        return status, self.process.stderr.read()


@pytest.fixture
def dev(tmp_path, project):
    """Start a server in the project; whatever still runs at the end is killed."""
    (tmp_path / "functions").mkdir(exist_ok=True)
    started = []

    def start(*options):
        started.append(Dev(tmp_path, *options))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()
        each._reader.join(5)
        each.process.stdout.close()
        each.process.stderr.close()


@pytest.fixture
def steps_app():
    """An address whose answers are the outputs of http steps; `/slow` does not answer in time."""

    def app(environ, start_response):
        ok = environ["PATH_INFO"] == "/ok"
        start_response("200 OK" if ok else "400 Bad Request", [("content-type", "application/json")])
        return [b'{"paid": true}']

    with listening(app) as url:
        yield url


def http_step(name, url, **entry):
    after = [{"step": "$trigger", **entry}]
    return {"id": name, "name": name, "path": "file://.", "runtime": {"type": "http", "url": url}, "after": after}


def note_of(folder):
    (file,) = (folder / ".inngest-testkit").glob("dev-*.json")
    return json.loads(file.read_text())


def until(done):
    end = time.monotonic() + 15
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_it_says_where_it_is_and_tells_of_runs_as_they_happen(dev, project, steps_app):
    project("pay", [{"event": "order/placed"}], http_step("charge", f"{steps_app}/ok"))
    server = dev()
    page = server.text("  Page")
    server.url = page.split()[-1].rstrip("/")
    assert server.text("  Event API").split()[2] == f"{server.url}/e/KEY"
    assert server.text("  SDKs").split()[-1] == f"INNGEST_DEV={server.url}"
    assert server.text("  pay") == "  pay   event 'order/placed'"
    assert httpx.get(server.url).status_code == 200
    internal = server.send("order/placed")
    assert server.text("order/placed").endswith(f"order/placed  {internal}")
    assert "pay" in server.text("run starts")
    assert "charge  ok " in server.text("charge")
    assert "ms" in server.text("run.completed")
    status, err = server.stop()
    assert (status, err) == (0, "")
    assert server.printed[-1] == "Stopped: 1 event, 1 run: 1 completed\n"
    assert not any("\x1b" in line for line in server.printed)


def test_for_machines_every_transition_is_a_line(dev, project, steps_app):
    project("pay", [{"event": "order/placed"}], http_step("charge", f"{steps_app}/declined"))
    server = dev("--json").started()
    server.send("order/placed")
    failed = server.line("step.failed")
    assert (failed["function_id"], failed["step"], failed["attempt"]) == ("pay", "charge", 0)
    assert server.line("run.failed")["run_id"] == failed["run_id"]
    assert server.stop(signal.SIGTERM)[0] == 0
    last = json.loads(server.printed[-1])
    assert last == {
        "kind": "server.stopped",
        "events": 1,
        "runs": 1,
        "completed": 0,
        "failed": 1,
        "cancelled": 0,
        "lost": 0,
    }


def test_only_what_goes_wrong_is_told_when_asked_for(dev, project, steps_app):
    project("pay", [{"event": "order/placed"}], http_step("charge", f"{steps_app}/ok"))
    project("bad", [{"event": "order/placed"}], http_step("charge", f"{steps_app}/declined"))
    server = dev("--log-level", "error")
    server.url = server.text("  Page").split()[-1].rstrip("/")
    server.send("order/placed")
    assert "✕  bad" in server.text("charge")
    server.text("run.failed")
    server.stop()
    assert not any("pay  " in line and "event" not in line for line in server.printed)


def test_on_a_virtual_clock_days_pass_when_told(dev, project, steps_app):
    project("pay", [{"event": "order/placed"}], http_step("charge", f"{steps_app}/ok", wait="3d"))
    server = dev("--json", "--virtual-time", "--start", "2025-06-01T09:00Z").started()
    server.send("order/placed")
    clock = httpx.post(f"{server.url}/testkit/clock", json={"advance": "3d"}).json()
    assert clock["now"] == "2025-06-04T09:00:00Z"
    assert server.line("run.completed")["at"] == "2025-06-04T09:00:00+00:00"


def test_changed_functions_are_loaded_and_those_that_are_gone_start_nothing(dev, project, steps_app, tmp_path):
    pay = project("pay", [{"event": "order/placed"}], http_step("charge", f"{steps_app}/ok"))
    gone = project("gone", [{"event": "order/placed"}], http_step("charge", f"{steps_app}/ok"))
    server = dev("--json").started()
    project("new", [{"event": "order/new"}], http_step("charge", f"{steps_app}/ok"))
    assert server.line("functions.loaded")["added"] == ["new"]
    project("pay", [{"event": "order/paid"}], http_step("charge", f"{steps_app}/ok"))
    assert server.line("functions.loaded")["changed"] == ["pay"]
    gone.unlink()
    gone.parent.rmdir()
    assert server.line("functions.loaded")["removed"] == ["gone"]
    for name in ("order/placed", "order/paid", "order/new"):
        server.send(name)
    assert {server.line("run.completed")["function_id"] for _ in range(2)} == {"pay", "new"}
    good = pay.read_text()
    pay.write_text(good.replace('"url"', '"ur"').replace('"triggers"', '"triger"'))
    problems = server.line("functions.broken")["problems"]
    assert len(problems) > 1
    assert all(problem.startswith("functions/pay/inngest.json:") for problem in problems)
    server.send("order/paid")
    assert server.line("run.completed")["function_id"] == "pay"  # as it was
    pay.write_text(good)
    assert server.line("functions.loaded")["message"] == "as they were"


def test_a_run_under_way_goes_on_in_the_version_that_it_began_with(dev, project, steps_app):
    project("pay", [{"event": "order/placed"}], http_step("charge", f"{steps_app}/ok", wait="1d"))
    server = dev("--json", "--virtual-time").started()
    server.send("order/placed")
    server.line("edge.taken")
    project("pay", [{"event": "order/placed"}], http_step("refund", f"{steps_app}/ok", wait="1d"))
    server.line("functions.loaded")
    httpx.post(f"{server.url}/testkit/clock", json={"advance": "1d"})
    assert server.line("step.completed")["step"] == "charge"


def test_without_reload_what_changes_is_not_looked_at(dev, project, steps_app):
    project("pay", [{"event": "order/placed"}], http_step("charge", f"{steps_app}/ok"))
    server = dev("--json", "--no-reload").started()
    project("pay", [{"event": "order/paid"}], http_step("charge", f"{steps_app}/ok"))
    server.send("order/paid")
    server.send("order/placed")
    assert server.line("run.created")["data"]["trigger"] == "event 'order/placed'"
    server.stop()
    assert not any('"functions.loaded"' in line for line in server.printed)


def test_after_a_kill_the_next_server_says_what_was_lost(dev, project, tmp_path):
    port = str(free_port())
    project("pay", [{"event": "order/placed"}], http_step("charge", "http://127.0.0.1:9/", wait="1d"))
    server = dev("--json", "--port", port).started()
    for number in range(5):
        server.send("order/placed", {"n": number})
    runs = [server.line("run.created")["run_id"] for _ in range(5)]
    until(lambda: note_of(tmp_path)["open_count"] == 5)
    file = tmp_path / ".inngest-testkit" / f"dev-{port}.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert (file.parent / ".gitignore").read_text() == "*\n"
    server.process.kill()
    server.process.wait()

    after = dev("--json", "--port", port)
    lost = after.line("server.lost")
    assert (lost["stopped"], lost["lost"], [run["id"] for run in lost["runs"]]) == (False, 5, runs)
    assert lost["runs"][0] | {"since": ""} == {"id": runs[0], "function": "pay", "event": "order/placed", "since": ""}
    assert "was killed: 5 runs were not over and are lost: pay " in lost["message"]
    assert lost["message"].endswith("and 2 more; events accepted after its last note, up to one second, are not listed")
    after.started()
    until(lambda: note_of(tmp_path)["open_count"] == 0)
    after.stop()
    assert not file.exists()  # nothing is lost by it
    assert not list(file.parent.glob("*.tmp*"))


def test_after_a_clean_stop_it_is_told_too_and_on_the_terminal(dev, project):
    port = str(free_port())
    project("pay", [{"event": "order/placed"}], http_step("charge", "http://127.0.0.1:9/", wait="1d"))
    server = dev("--json", "--port", port).started()
    server.send("order/placed")
    run = server.line("run.created")["run_id"]
    server.stop()
    assert json.loads(server.printed[-1])["lost"] == 1
    after = dev("--port", port)
    after.text("  Page")
    _, err = after.stop()
    assert "Warning: the server that ran here was stopped at " in err
    assert f"1 run was not over and is lost: pay {run} (order/placed)" in err


def test_an_open_page_does_not_hold_up_the_stop(dev):
    server = dev("--json").started()
    with httpx.stream("GET", f"{server.url}/page/stream") as answer:
        next(answer.iter_lines())
        began = time.monotonic()
        assert server.stop() == (0, "")
        assert time.monotonic() - began < 2.5


def test_keys_can_be_asked_for(dev):
    server = dev("--json", "--require-keys", "--event-key", "good").started()
    refused, taken = (httpx.post(f"{server.url}/e/{key}", json={"name": "a"}).status_code for key in ("bad", "good"))
    assert (refused, taken) == (401, 200)
    server.stop()
    assert not any("good" in line or "bad" in line for line in server.printed)


def test_steps_for_which_there_is_no_driver_are_told_at_the_start(dev, payment):
    server = dev("--json")
    texts = [server.line("server.warning")["message"] for _ in range(2)]
    assert texts[0].startswith("function 'payment', step 'charge' runs in docker, for which this server has no driver")
    server.started()
    server.send("order/placed")
    assert server.line("step.failed")["data"]["error"]["name"] == "MissingDriverError"


def test_an_app_is_found_by_its_address(dev):
    web = Flask("shop")
    with listening(web) as url:
        server = dev("--json", "--sdk-url", f"{url}/api/inngest", "--poll-interval", "1", "--no-discovery").started()
        client = inngest.Inngest(
            app_id="shop", is_production=False, api_base_url=server.url, event_api_base_url=server.url
        )

        @client.create_function(fn_id="pay", trigger=inngest.TriggerEvent(event="order/placed"))
        def pay(ctx: inngest.ContextSync) -> str:
            return ctx.step.run("charge", lambda: "paid")

        inngest.flask.serve(web, client, [pay])
        sdks_connection = client._http_client._http_client_sync
        assert "is registered" in server.line("server.note")["message"]
        server.send("order/placed")
        assert server.line("run.completed")["function_id"] == "shop-pay"
        server.stop()
        sdks_connection.close()


# -- what is wrong


def test_a_port_that_is_taken_is_told_with_the_remedy(cli, project, tmp_path):
    (tmp_path / "functions").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = cli("dev", "functions", "--port", port)
    assert ended.status == 2
    assert f"cannot listen on port {port}" in ended.err
    assert "another port" in ended.err
    assert not (tmp_path / ".inngest-testkit").exists()


def test_broken_functions_are_told_with_every_problem(cli, project):
    file = project("pay", [{"event": "order/placed"}], http_step("charge", "http://127.0.0.1:9/"))
    file.write_text(file.read_text().replace('"url"', '"ur"').replace('"triggers"', '"triger"'))
    ended = cli("dev", "functions", "--port", 0)
    assert ended.status == 2
    assert "problems in the functions:" in ended.err
    assert ended.err.count("functions/pay/inngest.json:") >= 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "there is no file or folder 'nowhere'"),
        (["--start", "2025-01-01T00:00Z"], "it goes with --virtual-time"),
        (["--virtual-time", "--start", "noon"], "'noon' is not a moment"),
        (["--host", "256.1.1.1"], "this is no address of this machine"),
        (["--port", "70000"], "less than or equal to 65535"),
        (["--event-key", "a b"], "event_keys is a tuple of keys"),
        (["--signing-key", "hush!"], "signing_key is hexadecimal"),
        (["--log-level", "loud"], "'loud' is none of"),
        (["--keep", "-1"], "greater than or equal to 0"),
    ],
)
def test_wrong_options_are_told(cli, project, arguments, message):
    ended = cli("dev", "--port", "0", *arguments)
    assert ended.status == 2
    assert message in " ".join(ended.err.replace("│", " ").split())
    assert "hush!" not in ended.err


def test_its_help_has_examples_and_statuses(cli):
    ended = cli("dev", "--help")
    assert ended.status == 0
    assert "inngest-testkit dev -u http://localhost:3000/api/inngest" in ended.out
    assert "0  stopped, by Ctrl-C or SIGTERM" in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_of_its_help_are_understood(example):
    """They serve until they are stopped, so they are read, and not run."""
    name, command, *arguments = shlex.split(example)
    assert (name, command) == ("inngest-testkit", "dev")
    typer.main.get_command(app).commands["dev"].make_context("dev", arguments)


@pytest.mark.parametrize("url", ["foo", "localhost:3000/api/inngest", "http://", "http://["])
def test_an_address_of_an_app_that_is_none_is_refused(cli, url):
    ended = cli("dev", "--sdk-url", url)
    assert ended.status == 2
    assert f"--sdk-url {url!r} is no address; write one such as http://127.0.0.1:3000/api/inngest" in ended.err


def test_a_python_file_is_refused_with_what_serves_it(cli, tmp_path):
    file = tmp_path / "pay.py"
    file.write_text("")
    ended = cli("dev", file)
    assert ended.status == 2
    assert "functions of an SDK are served by an app" in ended.err.replace("\n", " ")
