"""The event API: what is taken, what is refused, and what is replied."""

from __future__ import annotations

import json
import time
from base64 import b64decode

import anyio
import pytest
from ulid import ULID

from inngest_testkit import AsyncEngine, Engine, Function, Limits, Step, on_event
from inngest_testkit.api import ApiSettings
from inngest_testkit.clock import WallClock, epoch_ms

from .conftest import client_of

SEED = {"x-inngest-event-id-seed": "1700000000000,AAAAAAAAAAAAAA=="}


def function(event="e", *, run=lambda: 1):
    return Function("f", on_event(event), steps=[Step("s", run)])


async def events(engine):
    """The events received, once those that came while the engine was at work are."""
    await engine.run_until_complete()
    return engine.events()


async def post(client, body, path="/e/key", **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await client.post(path, content=content, headers=headers)


# -- what is taken


async def test_an_event_is_taken_and_starts_its_function(engine, client):
    await engine.register(function())
    answer = await post(client, {"name": "e", "data": {"n": 1}})
    (event_id,) = answer.json()["ids"]
    assert answer.json() == {"ids": [event_id], "status": 200}
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-inngest-server-kind"] == "dev"
    assert f"send/{event_id}" in engine._core.journal.received
    await engine.run_until_complete()
    (run,) = engine.runs()
    assert [event.data for event in run.events] == [{"n": 1}]


async def test_a_list_has_an_id_for_each_event_in_order(engine, client):
    answer = await post(client, [{"name": "a"}, {"name": "b", "id": "mine"}])
    received = engine._core.journal.received
    assert [received[f"send/{each}"].event.name for each in answer.json()["ids"]] == ["a", "b"]
    assert [event.id for event in await events(engine)] == [answer.json()["ids"][0], "mine"]


@pytest.mark.parametrize("body", [b"", b" \n", b"[]", b" [ ] "])
async def test_nothing_is_taken_of_nothing(engine, client, body):
    answer = await post(client, body)
    assert answer.json() == {"ids": [""], "status": 200}
    assert await events(engine) == []


async def test_an_event_without_a_moment_has_the_engines(engine, client):
    for ts in (
        {},
        {"ts": 0},
        {"ts": None},
        {"ts": round(time.time() * 1000)},
        {"ts": round(time.time() * 1000) - 9000},
    ):
        await post(client, {"name": "e", **ts})
    assert {event.ts for event in await events(engine)} == {epoch_ms(engine.now)}


async def test_a_moment_that_was_meant_is_kept(engine, client):
    given = [epoch_ms(engine.now) - 5000, 315_532_800_000, 4_102_444_800_000]
    await post(client, [{"name": "e", "ts": ts} for ts in given])
    assert [event.ts for event in await events(engine)] == given


async def test_near_the_wall_clock_only_now_was_filled_in():
    wall = time.time()
    async with AsyncEngine(start=WallClock().now()) as engine, client_of(engine) as client:
        given = [round((wall + seconds) * 1000) for seconds in (-30, 0, 30)]
        await post(client, [{"name": "e", "ts": ts} for ts in given])
        assert [event.ts for event in await events(engine)] == [given[0], epoch_ms(engine.now), given[2]]


async def test_in_real_time_every_moment_is_kept():
    async with AsyncEngine(clock=WallClock()) as engine, client_of(engine) as client:
        ts = round(time.time() * 1000) - 100
        await post(client, {"name": "e", "ts": ts})
        assert [event.ts for event in await events(engine)] == [ts]


@pytest.mark.parametrize(
    ("body", "data"),
    [
        (b'{"NAME": "e", "dAtA": {"Aa": 1}}', {"Aa": 1}),
        (b'{"name": 5, "name": "x", "Name": "e", "data": {"a": 1}, "data": {"b": 2}}', {"b": 2}),
        (b'{"name": "e", "data": {"n": 9007199254740993, "z": -0.0, "w": 5.0}}', {"n": 2**53, "z": 0, "w": 5}),
        (b'{"name": "e", "data": {"_inngest": {"fn_id": "f"}, "x": 1}}', {"x": 1}),
        (b'{"name": "e", "data": null, "user": null, "id": null, "v": null, "ts": null}', {}),
        (b'{"name": "e", "data": {"t": "\\ud83d\\ude00 \\ud800 \xff"}}', {"t": "\U0001f600 \ufffd \ufffd"}),
        (b' \r\n{"name": "e", "extra": [1], "user": {}}\n', {}),
    ],
)
async def test_what_the_server_reads_is_read(engine, client, body, data):
    assert (await post(client, body)).status_code == 200
    assert [(event.name, event.data) for event in await events(engine)] == [("e", data)]


async def test_any_content_type_will_do(engine, client):
    for kind in ("text/plain", "application/json; charset=utf-8", "", "multipart/form-data"):
        assert (await post(client, {"name": "e"}, **{"content-type": kind})).status_code == 200
    assert len(await events(engine)) == 4


async def test_the_sender_waits_for_no_work():
    started, go = anyio.Event(), anyio.Event()

    async def slow():
        started.set()
        await go.wait()

    async with AsyncEngine() as engine:
        await engine.register(function(run=slow))
        async with client_of(engine) as client:
            with anyio.fail_after(5):
                await post(client, {"name": "e"})
                await started.wait()
                await post(client, {"name": "e"})
                go.set()
            await engine.run_until_complete()
    assert len(engine.runs()) == 2


def test_an_engine_of_another_thread_takes_events_too():
    with Engine() as engine:
        engine.register(function())

        async def send():
            async with client_of(engine) as client:
                answer = await post(client, {"name": "e"})
            return answer.json()["ids"]

        (event_id,) = anyio.run(send)
        assert f"send/{event_id}" in engine._core.journal.received
        engine.run_until_complete()
        assert [run.status for run in engine.runs()] == ["COMPLETED"]


async def test_two_faces_of_an_engine_give_different_ids(engine):
    """Equal ids would make the second event one that was there before."""
    ids = []
    for _ in range(2):
        async with client_of(engine) as client:
            ids += (await post(client, {"name": "e"})).json()["ids"]
    assert len(set(ids)) == len(await events(engine)) == 2


# -- ids from a seed


async def test_the_same_seed_gives_the_same_id_and_one_run(engine, client):
    await engine.register(function())
    ids = {tuple((await post(client, {"name": "e"}, **SEED)).json()["ids"]) for _ in range(2)}
    assert ids == {("01HF7YAT000000000000000001",)}
    await engine.run_until_complete()
    assert len(engine.runs()) == 1


async def test_a_seed_counts_the_events_of_a_request(engine, client):
    seed = {"x-inngest-event-id-seed": "1743130137367,eii2YKXR/////w=="}
    first = (await post(client, [{"name": "e"}] * 3, **seed)).json()["ids"]
    assert len(set(first)) == 3
    head = (1743130137367).to_bytes(6, "big") + b64decode("eii2YKXR")
    assert first == [str(ULID(head + count.to_bytes(4, "big"))) for count in (0, 1, 2)]
    assert (await post(client, [{"name": "e"}] * 3, **seed)).json()["ids"] == first
    assert len(await events(engine)) == 3


@pytest.mark.parametrize(
    "seed",
    [
        "x",
        "1700000000000",
        "1700000000000,",
        ",AAAAAAAAAAAAAA==",
        "0,AAAAAAAAAAAAAA==",
        "-1,AAAAAAAAAAAAAA==",
        "1700000000000,AAAAAAAAAAAA",
        "1700000000000,AAAAAAAAAAAAAA==,",
        f"{2**48},AAAAAAAAAAAAAA==",
        "99999999999999999999,AAAAAAAAAAAAAA==",
    ],
)
async def test_what_is_no_seed_is_passed_over(engine, client, seed):
    ids = [(await post(client, {"name": "e"}, **{"x-inngest-event-id-seed": seed})).json()["ids"][0] for _ in range(2)]
    assert len(set(ids)) == len(await events(engine)) == 2


# -- what is refused


NO_EVENTS = "Request body must contain an event object or an array of event objects"
NO_JSON = [
    (b'{"name": "e"', "unexpected end of JSON input"),
    (b'[{"name": "e"}', "unexpected end of JSON input"),
    (b"[{}", "unexpected end of JSON input"),
    (b"x", NO_EVENTS),
    (b"null", NO_EVENTS),
    (b"}", NO_EVENTS),
    (b"{} {}", "invalid character '{' after top-level value"),
    (b"[] x", "invalid character 'x' after top-level value"),
]
REFUSED = [
    (b'{"name": "e",}', "invalid character '}' looking for beginning of object key string"),
    (b'{"name": "e", "data": {"x": NaN}}', "invalid character 'N' looking for beginning of value"),
    (b'{"name": true}', "json: cannot unmarshal bool into Go struct field raw.name of type string"),
    (b'{"Id": {}}', "json: cannot unmarshal object into Go struct field raw.id of type string"),
    (
        b'{"name": "e", "user": [1]}',
        "json: cannot unmarshal array into Go struct field raw.user of type map[string]interface {}",
    ),
    (b'{"name": "e", "ts": 1.5}', "json: cannot unmarshal number 1.5 into Go struct field raw.ts of type int64"),
    (
        b'{"name": "e", "ts": 99999999999999999999}',
        "json: cannot unmarshal number 99999999999999999999 into Go struct field raw.ts of type int64",
    ),
    (b'{"name": "e", "ts": -1}', "timestamp is before Jan 1, 1980"),
    (b'{"name": "e", "ts": 4102444800001}', "timestamp is after Jan 1, 2100"),
    (b'{"name": "INNGEST/x"}', "event name is reserved for internal use: INNGEST/x"),
    (b'{"name": null}', "event name is empty"),
    (b'{"name": "e", "data": {"x": 1e400}}', "Event has a number that is too large for 64 bits: 1e400"),
    (
        b'{"name": "e", "data": {"x": ' + b"[" * 170 + b"]" * 170 + b"}}",
        "event 'e': data cannot be stored as JSON: it is nested too deeply",
    ),
    (b'{"name": "e", "data": {"x": ' + b"[" * 99_999 + b"]" * 99_999 + b"}}", "Event is nested too deeply: Max 150"),
    (b'{"name": "e", "data": {"x": ' + b"1" * 5000 + b"}}", "Event has a number with too many digits"),
]


@pytest.mark.parametrize(("body", "error"), NO_JSON + REFUSED)
async def test_what_is_refused_leaves_nothing(engine, client, body, error):
    answer = await post(client, body)
    found = answer.json()
    assert (answer.status_code, found["status"]) == (400, 400)
    assert found["error"].startswith(error)
    assert found["ids"] == ([] if body[:1] == b"[" else [""])
    assert await events(engine) == []


@pytest.mark.parametrize(("body", "error"), REFUSED)
async def test_a_list_is_refused_as_a_whole(engine, client, body, error):
    answer = await post(client, b'[{"name": "good"}, ' + body + b', {"name": "good"}]')
    assert answer.json()["error"].startswith(error)
    assert answer.json()["ids"] == []
    assert await events(engine) == []


@pytest.mark.parametrize(
    ("element", "kind"), [(b"5", "number"), (b'"x"', "string"), (b"[]", "array"), (b"true", "bool")]
)
async def test_an_element_that_is_no_event_is_named(engine, client, element, kind):
    answer = await post(client, b'[{"name": "good"}, ' + element + b"]")
    assert answer.json()["error"] == f"json: cannot unmarshal {kind} into Go value of type event.raw"
    assert await events(engine) == []


async def test_a_form_is_refused_as_the_server_does(engine, client):
    answer = await client.post("/e/key", data={"ts": "1", "name": "e"})
    assert answer.json()["error"] == "json: cannot unmarshal array into Go struct field raw.name of type string"
    answer = await client.post("/e/key", data={"other": "e"})
    assert answer.json()["error"] == "event name is empty"
    assert await events(engine) == []


async def test_the_size_of_each_event_is_bounded(engine, client):
    """In bytes of its JSON, as it was sent."""
    frame = '{"name": "e", "data": {"pad": ""}}'
    fits = frame.replace('""', f'"é{"x" * (3 * 1024 * 1024 - len(frame) - 2)}"').encode()
    assert len(fits) == 3 * 1024 * 1024
    assert (await post(client, b"[" + fits + b" , " + fits + b" ]")).status_code == 200
    assert (await post(client, b" \n" + fits)).status_code == 200
    for body in (b"[" + fits + b"," + fits.replace(b"\xc3", b"x\xc3") + b"]", fits + b" "):
        answer = await post(client, body)
        assert answer.json()["error"] == "Event is over the max size: Max 3145728 bytes / Size 3145729 bytes"
    assert len(await events(engine)) == 3


async def test_the_number_of_events_is_bounded(engine, client):
    answer = await post(client, [{"name": "e"}] * 5001)
    assert answer.json() == {"ids": [], "status": 400, "error": "Cannot have more than 5000 events in a batch"}
    assert await events(engine) == []
    assert len((await post(client, [{"name": "e"}] * 5000)).json()["ids"]) == 5000


async def test_the_engines_own_limits_count():
    async with AsyncEngine(limits=Limits(event=50, name=3)) as engine, client_of(engine) as client:
        answer = await post(client, {"name": "e", "data": {"x": "y" * 50}})
        assert answer.json()["error"].startswith("Event is over the max size: Max 50 bytes")
        assert (await post(client, {"name": "four"})).json()[
            "error"
        ] == "event name is too long: Max 3 / Size 4 characters"
        assert await events(engine) == []


# -- requests that are too large, or never come


async def test_a_request_whose_length_is_too_large_is_refused_unread(engine):
    async def never():
        raise AssertionError("the body was read")
        yield b""

    async with client_of(engine, ApiSettings(max_body=100)) as client:
        answer = await client.post("/e/key", content=never(), headers={"content-length": "101"})
        error = "The request is larger than 100 bytes; send less at a time"
        assert answer.json() == {"ids": [], "status": 413, "error": error}
        assert answer.status_code == 413


async def test_a_request_without_a_length_is_bounded(engine):
    async def endless():
        while True:
            yield b"x" * 60

    async with client_of(engine, ApiSettings(max_body=100)) as client:
        assert (await client.post("/e/key", content=endless())).status_code == 413


async def test_a_body_that_does_not_come_is_given_up(engine):
    async def slow():
        yield b'{"name":'
        await anyio.sleep_forever()

    async with client_of(engine, ApiSettings(body_timeout_s=0.01)) as client:
        with anyio.fail_after(5):
            answer = await client.post("/e/key", content=slow())
    assert answer.json()["error"] == "The request's body did not arrive within 0.01 s"
    assert (answer.status_code, await events(engine)) == (408, [])


# -- other paths


@pytest.mark.parametrize("path", ["/e", "/e/"])
async def test_a_path_without_a_key_is_refused(engine, client, path):
    answer = await post(client, {"name": "e"}, path)
    assert (answer.status_code, await events(engine)) == (401, [])
    assert answer.json()["error"] == "Event key is required: send to /e/ and your key"


async def test_events_are_posted(client):
    assert (await client.get("/e/key")).status_code == 405


async def test_the_server_is_healthy(client):
    assert (await client.get("/health")).json() == {"status": 200, "message": "OK"}


# -- invoking


async def test_a_function_is_invoked_whatever_its_triggers(engine, client):
    await engine.register(function("never/sent"))
    answer = await post(client, {"data": {"x": 1, "_inngest": {"fn_id": "g"}}, "id": "mine"}, "/invoke/f")
    (delivery,) = engine._core.journal.received
    assert answer.json() == {"id": delivery.removeprefix("send/"), "status": 200}
    await engine.run_until_complete()
    (run,) = engine.runs()
    (event,) = run.events
    assert (run.function_id, run.status, event.name, event.id) == ("f", "COMPLETED", "inngest/function.invoked", "mine")
    assert (event.data["x"], event.data["_inngest"]["fn_id"]) == (1, "f")


async def test_an_invocation_without_data_is_one_with_none(engine, client):
    await engine.register(function("never/sent"))
    assert (await post(client, {}, "/invoke/f")).status_code == 200
    await engine.run_until_complete()
    assert [run.status for run in engine.runs()] == ["COMPLETED"]


async def test_an_unknown_function_is_not_invoked(engine, client):
    await engine.register(Function("signup", on_event("e"), steps=[Step("s", lambda: 1)]))
    answer = await post(client, {}, "/invoke/singup")
    assert answer.status_code == answer.json()["status"] == 404
    assert "did you mean 'signup'?" in answer.json()["error"]
    assert await events(engine) == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"data": 5}', b"null", b'{"data": {"x": 1e400}}', b'{"ts": 1}'])
async def test_what_is_no_invocation_is_refused(engine, client, body):
    await engine.register(function("never/sent"))
    answer = await post(client, body, "/invoke/f")
    assert (answer.status_code, await events(engine)) == (400, [])
    assert answer.json()["error"].startswith("Unable to read post data request: ")
