"""`keys`: made, listed and revoked on a server."""

from __future__ import annotations

import re

import httpx
import pytest

from inngest_testkit import Engine
from inngest_testkit.api import ApiSettings
from inngest_testkit.api.server import LiveServer


@pytest.fixture
def keys(cli, core_api):
    return lambda *arguments: cli("keys", *arguments, "--api-url", core_api.url)


def test_a_key_is_shown_once_and_listed_by_how_it_begins(keys):
    made = keys("create", "webshop")
    key = made.out.strip()
    assert made.status == 0
    assert re.search(r"Note: this is the key of 'webshop', id key_\w+; it is not shown again", made.err)
    listed = keys("list")
    assert re.fullmatch(r"key_\w+  evk_\S+…  webshop  made 2024-01-01T00:00:00Z  valid\n", listed.out)
    assert key not in listed.out


def test_a_revoked_key_is_listed_as_revoked(keys):
    key_id = keys("create", "webshop", "--json").json["id"]
    assert keys("revoke", key_id).out.endswith("revoked 2024-01-01T00:00:00Z\n")
    assert keys("list").out.endswith("revoked 2024-01-01T00:00:00Z\n")
    assert keys("revoke", key_id).status == 0


def test_machines_are_told_all_of_it(keys):
    made = keys("create", "webshop", "--json").json
    assert set(made) == {"id", "name", "key", "createdAt"}
    (listed,) = keys("list", "--json").json
    assert listed == {
        "id": made["id"],
        "name": "webshop",
        "prefix": made["key"][:10],
        "createdAt": made["createdAt"],
        "revokedAt": None,
    }
    assert keys("revoke", made["id"], "--json").json["revokedAt"] == made["createdAt"]


def test_without_keys_it_says_how_to_make_one(keys):
    ended = keys("list")
    assert (ended.status, ended.out) == (0, "")
    assert "there are no keys; make one with: inngest-testkit keys create NAME" in ended.err
    assert keys("list", "--json").json == []


def test_an_unknown_key_cannot_be_revoked(keys):
    key_id = keys("create", "webshop", "--json").json["id"]
    ended = keys("revoke", "key_x")
    assert (ended.status, ended.out) == (1, "")
    assert f"there is no source key 'key_x'; known source keys: {key_id!r}" in ended.err


def test_a_name_that_is_none_is_told(keys):
    ended = keys("create", " ")
    assert ended.status == 1
    assert "a source key's name is a text of 1 to 100 printable characters" in ended.err


def test_events_are_taken_with_a_key_until_it_is_revoked(cli):
    with LiveServer(Engine(), settings=ApiSettings(strict=True)) as server:
        url = server.url

        def send(key):
            return httpx.post(f"{url}/e/{key}", json={"name": "a", "data": {}}).status_code

        assert send("nobodys") == 401
        made = cli("keys", "create", "webshop", "--json", "--api-url", url).json
        assert send(made["key"]) == 200
        cli("keys", "revoke", made["id"], "--api-url", url)
        assert send(made["key"]) == 401
