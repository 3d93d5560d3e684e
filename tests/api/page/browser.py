"""A headless Chromium for tests. Playwright's loop runs in a thread of its own, where it disturbs no other test's."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Remote:
    """An object of playwright's, used from another thread: what it returns is a value, or remote again."""

    def __init__(self, target, thread):
        self._target, self._thread = target, thread

    def __getattr__(self, name):
        found = self._thread.submit(getattr, self._target, name).result()
        if not callable(found) or type(found).__module__.startswith("playwright"):
            return self._wrapped(found)

        def call(*given, **named):
            plain, others = map(_plain, given), {key: _plain(each) for key, each in named.items()}
            return self._wrapped(self._thread.submit(found, *plain, **others).result())

        return call

    def _wrapped(self, value):
        if isinstance(value, list):
            return [self._wrapped(each) for each in value]
        return Remote(value, self._thread) if type(value).__module__.startswith("playwright") else value


def _plain(value):
    return value._target if isinstance(value, Remote) else value


def expect(remote):
    """Playwright's assertions, which wait for what is asserted."""
    from playwright.sync_api import expect as expect_there

    return Remote(remote._thread.submit(expect_there, remote._target).result(), remote._thread)


@contextmanager
def chromium():
    """One browser; without Chromium the tests are skipped, and say how to get it."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("Chromium is not installed: apt-get install --no-install-recommends chromium fonts-dejavu-core")
    from playwright.sync_api import sync_playwright

    with ThreadPoolExecutor(1, "playwright") as thread:
        playwright = thread.submit(lambda: sync_playwright().start()).result()
        try:
            browser = thread.submit(lambda: playwright.chromium.launch(executable_path=path, args=ARGUMENTS)).result()
            try:
                yield Remote(browser, thread)
            finally:
                thread.submit(browser.close).result()
        finally:
            thread.submit(playwright.stop).result()
