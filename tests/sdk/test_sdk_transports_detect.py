"""Which transport is made for what."""

from __future__ import annotations

import functools

import fastapi
import flask
import pytest
from asgiref.wsgi import WsgiToAsgi
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from starlette.applications import Starlette

from inngest_testkit.errors import SetupError
from inngest_testkit.sdk.transports.asgi import AsgiTransport
from inngest_testkit.sdk.transports.detect import transport_for
from inngest_testkit.sdk.transports.http import HttpTransport
from inngest_testkit.sdk.transports.wsgi import WsgiTransport

from .served import PATH


async def asgi_function(scope, receive, send):
    pass


def wsgi_function(environ, start_response):
    return []


@functools.wraps(asgi_function)
def wrapped(*args):
    return asgi_function(*args)


class Middleware:
    def __call__(self, scope, receive, send):
        return asgi_function(scope, receive, send)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (fastapi.FastAPI, AsgiTransport),
        (Starlette, AsgiTransport),
        (ASGIHandler, AsgiTransport),
        (lambda: asgi_function, AsgiTransport),
        (lambda: wrapped, AsgiTransport),
        (Middleware, AsgiTransport),
        (lambda: WsgiToAsgi(wsgi_function), AsgiTransport),
        (lambda: flask.Flask("app"), WsgiTransport),
        (lambda: flask.Flask("app").wsgi_app, WsgiTransport),
        (WSGIHandler, WsgiTransport),
        (lambda: wsgi_function, WsgiTransport),
        (lambda: lambda *args: [], WsgiTransport),
    ],
)
def test_an_app_in_this_process(make, kind):
    transport = transport_for(make(), PATH)
    assert type(transport) is kind
    assert str(transport.url) == "http://testserver/api/inngest"


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("http://localhost:8000", "http://localhost:8000/api/inngest"),
        ("http://localhost:8000/", "http://localhost:8000/api/inngest"),
        ("https://app.example/hooks", "https://app.example/hooks"),
    ],
)
def test_an_address_keeps_a_path_of_its_own(target, url):
    transport = transport_for(target, PATH)
    assert type(transport) is HttpTransport
    assert str(transport.url) == url


def create_app():
    return flask.Flask("app")


async def async_pair(first, second):
    pass


@pytest.mark.parametrize(
    ("target", "found"),
    [
        (None, "got NoneType None"),
        (["one"], r"got list \['one'\]"),
        (flask.Flask, "got the class Flask; mount an instance of it"),
        (create_app, "got <function create_app at .*>, which takes no arguments; if it makes the app, call it"),
        (async_pair, "got function <function async_pair at .*>"),
        (len, "got builtin_function_or_method <built-in function len>"),
    ],
)
def test_anything_else_is_refused_with_what_was_found(target, found):
    with pytest.raises(SetupError, match=rf"^an app is mounted as a URL .*; {found}$"):
        transport_for(target, PATH)
