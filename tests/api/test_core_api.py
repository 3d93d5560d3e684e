"""The Core API: versions of functions and of actions, as the recorded rules have them."""

from __future__ import annotations

import json

import httpx
import pytest

from inngest_testkit import AsyncEngine
from inngest_testkit.api import ApiSettings
from inngest_testkit.api.app import make_core_app
from inngest_testkit.functions.loader import parse_function

from .core import CREATE, DEPLOY, FIND, UPDATE, Core, action, function

START, LATER = "2024-01-01T00:00:00Z", "2024-01-01T01:00:00Z"


@pytest.fixture
def core(client):
    return Core(client)


async def test_the_configuration_is_the_recorded_one(core):
    asked = "{config {execution {drivers {docker {registry namespace}}}}}"
    docker = {"registry": "registry.inngest.com", "namespace": "inngest"}
    assert await core.ask(asked) == {"execution": {"drivers": {"docker": docker}}}


# -- functions


async def test_a_deployed_function_is_live_and_events_start_it_at_once(engine, core):
    made = await core.deploy(function())
    assert (made["functionId"], made["version"]) == ("hello", 1)
    assert (made["validFrom"], made["validTo"]) == (START, None)
    assert made["createdAt"] == made["updatedAt"] == START
    engine.mock("hello", "greet", returns={"ok": True})
    run = (await engine.send("app/hello")).run
    assert (run.function_id, run.output) == ("hello", {"ok": True})


async def test_the_configuration_that_is_kept_reads_back_as_the_function(core):
    config = function("pay", "charge", triggers=[{"event": "order/placed", "expression": "event.data.total > 1"}])
    made = await core.deploy(config)
    assert parse_function(made["config"], shown="kept") == parse_function(json.dumps(config), shown="given")


async def test_a_new_version_ends_the_last_and_takes_its_place(engine, core):
    await core.deploy(function(triggers=[{"event": "app/old"}]))
    await engine.advance("1h")
    await core.deploy(function(triggers=[{"event": "app/new"}]))
    first, second = await core.versions("hello")
    assert (first["validFrom"], first["validTo"], first["updatedAt"]) == (START, LATER, LATER)
    assert (second["version"], second["validFrom"], second["validTo"]) == (2, LATER, None)
    engine.mock("hello", "greet", returns={})
    assert (await engine.send("app/old")).runs == ()
    assert len((await engine.send("app/new")).runs) == 1


async def test_a_draft_gets_a_number_and_nothing_starts_it(engine, core):
    live = await core.deploy(function(triggers=[{"event": "app/live"}]))
    draft = await core.deploy(function(triggers=[{"event": "app/draft"}]), live=False)
    assert (draft["version"], draft["validFrom"], draft["validTo"]) == (2, None, None)
    assert (await core.versions("hello"))[0] == live
    assert (await engine.send("app/draft")).runs == ()
    assert [action["validFrom"] for action in await core.actions("hello-step-greet-prod")] == [START, None]
    assert (await core.deploy(function()))["version"] == 3
    assert [version["validTo"] for version in await core.versions("hello")] == [START, None, None]


@pytest.mark.parametrize(("given", "env"), [({}, "prod"), ({"env": "prod"}, "prod"), ({"env": "test"}, "test")])
async def test_actions_belong_to_the_environment_and_have_the_functions_number(core, given, env):
    await core.deploy(function(), **given)
    await core.deploy(function(), **given)
    found = await core.actions(f"hello-step-greet-{env}")
    assert [(a["versionMajor"], a["versionMinor"], a["validFrom"]) for a in found] == [(1, 1, START), (1, 2, START)]


async def test_functions_lists_what_is_live(core):
    await core.deploy(function("b"))
    await core.deploy(function("a"), live=False)
    await core.deploy(function("b"))
    assert await core.ask("{functions {functionId version}}") == [{"functionId": "b", "version": 2}]
    assert await core.versions("nobody") == []


async def test_functions_of_the_engine_are_versions_too(engine, core):
    from inngest_testkit import Function, Step, on_event

    await engine.register(Function("local", on_event("x"), steps=[Step("a", lambda: None)]))
    (version,) = await core.versions("local")
    assert json.loads(version["config"])["steps"]["a"]["runtime"] == {"type": "python"}


async def test_a_function_in_cue_is_deployed(core):
    text = (
        'import "inngest.com/defs/v1"\nfunction: v1.#Function & {id: "c", name: "C", triggers: [{event: "e"}], '
        'steps: s: runtime: {type: "http", url: "http://x.test"}}'
    )
    assert (await core.deploy(text))["functionId"] == "c"


