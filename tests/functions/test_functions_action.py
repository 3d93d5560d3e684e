"""The configuration of an action by itself."""

from __future__ import annotations

import json

import pytest

from inngest_testkit.errors import DocumentError, InvalidActionError
from inngest_testkit.functions.action import encode_action, read_action
from inngest_testkit.functions.model import DockerRuntime, HttpRuntime

HTTP = {"type": "http", "url": "http://x.test"}


def text(**changes):
    return json.dumps({"dsn": "a-step-b-test", "name": "B", "runtime": HTTP, **changes})


def test_an_action_has_a_first_version_and_no_secrets_unless_told_otherwise():
    action = read_action(text())
    assert (action.dsn, action.name, action.major, action.minor) == ("a-step-b-test", "B", 1, 1)
    assert action.runtime == HttpRuntime("http://x.test")
    assert json.loads(action.config)["scopes"] == []


def test_a_container_reads_secrets_and_has_its_entrypoint():
    action = read_action(text(runtime={"type": "docker", "entrypoint": ["run", "me"]}))
    assert action.runtime == DockerRuntime("run me")
    assert json.loads(action.config)["scopes"] == ["secret:read:*"]


def test_what_the_server_does_not_read_is_kept():
    kept = {"settings": {"*": {}}, "response": {"ok": {"type": "bool"}}, "scopes": ["a"]}
    config = json.loads(read_action(text(**kept)).config)
    assert {key: config[key] for key in kept} == kept


def test_what_is_written_reads_back_the_same():
    written = encode_action("a-step-b-test", "B", (2, 7), DockerRuntime())
    assert read_action(written).config == written


def test_every_problem_is_told_at_once():
    bad = {
        "dsn": "Not A DSN",
        "name": "",
        "version": {"major": 0, "minor": "1", "patch": 2},
        "scopes": "all",
        "runtime": {"type": "http", "image": "x"},
        "scope": [],
    }
    with pytest.raises(InvalidActionError) as caught:
        read_action(json.dumps(bad))
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        "the action, scope",
        "the action, dsn",
        "the action, name",
        "the action, version, patch",
        "the action, version, major",
        "the action, version, minor",
        "the action, runtime, image",
        "the action, runtime, url",
        "the action, scopes",
    ]
    assert "did you mean 'scopes'?" in caught.value.problems[0]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("[]", "expected an object"),
        ("{}", "an action needs a dsn"),
        (text(runtime={"type": "lambda"}), "expected one of http, docker, found 'lambda'"),
        (text(runtime=3), "expected an object"),
        (text(runtime={"type": "docker", "entrypoint": "x"}), "expected a list of texts"),
        (text(version=1), "expected an object"),
    ],
)
def test_a_wrong_part_is_told_with_its_remedy(config, message):
    with pytest.raises(InvalidActionError, match=message):
        read_action(config)


def test_a_text_that_cannot_be_read_is_told_with_its_place():
    with pytest.raises(DocumentError, match=r"^config:1:2: "):
        read_action("{")
