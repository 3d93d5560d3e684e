"""Streamed answers."""

from __future__ import annotations

import json
import re

import pytest

from inngest_testkit.sdk.protocol import CallResponse
from inngest_testkit.sdk.transports.streamed import unwrapped


def streamed(body, **headers):
    return unwrapped(CallResponse(201, headers, body))


def test_the_real_answer_is_inside():
    """Its headers count before those that opened the stream."""
    inside = {"status": 206, "body": "[1, null]", "headers": {"X-Inngest-No-Retry": "true", "both": "late"}}
    response = streamed(b"   " + json.dumps(inside).encode(), both="early", early="yes")
    assert response == CallResponse(206, {"early": "yes", "both": "late", "x-inngest-no-retry": "true"}, b"[1, null]")


@pytest.mark.parametrize(
    ("body", "text"), [("", b""), ("text", b"text"), ({"a": 1}, b'{"a": 1}'), ([], b"[]"), (None, b"null")]
)
def test_a_body_is_text_or_json(body, text):
    assert streamed(json.dumps({"status": 200, "body": body}).encode()).body == text


@pytest.mark.parametrize("status", [200, 206, 500])
def test_other_answers_are_left_alone(status):
    response = CallResponse(status, {}, b'{"status": 400}')
    assert unwrapped(response) is response


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "EOF while parsing"),
        (b"   ", "EOF while parsing"),
        (b"<html>", "expected value at line 1"),
        (b"[1]", r"the answer is no JSON object but \[1\]"),
        (b'{"status": "200"}', "the answer needs a whole number as its status"),
        (b"{}", "the answer needs a whole number as its status"),
        (b'{"status": 200, "headers": {"a": 1}}', "texts as its headers"),
        (b'{"status": 200, "headers": ["a"]}', "texts as its headers"),
    ],
)
def test_a_stream_that_cannot_be_read_is_no_answer(body, reason):
    response = streamed(body)
    assert response.status == 0
    assert re.match(f"error parsing stream: .*{reason}", response.unreachable)
