"""Whatever is sent to the event API, it answers, and takes an event if and only if it says so."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inngest_testkit import AsyncEngine
from inngest_testkit.api import ApiSettings, make_app
from inngest_testkit.clock import FakeClock
from inngest_testkit.errors import EventError
from inngest_testkit.sdk.incoming import Incoming
from inngest_testkit.sdk.json_syntax import problem_of
from inngest_testkit.sdk.limits import Limits

#: Every code point, those of half a surrogate pair as well.
texts = st.text(st.characters(categories=None), max_size=12)
numbers = st.one_of(
    st.integers(),
    st.integers(min_value=-(10**400), max_value=10**400),
    st.floats(),
    st.sampled_from([0, -1, 315_532_800_000, 4_102_444_800_001, 2**63, 2**53 + 1]),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
keys = st.sampled_from(["name", "data", "user", "id", "ts", "v", "Name", "NAME", "tS", "Data", "_inngest", "extra", ""])
names = st.sampled_from(["e", "shop/paid", "inngest/x", "inngest", "Inngest/f", "", "\ud800", "é", "n" * 600])
objects = st.dictionaries(texts, values, max_size=4)
plain_events = st.fixed_dictionaries(
    {"name": names},
    optional={
        "data": objects,
        "user": objects,
        "id": texts,
        "ts": st.sampled_from([0, 1_700_000_000_000, 1, 1.5, 2**63]),
        "v": texts,
    },
)
pairs = st.lists(st.tuples(keys, names | values), max_size=7)


def written(given, ascii_only):
    return json.dumps(given, ensure_ascii=ascii_only).encode(errors="surrogatepass")


def with_repeats(given, ascii_only):
    """An object with all pairs, also those whose key comes again."""
    return b"{" + b",".join(written(k, ascii_only) + b":" + written(v, ascii_only) for k, v in given) + b"}"


one = st.builds(written, plain_events | values, st.booleans()) | st.builds(with_repeats, pairs, st.booleans())
lists = st.lists(one, max_size=4).map(lambda each: b"[" + b", ".join(each) + b"]")
deep = st.builds(
    lambda opened, closed, depth: opened * depth + closed * depth,
    st.sampled_from([b"[", b'{"name":"e","data":{"a":', b'[{"data":']),
    st.sampled_from([b"]", b"}", b"}}", b""]),
    st.sampled_from([1, 2, 149, 150, 160, 190, 300, 20_000]),
)


@st.composite
def broken(draw):
    """A document with something cut out, or put in."""
    body = draw(one | lists)
    start = draw(st.integers(0, len(body)))
    end = draw(st.integers(start, min(start + 3, len(body))))
    return (
        body[:start]
        + draw(st.binary(max_size=3) | st.sampled_from([b'"', b"\\u12", b"}", b"NaN", b"1e999"]))
        + body[end:]
    )


bodies = st.one_of(one, lists, deep, broken(), st.binary(max_size=60), st.builds(bytes, st.just(b"")))
header_values = st.binary(max_size=20) | st.sampled_from(
    [
        b"application/json",
        b"application/x-www-form-urlencoded",
        b"multipart/form-data; boundary=x",
        b"1700000000000,AAAAAAAAAAAAAA==",
        b"9" * 30,
        b"0",
        b"-1",
        b"\xb2",
    ]
)
header_names = st.sampled_from(
    [
        b"content-type",
        b"content-length",
        b"x-inngest-event-id-seed",
        b"transfer-encoding",
        b"content-encoding",
        b"expect",
    ]
)
headers = st.lists(st.tuples(header_names, header_values), max_size=4)
paths = st.sampled_from(
    ["/e/key", "/e/", "/e", "/e/\x00", "/e/a/b", "/e/\ud800", "/e/" + "k" * 300, "/invoke/f", "/invoke/"]
)
methods = st.sampled_from(["POST", "POST", "POST", "GET", "PUT", "OPTIONS", "HEAD", "BREW"])


@pytest.fixture(scope="module")
def asked():
    """Ask an application; return the status, the body, and the deliveries that the engine received for it."""
    engine = AsyncEngine()
    app = make_app(engine, ApiSettings(max_body=100_000, body_timeout_s=5))
    received = engine._core.journal.received

    def ask(method, path, headers, parts):
        messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
        messages.append({"type": "http.request", "body": b"", "more_body": False})
        sent, before = [], set(received)

        async def receive():
            return messages.pop(0)

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": headers}
        runner.run(app({**scope, "server": ("127.0.0.1", 8288)}, receive, send))
        body = b"".join(message.get("body", b"") for message in sent)
        return sent[0]["status"], body, [each for each in received if each not in before]

    with asyncio.Runner() as runner:
        yield ask


@given(methods, paths, headers, bodies, st.integers(1, 4))
@example("POST", "/e/key", [(b"content-length", b"\xb2")], b"{}", 1)
@example("POST", "/e/key", [(b"content-length", b"9" * 5000)], b"{}", 1)
@example("POST", "/e/key", [], b'{"name": "e", "data": {"n": ' + b"9" * 5000 + b"}}", 1)
@example("POST", "/e/key", [], b'[{"name": "e", "ts": 1e3}, ' + b"[" * 5000 + b"]" * 5000 + b"]", 1)
@settings(max_examples=200, deadline=None)
def test_it_answers_and_takes_what_it_says(asked, method, path, headers, body, count):
    size = -(-len(body) // count) or 1
    seeded = any(name == b"x-inngest-event-id-seed" for name, _ in headers)
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    status, reply, taken = asked(method, path, [(b"host", b"localhost"), *headers], parts)
    assert status in {200, 400, 401, 404, 405, 413}, (status, reply)
    if status not in {404, 405}:
        said = json.loads(reply)
        assert said["status"] == status
        assert ("error" in said) == (status != 200)
    if status != 200:
        assert not taken, reply
    elif path.startswith("/e"):
        ids = [f"send/{each}" for each in said["ids"] if each]
        # What has the seed of an earlier request was received with that.
        assert [each for each in ids if each in taken] == taken
        assert seeded or ids == taken


@given(st.lists(plain_events, max_size=4))
@settings(max_examples=60, deadline=None)
def test_each_id_is_that_of_an_event_that_was_received(asked, events):
    status, reply, taken = asked("POST", "/e/key", [(b"host", b"localhost")], [json.dumps(events).encode()])
    said = json.loads(reply)
    if status == 200:
        assert [f"send/{each}" for each in said["ids"] if each] == taken
        assert len(taken) == len(events)
    else:
        assert (said["ids"], taken) == ([], [])


@given(pairs)
@settings(max_examples=100, deadline=None)
def test_both_readers_read_the_same(given_pairs):
    """A text that could be a large number has the body read by the slower one."""

    def read(more):
        try:
            return Incoming(Limits(), FakeClock()).events(with_repeats([*given_pairs, *more], ascii_only=True))
        except EventError as error:
            return str(error)

    quick, slow = read([("more", "")]), read([("more", "1e999")])
    assert quick == slow


def _is_json(body):
    def refuse(constant):
        raise ValueError(constant)

    try:
        json.loads(body.decode("latin-1"), parse_constant=refuse)
    except RecursionError:
        return True
    except ValueError as error:
        return "digit" in str(error) and "limit" in str(error)
    return True


@given(
    st.one_of(
        one, lists, broken(), st.binary(max_size=40), st.text('[]{}:,"\\u0aeE+-.1 tfn', max_size=15).map(str.encode)
    )
)
@settings(max_examples=200, deadline=None)
def test_a_problem_is_found_in_what_is_no_json_and_in_nothing_else(body):
    assert (problem_of(body) == "") == _is_json(body)
