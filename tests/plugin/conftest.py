"""Run pytest in pytest."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Protocol

import pytest
from pytest_inngest import _checks, _report

import inngest_testkit

# Imported once, here: pytester forgets, after each inner run, what only that run has imported.
__all__ = ["_checks", "_report", "inngest_testkit"]

if TYPE_CHECKING:
    from collections.abc import Sequence


_FUNCTIONS = '''
    import pytest
    from inngest_testkit import Function, Step, after, on_event

    def broken():
        raise ValueError("the mail server is down")

    def signup(welcome=broken):
        """A run that charges, waits a day and then fails, unless told how to welcome."""
        steps = [Step("charge", lambda: {"ok": True}), Step("welcome", welcome, after=after("charge", wait="1d"))]
        return Function("signup", on_event("user/signed.up", if_="event.data.plan == 'pro'"), steps=steps)

    PRO = ("user/signed.up", {"plan": "pro"})
'''


@pytest.fixture(autouse=True)
def _not_ci(monkeypatch):
    """The inner pytest prints as at a desk: on CI it would not shorten its summary."""
    for name in ("CI", "BUILD_NUMBER"):
        monkeypatch.delenv(name, raising=False)


class Inner(Protocol):
    """Runs the tests of one module in a pytest of its own."""

    def __call__(
        self, tests: str | None, *args: str, apart: bool = False, plugins: Sequence[str] = ()
    ) -> pytest.RunResult: ...


@pytest.fixture
def inner(pytester: pytest.Pytester, monkeypatch) -> Inner:
    """Run `tests` (a module that has `signup()` and `PRO`; None: what is there) with arguments.

    Ours is the only plugin, but for those named. `apart` takes a process for it.
    """
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(tests: str | None, *args: str, apart: bool = False, plugins: Sequence[str] = ()) -> pytest.RunResult:
        if tests is not None:
            pytester.makepyfile(functions=textwrap.dedent(_FUNCTIONS))
            module = "import pytest\nfrom functions import PRO, broken, signup\n" + textwrap.dedent(tests)
            pytester.makepyfile(test_inner=module)
        how = pytester.runpytest_subprocess if apart else pytester.runpytest_inprocess
        named = [part for plugin in ("pytest_inngest.plugin", *plugins) for part in ("-p", plugin)]
        return how(*named, "-p", "no:cacheprovider", "-Wdefault", *args)

    return run