async def test_a_schedule_is_kept_from_the_deployment_on(engine, core):
    await core.deploy(function("nightly", triggers=[{"cron": "0 6 * * *"}]))
    engine.mock("nightly", "greet", returns={})
    await engine.advance("2d")
    assert len(engine.runs(function="nightly")) == 2


@pytest.mark.parametrize(
    ("config", "problems"),
    [
        ("{", ["config:1:2: expected '}'"]),
        ('{"id": 3, "triggers": []}', ["id: cannot use value 3", "name: A function name", "triggers: At least one"]),
        (function(triggers=[{"event": "a", "expression": "("}]), ["triggers[0].expression"]),
        (function(triggers=[{"event": "a", "cron": "x"}]), ["cannot have both"]),
    ],
    ids=["not cue", "several", "expression", "trigger"],
)
async def test_every_problem_of_a_function_is_told_and_nothing_is_kept(core, config, problems):
    text = config if isinstance(config, str) else json.dumps(config)
    said = await core.refused(DEPLOY, input={"config": text})
    assert [problem for problem in problems if problem not in said] == []
    assert await core.versions("hello") == []


async def test_files_of_the_server_are_not_read_for_a_function_that_was_sent(core, tmp_path):
    secret = tmp_path / "secret.json"
    secret.write_text('{"secret": "shown"}')
    definition = {"format": "json-schema", "synced": True, "def": f"file://{secret}"}
    said = await core.refused(
        DEPLOY, input={"config": json.dumps(function(triggers=[{"event": "a", "definition": definition}]))}
    )
    assert "only its text was sent; write it here" in said
    assert "shown" not in said


async def test_another_functions_action_is_not_taken(core):
    await core.deploy(function("a-step-b", "c"))
    said = await core.refused(DEPLOY, input={"config": json.dumps(function("a", "b-step-c"))})
    assert "is that of function 'a-step-b'" in said


async def test_an_unknown_environment_is_refused_with_those_there_are(core):
    said = await core.refused(DEPLOY, input={"config": json.dumps(function()), "env": "production"})
    assert "there is no environment 'production'; known: 'prod', 'test'" in said


# -- actions


async def test_a_created_action_is_not_live_until_it_is_enabled(engine, core):
    made = await core.create(action())
    assert (made["validFrom"], made["validTo"], made["createdAt"]) == (None, None, START)
    assert "action version not found" in await core.refused(FIND, query={"dsn": made["dsn"]})
    await engine.advance("1h")
    assert (await core.update(made["dsn"], 1, 1, enabled=True))["validFrom"] == LATER
    assert (await core.find(made["dsn"]))["validFrom"] == LATER


async def test_enabling_twice_and_disabling_what_was_never_enabled_change_nothing(engine, core):
    dsn = (await core.create(action()))["dsn"]
    assert (await core.update(dsn, 1, 1, enabled=False))["validTo"] is None
    enabled = await core.update(dsn, 1, 1, enabled=True)
    await engine.advance("1h")
    assert await core.update(dsn, 1, 1, enabled=True) == enabled
    ended = await core.update(dsn, 1, 1, enabled=False)
    assert (ended["validFrom"], ended["validTo"]) == (START, LATER)
    await engine.advance("1h")
    assert await core.update(dsn, 1, 1, enabled=True) == ended


async def test_a_version_constraint_chooses_the_action(core):
    dsn = action()["dsn"]
    for major, minor in ((1, 1), (1, 3), (2, 1), (1, 2), (3, 1)):
        await core.create(action(major=major, minor=minor))
        if major < 3:
            await core.update(dsn, major, minor, enabled=True)
    found = {
        name: await core.find(dsn, **version)
        for name, version in {
            "newest": {},
            "major": {"versionMajor": 1},
            "both": {"versionMajor": 1, "versionMinor": 2},
            "minor": {"versionMinor": 2},
            "not live": {"versionMajor": 3, "versionMinor": 1},
        }.items()
    }
    assert {name: (a["versionMajor"], a["versionMinor"]) for name, a in found.items()} == {
        "newest": (2, 1),
        "major": (1, 3),
        "both": (1, 2),
        # A minor without a major is ignored.
        "minor": (2, 1),
        "not live": (3, 1),
    }


