"""What the tests of the transports share: apps of each framework that serve functions, and calls to them."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime

import django
import fastapi
import flask
import inngest
import inngest.django
import inngest.fast_api
import inngest.flask
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings

from inngest_testkit.sdk.protocol import DISCOVERY, CallRequest, Header, hash_step

PATH = "/api/inngest"
KEY = "signkey-test-0123abcd"
NOW = datetime(2024, 1, 1, tzinfo=UTC)

if not settings.configured:
    settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
    django.setup()


def dev_client():
    return inngest.Inngest(app_id="shop", is_production=False)


def production_client():
    return inngest.Inngest(app_id="shop", is_production=True, signing_key=KEY, event_key="event-key")


def async_functions(client):
    @client.create_function(fn_id="one", trigger=inngest.TriggerEvent(event="go"))
    async def one(ctx: inngest.Context) -> object:
        async def charge() -> object:
            return ctx.event.data

        return await ctx.step.run("charge", charge)

    return [one]


def sync_functions(client):
    @client.create_function(fn_id="one", trigger=inngest.TriggerEvent(event="go"))
    def one(ctx: inngest.ContextSync) -> object:
        return ctx.step.run("charge", lambda: ctx.event.data)

    return [one]


@contextmanager
def served(framework, client, functions):
    """An app of the framework that serves the functions at `PATH`."""
    if framework == "fastapi":
        yield fastapi_app(client, functions)
    elif framework == "flask":
        yield flask_app(client, functions)
    else:
        urls = (inngest.django.serve(client, functions),)
        with override_settings(ROOT_URLCONF=urls, ALLOWED_HOSTS=["testserver"], MIDDLEWARE=[]):
            yield {"django-asgi": ASGIHandler, "django-wsgi": WSGIHandler}[framework]()


def fastapi_app(client, functions, **options):
    app = fastapi.FastAPI()
    inngest.fast_api.serve(app, client, functions, **options)
    return app


def flask_app(client, functions):
    app = flask.Flask("served")
    inngest.flask.serve(app, client, functions)
    return app


def call_request(function_id="shop-one", **changes):
    """A call of the shape that the server makes (recordings/sdk, flask_steps)."""
    event = {"name": "go", "data": {"n": 1}, "id": "e1", "ts": 1704067200000, "user": {}}
    body = {
        "ctx": {
            "attempt": 0,
            "disable_immediate_execution": False,
            "env": "",
            "fn_id": "00000000-0000-0000-0000-000000000000",
            "generation_id": 1,
            "job_id": "job",
            "max_attempts": 4,
            "qi_id": "item",
            "request_id": "request",
            "run_id": "run",
            "stack": {"current": 0, "stack": []},
            "step_id": DISCOVERY,
            "use_api": False,
        },
        "defers": {},
        "event": event,
        "events": [event],
        "steps": {},
        "use_api": False,
        "version": -1,
    }
    headers = {"user-agent": "Inngest", "content-type": "application/json", "x-run-id": "run"}
    request = {"step_id": DISCOVERY, "run_id": "run", "attempt": 0, "headers": headers, "now": NOW}
    return CallRequest(function_id=function_id, body=json.dumps(body).encode(), **{**request, **changes})


def check_charged(response):
    """The response is that of a function that has run its one step."""
    assert (response.status, response.unreachable) == (206, "")
    assert response.headers[Header.SDK].startswith("inngest-py:")
    (operation,) = json.loads(response.body)
    assert (operation["op"], operation["id"], operation["data"]) == ("StepRun", hash_step("charge"), {"n": 1})
