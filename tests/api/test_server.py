"""A real server around an engine, in a thread of its own or in the test's event loop."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time

import anyio
import httpx
import pytest

from inngest_testkit import AsyncEngine, Engine, Function, Step, after, on_event
from inngest_testkit.api import ApiSettings, LiveServer, serving
from inngest_testkit.api import server as module
from inngest_testkit.clock import WallClock
from inngest_testkit.errors import RunawayError, SetupError, UsageError
from inngest_testkit.lifecycle.warner import TriggerExpressionWarning

from .controlled import drip


@pytest.fixture
def engine():
    with Engine() as engine:
        engine.register(drip())
        yield engine


@pytest.fixture
def server(engine):
    with LiveServer(engine) as server:
        yield server


@pytest.fixture
def client(server):
    with httpx.Client(base_url=server.url) as client:
        yield client


def until(is_so):
    """Wait until something is so."""
    end = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < end, "it did not come to be so"
        time.sleep(0.001)


def post(client, name="signed.up", n=0):
    answer = client.post("/e/key", json={"name": name, "data": {"n": n}})
    assert answer.status_code == 200, answer.text
    return answer.json()["ids"]


def test_the_test_and_a_client_share_an_engine(engine, client):
    post(client)
    engine.advance("3d")
    assert [run.output for run in engine.runs()] == ["hello"]
    engine.send("signed.up")
    assert len(client.get("/testkit/runs").json()["runs"]) == 2


def test_what_was_posted_is_done_when_the_test_calls_its_engine(engine, client):
    """Every call of the engine takes its turn after what came before it, so nothing has to be waited for."""
    for n in range(1, 30):
        post(client, n=n)
        engine.run_to_idle()
        assert [len(run.steps) for run in engine.runs()] == [2] * n


def test_a_step_that_calls_an_app_that_sends_is_not_waited_for(engine, server, client):
    """The server takes events while its engine waits for the very app that sends them."""

    def app():
        return post(client, "told")

    engine.register(Function("asks", on_event("ask"), steps=[Step("app", app)]))
    engine.register(Function("told", on_event("told"), steps=[Step("s", lambda: 1)]))
    assert engine.send("ask").run.output != []
    assert [run.output for run in engine.runs(function="told")] == [1]
    post(client, "ask")
    engine.run_to_idle()
    assert len(engine.runs(function="told")) == 2


def test_an_app_with_one_worker_sends_while_it_is_about_to_be_called(engine, client):
    """Its event is answered at once though the test's thread has the engine, and waits for the app."""
    busy, app_is_free = threading.Event(), threading.Lock()

    def call_app():
        busy.set()
        with app_is_free:
            return "answered"

    engine.register(Function("calls", on_event("call"), steps=[Step("app", call_app)]))
    with app_is_free:
        thread = threading.Thread(target=lambda: engine.send("call"))
        thread.start()
        busy.wait(10)
        began = time.monotonic()
        post(client)
        assert time.monotonic() - began < 5
    thread.join(10)
    assert [run.output for run in engine.runs(function="calls")] == ["answered"]
    assert len(engine.runs(function="drip")) == 1


def test_a_step_cannot_control_the_engine_that_waits_for_it(engine, client, monkeypatch):
    monkeypatch.setattr("inngest_testkit.api.host.TURN_S", 0.1)
    answers = []

    def advance():
        answers.append(client.post("/testkit/clock", json={"advance": "1d"}))

    engine.register(Function("bad", on_event("bad"), steps=[Step("s", advance)]))
    engine.send("bad")
    assert answers[0].status_code == 409
    assert "A step of an app cannot control the engine that waits for its answer" in answers[0].json()["error"]


