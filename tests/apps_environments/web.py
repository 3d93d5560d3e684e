"""Web apps that serve a client's functions."""

from __future__ import annotations

from contextlib import contextmanager

import django
import fastapi
import flask
import inngest.django
import inngest.fast_api
import inngest.flask
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings

KEY = "signkey-test-0123abcd"
FRAMEWORKS = ["fastapi", "flask", "django-wsgi", "django-asgi"]

if not settings.configured:
    # As in tests/sdk/served.py: whichever is imported first configures the process.
    settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
    django.setup()


def production_client(app_id="shop", **options):
    return inngest.Inngest(app_id=app_id, is_production=True, signing_key=KEY, event_key="event-key", **options)


def fastapi_app(client, functions, **options):
    app = fastapi.FastAPI(**options)
    inngest.fast_api.serve(app, client, functions)
    return app


def flask_app(client, functions, **options):
    app = flask.Flask("shop")
    inngest.flask.serve(app, client, functions, **options)
    return app


@contextmanager
def django_app(client, functions, *views, handler=WSGIHandler):
    urls = (inngest.django.serve(client, functions), *views)
    with override_settings(ROOT_URLCONF=urls, ALLOWED_HOSTS=["testserver"], MIDDLEWARE=[]):
        yield handler()


@contextmanager
def web_app(framework, client, functions):
    """An app of the framework that serves the functions at the SDK's own path."""
    if framework == "fastapi":
        yield fastapi_app(client, functions)
    elif framework == "flask":
        yield flask_app(client, functions)
    else:
        handler = {"django-asgi": ASGIHandler, "django-wsgi": WSGIHandler}[framework]
        with django_app(client, functions, handler=handler) as app:
            yield app
