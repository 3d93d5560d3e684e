"""Services in one process: what each does alone, what it cannot be started with, what it lacks."""

from __future__ import annotations

import io
import json
import logging
import socket
from datetime import timedelta

import anyio
import pytest

from inngest_testkit import AsyncEngine, Function, Step, on_event
from inngest_testkit.api.configuration import Configuration, parse_configuration
from inngest_testkit.api.logs import JsonLines, transitions
from inngest_testkit.api.services import SERVICES, check_services, missing_services, run_services
from inngest_testkit.clock import WallClock
from inngest_testkit.errors import InvalidConfigurationError, NotFoundError, SetupError
from inngest_testkit.functions.loader import parse_function


def read(text):
    return parse_configuration(text, source="c.cue", env={}).configuration


# -- which can be started


def test_at_least_one_service_is_named():
    with pytest.raises(
        SetupError, match="name at least one service to start, of event-api, runner, executor, core-api"
    ):
        check_services([], Configuration())


def test_an_unknown_service_is_told_with_the_nearest():
    with pytest.raises(NotFoundError, match=r"no service 'runer'; known services: .* did you mean 'runner'"):
        check_services(["runer"], Configuration())


ELSEWHERE = """\
eventstream: service: {backend: "nats", topic: "t", serverURL: "nats://n"}
queue: service: {backend: "aws-sqs", queueURL: "q", region: "r", topic: "t"}
state: service: backend: "redis"
datastore: service: backend: "postgres"
execution: drivers: mock: name: "mock"
"""


@pytest.mark.parametrize(
    ("service", "refused"),
    [
        ("event-api", {"eventstream", "datastore"}),
        ("runner", {"eventstream", "queue", "state", "datastore"}),
        ("executor", {"eventstream", "queue", "state", "datastore", "execution"}),
        ("core-api", {"datastore"}),
    ],
)
def test_a_service_is_not_started_on_stores_that_are_not_there(service, refused):
    with pytest.raises(InvalidConfigurationError) as caught:
        check_services([service], read(ELSEWHERE))
    assert {problem.partition(".")[0] for problem in caught.value.problems} == refused
    assert all("is not in this version, which has inmemory" in p for p in caught.value.problems if "backend" in p)


def test_a_service_is_started_whatever_the_stores_of_others_are():
    check_services(["core-api"], read('state: service: backend: "redis"'))
    check_services(list(SERVICES), Configuration())


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (SERVICES, []),
        (("event-api",), ["event-api without runner"]),
        (("runner",), ["runner without event-api", "runner without executor", "runner without core-api"]),
        (("executor",), ["executor without runner"]),
        (("core-api",), ["core-api without runner"]),
        (("event-api", "runner", "executor"), ["runner without core-api"]),
    ],
)
def test_what_is_missing_in_this_process_is_told(names, told):
    assert [line.partition(":")[0] for line in missing_services(names, Configuration())] == told


def test_keys_that_nobody_can_make_are_told():
    told = missing_services(("event-api", "runner", "executor"), read("eventAPI: requireKeys: true"))
    assert "source keys are asked for and none can be made" in told[-1]


# -- each does its own work alone


async def until(done):
    with anyio.fail_after(10):
        while not done():  # noqa: ASYNC110 - nothing tells of every change that is waited for
            await anyio.sleep(0.002)


@pytest.mark.parametrize(
    ("deliver", "work", "runs", "done"), [(False, False, 0, 0), (True, False, 1, 0), (True, True, 1, 1)]
)
async def test_what_a_service_does_not_do_stays_in_its_store(deliver, work, runs, done):
    async with AsyncEngine(clock=WallClock()) as engine, anyio.create_task_group() as tasks:
        ran = []
        await engine.register(Function("f", on_event("go"), steps=[Step("s", lambda: ran.append(1))]))
        started = anyio.Event()

        async def working():
            started.set()
            await engine.work(deliver=deliver, work=work)

        tasks.start_soon(working)
        await started.wait()
        await engine.send("go")
        core = engine._core
        assert core.journal.received
        await until(lambda: len(engine.runs()) == runs and len(ran) == done)
        assert core.unhandled == (0 if deliver else 1)
        if deliver and not work:
            assert [pending.item.function_id or pending.item.run_id for pending in engine.queue.pending] != []
        # Whoever does the rest takes it from there.
        tasks.cancel_scope.cancel()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(engine.work)
        await until(lambda: len(ran) == 1)
        tasks.cancel_scope.cancel()