def test_reading_waits_for_nobody_and_sees_what_is_done_so_far(engine, client):
    """While a step runs in a thread of the server's, the test and other clients read."""
    begun, go = threading.Event(), threading.Event()

    def slow():
        begun.set()
        assert go.wait(10)

    engine.register(Function("slow", on_event("slow"), steps=[Step("a", slow)]))
    post(client, "slow")
    assert begun.wait(10)
    (run,) = engine.runs()
    assert (run.status, list(run.steps)) == ("RUNNING", ["a"])
    assert client.get("/testkit/clock").json()["idle"] is False
    assert client.get(f"/testkit/runs/{run.id}").json()["steps"][0]["status"] == "RUNNING"
    go.set()
    engine.run_to_idle()
    assert run.is_over


def test_readers_of_every_kind_run_while_the_engine_works(engine, client):
    """None of them sees a half-written state, or a dict that changes under its feet."""
    steps = [Step("a", lambda: 1), Step("b", lambda: 2, after=after("a", wait="1s"))]
    engine.register(Function("many", on_event("many"), steps=steps, concurrency=2))
    stop, failures = threading.Event(), []

    def read(look):
        try:
            while not stop.is_set():
                look()
        except BaseException as error:
            failures.append(error)

    def look_at_runs():
        for run in engine.runs():
            assert run.started_at is not None
            assert run.timeline()
            assert all(step.status for step in run.steps.values())
            assert (run.waiting, run.held, run.history) is not None

    def look_at_engine():
        assert (engine.history, engine.held, engine.dropped, engine.next_due) is not None
        assert (engine.events(), engine.queue.pending, engine.functions, engine.unobserved_failures) is not None
        assert engine.runs(status="RUNNING") is not None

    def look_over_http():
        for path in ("runs", "queue", "clock", "mocks"):
            assert client.get(f"/testkit/{path}").status_code == 200
        for run in client.get("/testkit/runs").json()["runs"][-3:]:
            assert client.get(f"/testkit/runs/{run['id']}").status_code == 200

    looks = (look_at_runs, look_at_engine, look_over_http)
    threads = [threading.Thread(target=read, args=(look,)) for look in looks]
    for thread in threads:
        thread.start()
    for n in range(40):
        client.post("/e/key", json=[{"name": "many"}, {"name": "signed.up", "data": {"n": n}}])
        engine.advance("1s")
    stop.set()
    for thread in threads:
        thread.join(30)
    assert failures == []
    engine.run_to_idle()
    assert {run.status.value for run in engine.runs()} == {"COMPLETED"}
    assert len(engine.runs()) == 80


