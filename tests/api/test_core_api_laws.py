"""Whatever is deployed, created, enabled and ended in whatever order: the histories are those of the recorded rules.

The rules (recordings/dag README, "Postgres tables") are played on plain lists beside the Core API.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import anyio
from hypothesis import given
from hypothesis import strategies as st

from inngest_testkit import AsyncEngine
from inngest_testkit.api.graphql.core_api import to_text
from tests.properties.profile import law

from .conftest import client_of
from .core import CREATE, Core, action, function

FUNCTIONS, ENVS, VERSIONS = ("f", "g"), ("prod", "test"), ((1, 1), (1, 2), (2, 1))
DSN = {(name, env): f"{name}-step-greet-{env}" for name in FUNCTIONS for env in ENVS}

deploys = st.tuples(st.just("deploy"), st.sampled_from(FUNCTIONS), st.sampled_from(ENVS), st.booleans())
creates = st.tuples(st.just("create"), st.sampled_from(sorted(DSN.values())), st.sampled_from(VERSIONS))
updates = st.tuples(st.just("update"), st.sampled_from(sorted(DSN.values())), st.sampled_from(VERSIONS), st.booleans())
pauses = st.just(("wait",))


@dataclass
class Version:
    number: object
    valid_from: str | None = None
    valid_to: str | None = None

    @property
    def shown(self):
        return (self.number, self.valid_from, self.valid_to)


@dataclass
class Rules:
    """The recorded rules, as short as they can be said."""

    functions: dict[str, list[Version]] = field(default_factory=dict)
    actions: dict[str, dict[tuple[int, int], Version]] = field(default_factory=dict)

    def deploy(self, name, env, live, now):
        versions = self.functions.setdefault(name, [])
        for version in versions:
            if live and version.valid_from and not version.valid_to:
                version.valid_to = now
        versions.append(Version(len(versions) + 1, now if live else None))
        number = (1, len(versions))
        made = self.actions.setdefault(DSN[name, env], {}).setdefault(number, Version(number))
        if live:
            made.valid_from = made.valid_from or now

    def create(self, dsn, number):
        if number in self.actions.setdefault(dsn, {}):
            return f"existing action version found for {dsn}:{number[0]}-{number[1]}"
        self.actions[dsn][number] = Version(number)
        return None

    def update(self, dsn, number, enabled, now):
        version = self.actions.get(dsn, {}).get(number)
        if version is None:
            return "no existing action version to update"
        if enabled and not version.valid_from:
            version.valid_from = now
        elif not enabled and version.valid_from and not version.valid_to:
            version.valid_to = now
        return None

    def newest(self, dsn):
        live = [v for v in self.actions.get(dsn, {}).values() if v.valid_from and not v.valid_to]
        return max((v.number for v in live), default=None)


async def play(script):
    """Play a script on both sides, and compare them after every step."""
    rules = Rules()
    async with AsyncEngine() as engine, client_of(engine) as client:
        core = Core(client)
        for kind, *given in script:
            now = to_text(engine.now)
            refused = None
            if kind == "wait":
                await engine.advance("1h")
            elif kind == "deploy":
                name, env, live = given
                rules.deploy(name, env, live, now)
                await core.deploy(function(name), env=env, live=live)
            elif kind == "create":
                refused = rules.create(*given)
                if refused is None:
                    await core.create(action(given[0], *given[1]))
                else:
                    config = str(action(given[0], *given[1])).replace("'", '"')
                    assert await core.refused(CREATE, input={"config": config}) == refused
            else:
                dsn, number, enabled = given
                refused = rules.update(dsn, number, enabled, now)
                values = {"dsn": dsn, "versionMajor": number[0], "versionMinor": number[1], "enabled": enabled}
                document = "mutation($i: UpdateActionVersionInput!) {updateActionVersion(input: $i) {dsn}}"
                if refused is None:
                    await core.ask(document, i=values)
                else:
                    assert refused in await core.refused(document, i=values)
            await compare(rules, core)


async def compare(rules, core):
    for name in FUNCTIONS:
        shown = [(v["version"], v["validFrom"], v["validTo"]) for v in await core.versions(name)]
        assert shown == [version.shown for version in rules.functions.get(name, [])]
    for dsn in DSN.values():
        found = await core.actions(dsn)
        shown = [((a["versionMajor"], a["versionMinor"]), a["validFrom"], a["validTo"]) for a in found]
        assert shown == sorted(version.shown for version in rules.actions.get(dsn, {}).values())
        newest = rules.newest(dsn)
        if newest is not None:
            chosen = await core.find(dsn)
            assert (chosen["versionMajor"], chosen["versionMinor"]) == newest


@law(examples=25)
@given(st.lists(deploys | creates | updates | pauses, min_size=1, max_size=8))
def test_histories_are_those_of_the_recorded_rules(script):
    anyio.run(play, script)
