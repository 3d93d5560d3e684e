"""What the tests of the engine share."""

from __future__ import annotations

from inngest_testkit import Engine


def make(*functions, **options):
    """An engine with these functions."""
    engine = Engine(**options)
    engine.register(*functions)
    return engine


def since(run, moment):
    """How long after its start something happened to a run."""
    return moment - run.started_at