@pytest.mark.parametrize("version", [{}, {"versionMajor": 1}, {"versionMajor": 1, "versionMinor": 7}])
async def test_an_unknown_action_is_told_with_what_there_is(core, version):
    await core.create(action())
    said = await core.refused(FIND, query={"dsn": action()["dsn"], **version})
    assert said.startswith("action version not found: pay-step-charge-prod")
    assert "there are 1.1 (not live)" in said
    assert "no version of it" in await core.refused(FIND, query={"dsn": "nothing", **version})


async def test_an_action_version_is_created_once(core):
    await core.create(action())
    said = await core.refused(CREATE, input={"config": json.dumps(action())})
    assert said == "existing action version found for pay-step-charge-prod:1-1"


async def test_an_unknown_action_version_cannot_be_updated(core):
    given = {"dsn": "nothing", "versionMajor": 1, "versionMinor": 1}
    assert "no existing action version to update" in await core.refused(UPDATE, input={**given, "enabled": True})


async def test_an_update_has_to_say_which_way(core):
    given = {"dsn": "nothing", "versionMajor": 1, "versionMinor": 1}
    assert "needs `enabled`" in await core.refused(UPDATE, input=given)


async def test_an_action_is_read_from_cue_as_the_servers_tools_write_it(core):
    text = """package main

import (
	"inngest.com/actions"
)

action: actions.#Action
action: {
	dsn:  "team/pay-step-charge-prod"
	name: "Charge"
	version: {major: 2, minor: 3}
	scopes: ["secret:read:*"]
	runtime: {type: "docker", image: "charge", memory: 128}
}"""
    made = await core.create(text)
    assert (made["dsn"], made["versionMajor"], made["versionMinor"]) == ("team/pay-step-charge-prod", 2, 3)
    assert json.loads(made["config"])["runtime"] == {"type": "docker", "image": "charge", "memory": 128}


async def test_the_configuration_of_an_action_can_be_created_again(core):
    await core.deploy(function())
    found = await core.find("hello-step-greet-prod")
    config = json.loads(found["config"])
    assert config["scopes"] == []
    again = await core.create({**config, "version": {"major": 2, "minor": 1}})
    assert json.loads(again["config"]) == {**config, "version": {"major": 2, "minor": 1}}


async def test_an_action_that_was_created_first_is_the_deployed_functions(engine, core):
    made = await core.create({**action("hello-step-greet-prod"), "name": "Made before"})
    await core.deploy(function())
    assert {**await core.find(made["dsn"]), "validFrom": None} == made
    await core.create(action("hello-step-greet-prod", minor=2))
    steps = {"greet": {"id": "greet", "name": "Greet", "runtime": {"type": "docker"}}}
    said = await core.refused(DEPLOY, input={"config": json.dumps({**function(), "steps": steps})})
    assert "was created with another runtime than that of step 'greet'" in said
    assert len(await core.versions("hello")) == 1


# -- keys, and the rest


async def test_a_source_key_is_told_once_then_listed_and_revoked(core):
    made = await core.ask('mutation {createSourceKey(name: "webshop") {id name key createdAt}}')
    assert (made["name"], made["createdAt"]) == ("webshop", START)
    (listed,) = await core.ask("{sourceKeys {id name prefix createdAt revokedAt}}")
    assert made["key"].startswith(listed["prefix"])
    assert made["key"] != listed["prefix"]
    assert (listed["id"], listed["revokedAt"]) == (made["id"], None)
    ended = await core.ask("mutation($id: ID!) {revokeSourceKey(id: $id) {id revokedAt}}", id=made["id"])
    assert ended == {"id": made["id"], "revokedAt": START}
    assert "there is no source key 'x'" in await core.refused('mutation {revokeSourceKey(id: "x") {id}}')
    assert "1 to 100" in await core.refused('mutation {createSourceKey(name: "") {id}}')


async def test_what_the_schema_does_not_have_is_refused(core):
    assert "Cannot query field 'nothing'" in await core.refused("{nothing}")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_on_a_port_of_its_own_other_paths_say_where_it_is(method):
    async with AsyncEngine() as engine:
        transport = httpx.ASGITransport(make_core_app(engine, ApiSettings()))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8300") as client:
            top, other = await client.request(method, "/"), await client.request(method, "/graphql")
            assert (top.status_code, other.status_code) == (200, 404)
            assert "/gql" in top.json()["message"]
            assert "/gql" in other.json()["message"]
            assert await Core(client).ask("{functions {functionId}}") == []