def test_clients_and_the_test_send_at_once_and_nothing_is_lost(engine, server):
    def send(n):
        with httpx.Client(base_url=server.url) as client:
            for _ in range(15):
                post(client, n=n)

    threads = [threading.Thread(target=send, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(15):
        engine.send("signed.up", {"n": 4})
        engine.advance("1h")
    for thread in threads:
        thread.join(30)
    engine.run_to_idle()
    assert len(engine.runs()) == len({run.id for run in engine.runs()}) == 75
    assert {run.output for run in engine.runs()} == {"hello"}


def test_a_warning_of_work_in_the_background_is_the_tests_to_hear(engine, client):
    """It is emitted by the next call of the test's, and breaks nothing in the server, whatever the filters say."""
    engine.register(Function("odd", on_event("odd", if_="event.data.n > 'a'"), steps=[Step("s", lambda: 1)]))
    post(client, "odd")
    post(client)
    with pytest.warns(TriggerExpressionWarning, match="was not started by event 'odd'"):
        engine.advance("3d")
    assert [run.output for run in engine.runs()] == ["hello"]


def test_what_fails_in_the_background_is_raised_at_the_end(caplog):
    def again(send):
        send("loop")

    engine = Engine(max_steps=20)
    engine.register(drip(), Function("loop", on_event("loop"), steps=[Step("s", again)]))
    server = LiveServer(engine)
    server.__enter__()
    with httpx.Client(base_url=server.url) as client:
        post(client, "loop")
        until(lambda: server.errors)
        client.post("/testkit/reset")
        post(client)
        engine.run_to_idle()
    assert [run.output for run in engine.runs()] == ["hello"]
    with pytest.raises(RunawayError):
        server.__exit__(None, None, None)
    assert "could not work what was taken" in caplog.text


def test_an_error_of_the_test_is_not_hidden_by_one_of_the_background(engine):
    server = LiveServer(engine)
    server._face.host.errors.append(RuntimeError("in the background"))
    with pytest.raises(ZeroDivisionError), server:
        _ = 1 / 0


def test_the_environment_leads_the_sdk_to_the_server(server):
    """The Python SDK's client, made as an app makes it, knows its server from the environment alone."""
    assert server.env == {
        "INNGEST_DEV": server.url,
        "INNGEST_BASE_URL": server.url,
        "INNGEST_API_BASE_URL": server.url,
        "INNGEST_EVENT_API_BASE_URL": server.url,
        "INNGEST_EVENT_KEY": "test",
    }


def test_the_environment_of_a_server_that_signs_has_its_keys(engine):
    settings = ApiSettings(signing_key="signkey-prod-ab12", strict=True, event_keys=("k1", "k2"))
    env = LiveServer(engine, settings=settings).env
    assert (env["INNGEST_DEV"], env["INNGEST_SIGNING_KEY"], env["INNGEST_EVENT_KEY"]) == (
        "0",
        "signkey-prod-ab12",
        "k1",
    )


def test_a_port_that_is_taken_is_an_error_with_a_remedy(server, engine):
    with pytest.raises(
        SetupError, match=rf"cannot listen on port {server.port} of 127.0.0.1: .* give another port, or 0"
    ):
        LiveServer(Engine(), port=server.port).__enter__()


def test_a_port_that_is_given_is_the_one(engine):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with LiveServer(engine, port=port) as server:
        assert server.url == f"http://127.0.0.1:{port}"
        assert httpx.get(f"{server.url}/health").status_code == 200


def test_a_server_is_started_once(engine):
    server = LiveServer(engine)
    with server:
        pass
    with pytest.raises(UsageError, match="has been started already"):
        server.__enter__()


def test_an_engine_is_served_again_when_its_server_is_gone(engine):
    for n in (1, 2):
        with LiveServer(engine) as server, httpx.Client(base_url=server.url) as client:
            post(client)
            engine.run_to_idle()
            assert len(engine.runs()) == n


@pytest.mark.parametrize("given", [AsyncEngine(), "engine"])
def test_another_thing_than_an_engine_is_refused(given):
    with pytest.raises(SetupError, match="LiveServer takes an Engine, found"):
        LiveServer(given)


def stop_time(engine, meanwhile):
    """The seconds that a server takes to stop, while something is open."""
    with contextlib.ExitStack() as stack:
        server = LiveServer(engine)
        server.__enter__()
        meanwhile(server, stack)
        began = time.monotonic()
        server.__exit__(None, None, None)
        return time.monotonic() - began


def half_a_request(server, stack):
    """A body that does not arrive."""
    raw = stack.enter_context(socket.create_connection((server.host, server.port)))
    raw.sendall(b"POST /e/key HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99\r\n\r\n{")
    until(lambda: httpx.get(f"{server.url}/health").status_code == 200)


def a_connection(server, stack):
    """A client that keeps its connection."""
    client = stack.enter_context(httpx.Client(base_url=server.url))
    assert client.get("/health").status_code == 200


def a_call_in_line(server, stack):
    """A request that waits for its turn, while the test's thread has the engine."""
    client = stack.enter_context(httpx.Client(base_url=server.url))
    assert client.get("/health").status_code == 200
    stack.enter_context(server._face.host.engine._turns.wait())
    thread = threading.Thread(target=reset, args=(client,))
    thread.start()
    stack.callback(thread.join, 10)
    time.sleep(0.02)


def reset(client):
    with contextlib.suppress(httpx.HTTPError):
        client.post("/testkit/reset", timeout=10)


@pytest.mark.parametrize("meanwhile", [lambda *_: None, half_a_request, a_connection, a_call_in_line])
def test_a_server_stops_at_once(engine, meanwhile, caplog):
    """Idle or not; no thread is left, and nothing is logged."""
    caplog.set_level(logging.WARNING)
    threads = set(threading.enumerate())
    assert min(stop_time(engine, meanwhile) for _ in range(2)) < 0.1
    until(lambda: not [each for each in set(threading.enumerate()) - threads if each.is_alive()])
    assert [record.getMessage() for record in caplog.records] == []


def test_a_call_in_line_does_nothing_when_the_server_has_stopped(engine):
    run = engine.send("signed.up").run
    stop_time(engine, a_call_in_line)
    engine.advance("3d")
    assert run.is_over


def test_a_head_that_does_not_arrive_in_time_is_refused(engine, monkeypatch):
    monkeypatch.setattr(module, "HEADERS_S", 0.05)
    with LiveServer(engine) as server, socket.create_connection((server.host, server.port), timeout=10) as slow:
        slow.sendall(b"POST /e/key HTTP/1.1\r\nhost: loc")
        answer = slow.recv(1000)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert answer.endswith(b"the head of the request did not arrive in time")
        assert slow.recv(10) == b""


def test_a_connection_that_is_kept_is_not_taken_for_a_slow_one(engine, monkeypatch):
    """A head has its time from its first byte on; another request has it anew."""
    monkeypatch.setattr(module, "HEADERS_S", 0.05)
    with LiveServer(engine) as server, httpx.Client(base_url=server.url) as client:
        for _ in range(2):
            post(client)
            time.sleep(0.1)
    engine.run_to_idle()
    assert len(engine.runs()) == 2


def test_a_head_without_end_is_refused(engine):
    with LiveServer(engine) as server, socket.create_connection((server.host, server.port), timeout=10) as endless:
        endless.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n" + b"x-more: " + b"a" * (70 * 1024))
        assert endless.recv(1000).startswith(b"HTTP/1.1 431 ")


def test_a_large_body_is_no_large_head(engine):
    with LiveServer(engine) as server, httpx.Client(base_url=server.url) as client:
        answer = client.post("/e/key", json={"name": "signed.up", "data": {"text": "a" * 200_000}})
        assert answer.status_code == 200


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("clock", [None, WallClock()], ids=["virtual", "wall"])
async def test_an_async_engine_is_served_in_the_tests_loop(clock):
    async with AsyncEngine(clock=clock) as engine:
        await engine.register(Function("f", on_event("f"), steps=[Step("s", lambda: 1)]))
        async with serving(engine) as server, httpx.AsyncClient(base_url=server.url) as client:
            await client.post("/e/key", json={"name": "f"})
            await engine.run_to_idle(limit="10s")
            assert [run.output for run in engine.runs()] == [1]
            assert server.env["INNGEST_DEV"] == server.url
        with pytest.raises(httpx.ConnectError):
            httpx.get(server.url)  # noqa: ASYNC210 - there is nobody to wait for


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_under_trio_the_remedy_is_told():
    async with AsyncEngine() as engine:
        with pytest.raises(UsageError, match=r"needs asyncio, .* under trio make an Engine in another thread"):
            await serving(engine).__aenter__()


@pytest.mark.anyio
async def test_an_engine_for_threads_is_not_served_in_a_loop(anyio_backend):
    with pytest.raises(SetupError, match=r"takes an AsyncEngine, found Engine; use LiveServer\(engine\)"):
        await serving(Engine()).__aenter__()


@pytest.mark.anyio
async def test_a_step_on_the_loop_that_controls_its_engine_is_told(anyio_backend, monkeypatch):
    monkeypatch.setattr("inngest_testkit.api.host.TURN_S", 0.1)
    async with AsyncEngine() as engine, serving(engine) as server, httpx.AsyncClient(base_url=server.url) as client:

        async def advance():
            return (await client.post("/testkit/clock", json={"advance": "1d"})).status_code

        await engine.register(Function("f", on_event("f"), steps=[Step("s", advance)]))
        with anyio.fail_after(10):
            assert (await engine.send("f")).run.output == 409
