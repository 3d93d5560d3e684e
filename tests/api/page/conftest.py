"""A server with functions, and tabs of a browser that look at it."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from inngest_testkit import Engine, Function, NonRetriableError, Step, after, on_event
from inngest_testkit.api.server import LiveServer

from .browser import chromium

#: Notes what the page's policy forbids, before anything of the page runs.
_WATCH = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""


def decline():
    raise NonRetriableError("the card was declined")


def order():
    """A function with a step that fails, steps that wait, and steps that are not reached."""
    return Function(
        "order",
        on_event("shop/order.placed", if_="event.data.amount > 0"),
        steps=[
            Step("reserve", lambda: {"warehouse": "Lyon"}),
            Step("charge", decline, after="reserve"),
            Step("receipt", lambda: None, after="charge"),
            Step("gift", lambda: None, after=after("reserve", if_="event.data.amount > 100")),
            Step("review", lambda: "thanks", after=after("reserve", wait="3d")),
            Step("returned", lambda: None, after=after("reserve", event="shop/order.returned", ttl="30d")),
        ],
    )


@pytest.fixture(scope="session")
def chrome():
    with chromium() as browser:
        yield browser


@pytest.fixture
def engine():
    engine = Engine()
    engine.register(order(), Function("hello", on_event("app/hello"), steps=[Step("greet", lambda: "hi")]))
    return engine


@pytest.fixture
def serve():
    """Serve engines until the test is over."""
    with ExitStack() as stack:
        yield lambda engine, port=0: stack.enter_context(LiveServer(stack.enter_context(engine), port=port))


@pytest.fixture
def server(engine, serve):
    return serve(engine)


@pytest.fixture
def open_tab(chrome, serve):
    """Open a tab; when the test is over, nothing was forbidden by the policy and nothing went wrong in the console."""
    opened = []

    def tab(*, width=1280, height=860, dark=False):
        context = chrome.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        context.add_init_script(_WATCH)
        page = context.new_page()
        page.set_default_timeout(10_000)
        wrong = []
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        opened.append((context, page, wrong))
        return page

    tab.wrong = lambda: [text for _, _, wrong in opened for text in wrong]
    tab.forgive = lambda: [wrong.clear() for _, _, wrong in opened]
    yield tab
    try:
        for _, page, wrong in opened:
            assert page.evaluate("window.violations ?? []") == []
            assert wrong == []
    finally:
        for context, _, _ in opened:
            context.close()


@pytest.fixture
def tab(open_tab, server):
    """A tab at the server's page."""
    page = open_tab()
    page.goto(server.url)
    return page
