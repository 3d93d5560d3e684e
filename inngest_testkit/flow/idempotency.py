"""Idempotency: what was asked for once is done once within 24 hours.

Two rules. An event's own id starts a function at most once: the run's key is the function and the id, and the state
store refuses a second run with a key that is younger than `IDEMPOTENCY_PERIOD`. A function's `idempotency` is a rate
limit of one event each `IDEMPOTENCY_PERIOD` with that key: the first event wins, whatever becomes of its run; a key
that is `false` or missing switches it off; it replaces the function's rate limit.

Source: recordings/sdk README, "Event ids and idempotency"; duplicate_event_id, idempotency_key. For functions that are
configured as a DAG, the v0.5.0 server keeps an event's id for as long as the run's state; here it is the same window.
"""

from __future__ import annotations

from inngest_testkit.functions.flow_control import IDEMPOTENCY_PERIOD

__all__ = ["IDEMPOTENCY_PERIOD"]
