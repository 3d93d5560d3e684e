"""Nothing leaves the process."""

from __future__ import annotations

import socket

import pytest


@pytest.fixture
def sockets():
    """Ask for it to let sockets connect."""


@pytest.fixture(autouse=True)
def _no_sockets(request, monkeypatch):
    if "sockets" in request.fixturenames:
        yield
        return
    connected = []

    def connect(_, address):
        connected.append(address)
        raise OSError(f"a test connects to {address!r}")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket.socket, "connect_ex", connect)
    yield
    assert connected == []


@pytest.fixture
def anyio_backend():
    """The SDK's async functions need asyncio."""
    return "asyncio"
