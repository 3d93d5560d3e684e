"""`deploy`: functions become versions of a server."""

from __future__ import annotations

import json

import pytest

from inngest_testkit.cli.core_client import CoreClient
from inngest_testkit.cli.deploy import _deployed
from inngest_testkit.cli.output import CommandFailedError
from inngest_testkit.functions.loader import load_functions
from tests.servers import listening


def test_a_deployed_function_is_live(cli, called, core_api):
    ended = cli("deploy", "functions", "--api-url", core_api.url)
    assert (ended.status, ended.out, ended.err) == (0, "hello: version 1 is live\n", "")
    assert cli("deploy", "functions", "--api-url", core_api.url + "/gql").out == "hello: version 2 is live\n"
    assert core_api.versions("hello") == [(1, False), (2, True)]


def test_what_is_deployed_is_the_function_of_the_file(cli, called, core_api):
    cli("deploy", "functions", "--api-url", core_api.url)
    (loaded,) = load_functions("functions")
    assert core_api.engine._core.plans["hello"].function == loaded.function


def test_a_definition_in_a_file_goes_along(cli, called, core_api):
    (called.parent / "event.json").write_text('{"type": "object"}')
    definition = {"format": "json-schema", "synced": True, "def": "file://event.json"}
    config = json.loads(called.read_text())
    config["triggers"][0]["definition"] = definition
    called.write_text(json.dumps(config))
    assert cli("deploy", "functions", "--api-url", core_api.url).status == 0
    (trigger,) = core_api.engine._core.plans["hello"].function.triggers
    assert trigger.definition.definition == {"type": "object"}


def test_a_draft_is_kept_and_not_live(cli, called, core_api):
    ended = cli("deploy", "functions", "--draft", "--api-url", core_api.url)
    assert ended.out == "hello: version 1 is kept as a draft\n"
    assert core_api.versions("hello") == [(1, False)]


def test_for_machines_it_tells_the_versions(cli, called, core_api):
    ended = cli("deploy", "functions", "--json", "--api-url", core_api.url)
    assert ended.json == {"deployed": [{"function": "hello", "version": 1, "live": True}]}


@pytest.mark.parametrize(("option", "env"), [([], "test"), (["--prod"], "prod")])
def test_the_actions_belong_to_the_environment(cli, called, core_api, option, env):
    cli("deploy", "functions", "--api-url", core_api.url, *option)
    assert list(core_api.engine._core.data._actions) == [f"hello-step-greet-{env}"]


def test_images_are_built_and_stay_without_a_registry(cli, contained, docker, core_api):
    called = docker()
    ended = cli("deploy", "functions", "--api-url", core_api.url)
    assert ended.out == "payment: version 1 is live\n"
    assert "no registry is given (--registry), so the images stay on this machine" in ended.err
    assert {line.split()[1] for line in called()} == {"buildx"}


@pytest.mark.parametrize("by", ["option", "variable"])
def test_images_are_pushed_as_the_version_that_they_belong_to(cli, contained, docker, core_api, monkeypatch, by):
    called = docker()
    cli("deploy", "functions", "--api-url", core_api.url, "--draft")
    if by == "variable":
        monkeypatch.setenv("INNGEST_REGISTRY", "reg.test/team")
    option = ["--registry", "reg.test/team/"] if by == "option" else []
    ended = cli("deploy", "functions", "--api-url", core_api.url, *option)
    assert ended.out == "payment: version 2 is live\n"
    name = "payment-step-charge-test"
    assert f"docker tag {name} reg.test/team/{name}:1-2" in called()
    assert f"docker push reg.test/team/{name}:1-2" in called()
    assert f"Note: pushed reg.test/team/{name}:1-2" in ended.err


@pytest.mark.parametrize("failing", ["build", "push"])
def test_nothing_is_deployed_when_an_image_fails(cli, contained, docker, core_api, failing):
    docker(push=1)
    if failing == "build":
        (contained.parent / "charge" / "Dockerfile").write_text("FAIL")
    ended = cli("deploy", "functions", "--api-url", core_api.url, "--registry", "reg.test")
    assert (ended.status, ended.out) == (1, "")
    assert f"was not {'built' if failing == 'build' else 'pushed'}" in ended.err
    assert core_api.versions("payment") == []


def test_a_deployment_that_came_between_is_told(called, core_api):
    (loaded,) = load_functions("functions")
    with (
        CoreClient(core_api.url) as core,
        pytest.raises(CommandFailedError, match=r"deployed by someone else meanwhile: this is version 1, .* 1-5"),
    ):
        _deployed(core, loaded, "test", live=True, expected=5)


def test_what_was_deployed_before_one_is_refused_is_told(cli, called, project, core_api):
    from .conftest import step

    http = {"type": "http", "url": "http://x.test/"}
    project("a-step-b", [{"event": "e"}], step("c", runtime=http))
    assert cli("deploy", "functions", "--api-url", core_api.url).status == 0
    (called.parent.parent / "a-step-b" / "inngest.json").unlink()
    project("a", [{"event": "e"}], step("b-step-c", runtime=http))
    project("z", [{"event": "e"}], step("s", runtime=http))
    called.parent.rename(called.parent.with_name("0"))
    ended = cli("deploy", "functions", "--api-url", core_api.url)
    assert ended.status == 1
    assert ended.out == "hello: version 2 is live\n"
    assert "function 'a' was not deployed: " in ended.err
    assert "is that of function 'a-step-b'" in ended.err
    assert core_api.versions("z") == []


COMMANDS = [("deploy", "functions"), ("keys", "list"), ("keys", "create", "x"), ("keys", "revoke", "x")]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_without_a_server_it_says_how_to_start_one(cli, called, command):
    ended = cli(*command, "--api-url", "http://127.0.0.1:9")
    assert (ended.status, ended.out) == (1, "")
    assert "there is no Core API at http://127.0.0.1:9/gql: " in ended.err
    assert "start one with: inngest-testkit serve event-api runner executor core-api" in ended.err


@pytest.mark.parametrize(
    ("status", "body"), [("200 OK", b"<html>"), ("404 Not Found", b"{}"), ("200 OK", b"[]"), ("200 OK", b'{"data": 1}')]
)
def test_what_is_no_core_api_is_told(cli, called, status, body):
    def app(_, start):
        start(status, [("content-type", "text/plain")])
        return [body]

    with listening(app) as url:
        ended = cli("keys", "list", "--api-url", url)
    assert ended.status == 1
    assert f"what answers at {url}/gql is no Core API (status {status[:3]})" in ended.err


def test_a_server_that_is_open_to_its_own_machine_only_says_so(cli, called):
    def app(_, start):
        start("403 Forbidden", [("content-type", "application/json")])
        return [b'{"error": "/gql is open to this machine only", "data": null, "status": 403}']

    with listening(app) as url:
        ended = cli("keys", "list", "--api-url", url)
    assert ended.status == 1
    assert f"the Core API at {url}/gql refuses: /gql is open to this machine only" in ended.err


@pytest.mark.parametrize("url", ["", "localhost:8300", "ftp://x", "http://", "http://x:port"])
def test_an_address_that_is_none_is_told(cli, called, url):
    ended = cli("keys", "list", "--api-url", url)
    assert ended.status == 2
    assert f"--api-url {url!r} is no address; write one such as http://127.0.0.1:8300" in ended.err
