"""Signatures, against the SDK's own functions."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inngest._internal import net, server_lib

from inngest_testkit.engine.bridge import LoopRunner
from inngest_testkit.errors import MissingExtraError
from inngest_testkit.sdk.apps import App, Apps
from inngest_testkit.sdk.protocol import CallRequest, CallResponse, Header
from inngest_testkit.sdk.request import PreparedCall
from inngest_testkit.sdk.signatures import sign, signed_headers, verify

KEY = "signkey-test-0123abcd"
OTHER = "signkey-prod-0123abce"
NOW = datetime(2024, 1, 1, tzinfo=UTC)

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
)
bodies = st.builds(
    lambda value, escaped, indent: json.dumps(value, ensure_ascii=escaped, indent=indent).encode(),
    values,
    st.booleans(),
    st.sampled_from([None, 2]),
)


def accepted_by_sdk(body, signature, key=KEY):
    """Whether the SDK takes the request."""
    result = net.validate_request_sig(
        body=body,
        headers={"x-inngest-signature": signature},
        mode=server_lib.ServerKind.CLOUD,
        signing_key=key,
        signing_key_fallback=None,
    )
    return result == key


@given(bodies, st.integers(1, 2**32).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)))
def test_the_sdk_accepts_what_is_signed_whatever_the_time(body, at):
    assert accepted_by_sdk(body, sign(body, KEY, at))


@given(bodies)
def test_the_signature_is_the_sdks_own(body):
    assert sign(body, KEY, NOW) == net.sign_request(body, KEY, int(NOW.timestamp()))


def test_an_empty_body_can_be_signed():
    assert accepted_by_sdk(b"", sign(b"", KEY, NOW))


def test_the_key_counts_without_its_prefix():
    assert sign(b"{}", KEY, NOW) == sign(b"{}", "0123abcd", NOW)
    assert not accepted_by_sdk(b"{}", sign(b"{}", OTHER, NOW))


def test_a_request_with_another_body_is_refused():
    assert not accepted_by_sdk(b'{"n": 2}', sign(b'{"n": 1}', KEY, NOW))


@given(st.binary())
def test_the_responses_of_the_sdk_are_verified_as_they_are(body):
    signature = net.sign_response(body, KEY)
    assert verify(body, KEY, signature)
    assert not verify(body + b" ", KEY, signature)
    assert not verify(body, OTHER, signature)


@pytest.mark.parametrize("signature", ["", "nonsense", "t=1704067200", "s=abc", "t=now&s=abc", "t=1&s=\u00e9"])
def test_a_malformed_signature_is_no_signature(signature):
    assert not verify(b"{}", KEY, signature)


@pytest.mark.parametrize("key", [KEY, None])
def test_the_headers_of_a_call_have_a_signature_if_it_has_a_key(key):
    headers = {"x-run-id": "run"}
    request = CallRequest("shop-one", "step", "run", 0, headers, b"{}", NOW, key)
    signature = {Header.SIGNATURE: sign(b"{}", KEY, NOW)} if key else {}
    assert signed_headers(request) == {"x-run-id": "run", **signature}
    assert headers == {"x-run-id": "run"}


def test_an_answer_that_another_key_signed_does_not_count():
    """What the SDK answers to a signed call is signed too."""

    class Forged:
        async def call(self, request):
            return CallResponse(200, {Header.SDK: "inngest-py", Header.SIGNATURE: request.headers["forged"]}, b"1")

    def answer_with(signature):
        request = CallRequest("shop-one", "step", "run", 0, {"forged": signature}, b"{}", NOW, KEY)
        apps = Apps(None)
        apps.add(App("shop", Forged(), KEY), ["shop-one"])
        return LoopRunner().run(apps.call(PreparedCall(request, {}))).response

    assert answer_with(sign(b"1", KEY, NOW)).body == b"1"
    assert "signature" in answer_with(sign(b"1", "signkey-test-00", NOW)).unreachable


def test_signing_needs_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "jcs", None)
    with pytest.raises(MissingExtraError, match=r"signed calls needs the extra \[sdk\]"):
        sign(b"{}", KEY, NOW)
