"""What is checked of an engine when its test has passed: failures nobody looked at, mocks that never answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_inngest._engines import core_of, of_test
from pytest_inngest._marker import marked
from pytest_inngest._options import OPTIONS
from pytest_inngest._warnings import UnobservedFailureWarning, UnusedMockWarning

if TYPE_CHECKING:
    from inngest_testkit import AsyncEngine, Engine, Run
    from inngest_testkit.drivers.mock import Mock

__all__ = ["check"]

_MOST = 5


def check(item: pytest.Item, engine: Engine | AsyncEngine) -> None:
    """Warn or fail for what the test overlooked; a test that was cut short is not asked."""
    __tracebackhide__ = True
    test = of_test(item)
    if test.cut_short:
        return
    said, options = marked(item), item.config.stash[OPTIONS]
    failures = said.get("unobserved_failures", options.unobserved_failures)
    mocks = said.get("unused_mocks", options.unused_mocks)
    runs = [engine.run(run_id) for run_id in core_of(engine).journal.unobserved_failures()]
    unused = engine.unused_mocks
    errors = []
    if runs:
        test.reported = failures == "error"
        errors += _act(item, failures, UnobservedFailureWarning(_unobserved(runs, timelines=failures == "error")))
    if unused:
        errors += _act(item, mocks, UnusedMockWarning(_unused(unused)))
    if errors:
        pytest.fail("\n\n".join(errors), pytrace=False)


def _act(item: pytest.Item, action: str, warning: Warning) -> list[str]:
    """Warn, or return what the test is to fail with."""
    if action == "error":
        return [str(warning)]
    if action == "warn":
        try:
            item.warn(warning)
        except Warning as raised:
            # The session's filters make errors of warnings; our own stack would not help anyone.
            return [f"{type(raised).__name__}: {raised}"]
    return []


def _unobserved(runs: list[Run], *, timelines: bool) -> str:
    from pytest_inngest._report import timeline

    shown = [timeline(run) if timelines else f"- {run.id} of {run.function_id}: {run.error}" for run in runs[:_MOST]]
    what = "1 run failed" if len(runs) == 1 else f"{len(runs)} runs failed"
    remedy = "read .status or .error, or say @pytest.mark.inngest(unobserved_failures='ignore')"
    return "\n".join([f"{what} and the test did not look: {remedy}", *shown, *_more(len(runs))])


def _unused(mocks: tuple[Mock, ...]) -> str:
    shown = [f"- step {mock.step_id!r} of function {mock.function_id!r}" for mock in mocks[:_MOST]]
    what = "1 mock never answered" if len(mocks) == 1 else f"{len(mocks)} mocks never answered"
    remedy = "remove what is not needed, or say @pytest.mark.inngest(unused_mocks='ignore')"
    return "\n".join([f"{what}: {remedy}", *shown, *_more(len(mocks))])


def _more(count: int) -> list[str]:
    return [f"… and {count - _MOST} more"] if count > _MOST else []
