"""The HTTP face on a socket."""

from __future__ import annotations

import time
from contextlib import contextmanager
from threading import Thread

import uvicorn

from inngest_testkit.api import make_app


@contextmanager
def serving(engine, settings=None):
    """The address of a server for an engine, in a thread of its own."""
    config = uvicorn.Config(make_app(engine, settings), port=0, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive())
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def until(done, seconds=10):
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.005)
