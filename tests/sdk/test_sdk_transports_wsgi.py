"""WSGI apps in this process: where they run, and what they do wrong."""

from __future__ import annotations

import threading

import flask
import pytest

from inngest_testkit.sdk.transports.wsgi import WsgiTransport

from .served import PATH, call_request


def call(app):
    """Make one call, without anything that could await."""
    transport = WsgiTransport(app, PATH)
    try:
        transport.call(call_request()).send(None)
    except StopIteration as stop:
        return stop.value
    finally:
        with pytest.raises(StopIteration):
            transport.close().send(None)


def test_the_app_runs_in_the_callers_thread():
    seen = []

    def app(environ, start_response):
        seen.append(threading.get_ident())
        start_response("200 OK", [("X-Some", "Thing")])
        return [b"a", b"b"]

    response = call(app)
    assert (response.status, response.headers["x-some"], response.body) == (200, "Thing", b"ab")
    assert seen == [threading.get_ident()]


@pytest.mark.parametrize("testing", [True, False])
def test_what_an_app_raises_is_logged_and_becomes_a_500(testing, caplog):
    """Whether the framework answers itself or passes it on, as Flask does while testing."""
    app = flask.Flask("raising")
    app.testing = testing
    app.post(PATH)(lambda: 1 / 0)
    response = call(app)
    assert response.status == 500
    assert b"Internal Server Error" in response.body
    (record,) = caplog.records
    assert isinstance(record.exc_info[1], ZeroDivisionError)


def test_an_app_that_fails_in_the_middle_of_its_answer(caplog):
    class Answer:
        is_closed = False

        def __iter__(self):
            yield b"["
            raise ZeroDivisionError

        def close(self):
            self.is_closed = True

    answer = Answer()

    def app(environ, start_response):
        start_response("200 OK", [])
        return answer

    assert call(app).status == 500
    assert answer.is_closed
    assert caplog.records[0].getMessage() == "the WSGI app failed at /api/inngest"


def test_an_app_may_begin_its_answer_late_and_anew():
    def app(environ, start_response):
        start_response("200 OK", [])
        start_response("503 Service Unavailable", [], (ValueError, ValueError("late"), None))
        yield b"busy"

    response = call(app)
    assert (response.status, response.body) == (503, b"busy")


def test_an_app_that_never_begins_its_answer(caplog):
    assert call(lambda environ, start_response: []).status == 500
    assert str(caplog.records[0].exc_info[1]) == "the app returned without calling start_response"


def test_cookies_are_not_kept():
    """The server has none either."""
    seen = []

    def app(environ, start_response):
        seen.append(environ.get("HTTP_COOKIE"))
        start_response("200 OK", [("set-cookie", "session=1")])
        return []

    transport = WsgiTransport(app, PATH)
    for _ in range(2):
        with pytest.raises(StopIteration):
            transport.call(call_request()).send(None)
    assert seen == [None, None]
