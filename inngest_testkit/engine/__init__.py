"""The engine: every component of the server in one process, in lock-step on one clock."""

from __future__ import annotations

from inngest_testkit.engine.aio import AsyncEngine
from inngest_testkit.engine.results import Sent
from inngest_testkit.engine.sync import Engine

__all__ = ["AsyncEngine", "Engine", "Sent"]
