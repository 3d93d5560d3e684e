"""Runs of real SDK functions."""

from __future__ import annotations

import logging

import pytest

from .server import Server, trace_steps


@pytest.fixture
def play(monkeypatch):
    """Play one run of a handler; returns the server."""
    trace_steps(monkeypatch)
    # The SDK logs what handlers do wrong on purpose.
    monkeypatch.setattr(logging.root.manager, "disable", logging.ERROR)
    return lambda handler, **options: Server(handler, **options).play()
