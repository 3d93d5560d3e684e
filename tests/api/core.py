"""Asking the Core API, and functions to deploy."""

from __future__ import annotations

import json

FUNCTION = "{functionId version config validFrom validTo createdAt updatedAt}"
ACTION = "{dsn name versionMajor versionMinor createdAt validFrom validTo config}"
DEPLOY = f"mutation($input: DeployFunctionInput!) {{deployFunction(input: $input) {FUNCTION}}}"
CREATE = f"mutation($input: CreateActionVersionInput!) {{createActionVersion(input: $input) {ACTION}}}"
UPDATE = f"mutation($input: UpdateActionVersionInput!) {{updateActionVersion(input: $input) {ACTION}}}"
FIND = f"query($query: ActionVersionQuery!) {{actionVersion(query: $query) {ACTION}}}"


def function(name="hello", *steps, triggers=({"event": "app/hello"},), **options):
    """The configuration of a function, whose steps are called at an address that nobody has."""
    runtime = {"type": "http", "url": "http://127.0.0.1:9/step"}
    made = {step: {"id": step, "name": step, "path": "", "runtime": runtime} for step in steps or ("greet",)}
    return {"id": name, "name": name.title(), "triggers": list(triggers), "steps": made, **options}


def action(dsn="pay-step-charge-prod", major=1, minor=1, **changes):
    """The configuration of an action."""
    runtime = {"type": "http", "url": "http://127.0.0.1:9/charge"}
    return {"dsn": dsn, "name": "Charge", "version": {"major": major, "minor": minor}, "runtime": runtime, **changes}


class Core:
    """The Core API behind a client: `ask` returns the field that was asked for, `refused` what is wrong."""

    def __init__(self, client):
        self.client = client

    async def _answer(self, document, variables):
        response = await self.client.post("/gql", json={"query": document, "variables": variables})
        assert response.status_code == 200, response.text
        return response.json()

    async def ask(self, document, **variables):
        answer = await self._answer(document, variables)
        assert "errors" not in answer, answer["errors"]
        (value,) = answer["data"].values()
        return value

    async def refused(self, document, **variables):
        answer = await self._answer(document, variables)
        return "\n".join(error["message"] for error in answer["errors"])

    async def deploy(self, config, **given):
        return await self.ask(
            DEPLOY, input={"config": config if isinstance(config, str) else json.dumps(config), **given}
        )

    async def create(self, config):
        return await self.ask(CREATE, input={"config": config if isinstance(config, str) else json.dumps(config)})

    async def update(self, dsn, major, minor, enabled):
        return await self.ask(
            UPDATE, input={"dsn": dsn, "versionMajor": major, "versionMinor": minor, "enabled": enabled}
        )

    async def find(self, dsn, **version):
        return await self.ask(FIND, query={"dsn": dsn, **version})

    async def versions(self, function_id):
        return await self.ask(f"query($id: ID!) {{functionVersions(functionId: $id) {FUNCTION}}}", id=function_id)

    async def actions(self, dsn):
        return await self.ask(f"query($dsn: String!) {{actionVersions(dsn: $dsn) {ACTION}}}", dsn=dsn)