async def test_what_is_worked_may_end_and_nothing_more_begins():
    async with AsyncEngine(clock=WallClock()) as engine, anyio.create_task_group() as tasks:
        entered, leave = anyio.Event(), anyio.Event()

        async def slow():
            entered.set()
            await leave.wait()

        steps = [Step("slow", slow), Step("next", lambda: None, after="slow")]
        await engine.register(Function("f", on_event("go"), steps=steps))
        tasks.start_soon(engine.work)
        await engine.send("go")
        await entered.wait()
        live = engine._core.live
        await live.finish(engine.now)
        assert live.under_way == 1
        leave.set()
        await live.finish(engine.now + timedelta(seconds=10))
        assert live.under_way == 0
        (run,) = engine.runs()
        assert list(run.steps) == ["slow"]
        assert run.steps["slow"].status == "COMPLETED"
        tasks.cancel_scope.cancel()


async def test_a_function_that_is_deployed_while_the_engine_waits_is_scheduled():
    config = {
        "id": "f",
        "name": "F",
        "triggers": [{"cron": "* * * * *"}],
        "steps": {"s": {"id": "s", "name": "s", "runtime": {"type": "http", "url": "http://127.0.0.1:9/"}}},
    }
    function = parse_function(json.dumps(config), shown="f")
    async with AsyncEngine(clock=WallClock()) as engine, anyio.create_task_group() as tasks:
        tasks.start_soon(engine.work)
        await anyio.wait_all_tasks_blocked()
        woken = engine._core.live._woken
        await engine._core.deploy(function, live=True, env="prod")
        assert woken.is_set()
        tasks.cancel_scope.cancel()


async def test_an_address_that_is_taken_is_told_with_its_setting():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        loaded = parse_configuration(f'{{"coreAPI": {{"addr": "127.0.0.1", "port": {port}}}}}', source="c.json", env={})
        expected = rf"^cannot listen on port {port} of 127.0.0.1: .* give another coreAPI.port$"
        with pytest.raises(SetupError, match=expected):
            await run_services(loaded, ["core-api"])


# -- logs


@pytest.fixture
def lines():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("inngest_testkit")
    level = logger.level
    logger.addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger.removeHandler(handler)
    logger.setLevel(level)


async def play(level, *, outputs, failing=False):
    logging.getLogger("inngest_testkit").setLevel(level)
    async with AsyncEngine() as engine:
        journal = engine._core.journal
        journal.listen(transitions(outputs=outputs, function_of=journal.functions.__getitem__))

        def step():
            if failing:
                raise ValueError("no")
            return {"secret": "shown"}

        await engine.register(Function("f", on_event("go"), steps=[Step("s", step)]))
        await engine.run_until_complete(await engine.send("go"))
        (run,) = engine.runs()
        assert run.error is None or failing


async def test_a_run_is_told_line_by_line_without_its_outputs(lines):
    await play(logging.INFO, outputs=False)
    told = lines()
    assert [(line["level"], line["message"]) for line in told] == [
        ("info", "event received"),
        ("info", "run started"),
        ("info", "step started"),
        ("info", "step completed"),
        ("info", "run completed"),
    ]
    assert {line["function_id"] for line in told[1:]} == {"f"}
    assert told[0]["name"] == "go"
    assert "shown" not in json.dumps(told)


async def test_outputs_are_told_when_they_are_asked_for(lines):
    await play(logging.INFO, outputs=True)
    assert next(line["output"] for line in lines() if "output" in line) == {"secret": "shown"}


async def test_failures_are_warnings(lines):
    await play(logging.WARNING, outputs=False, failing=True)
    told = lines()
    assert {(line["level"], line["message"]) for line in told} >= {("warn", "step failed")}
    assert told[0]["error"]["message"] == "no"


async def test_nothing_is_told_below_the_level(lines):
    await play(logging.ERROR, outputs=False)
    assert lines() == []
