"""What the tests of the contracts share."""

from __future__ import annotations

import anyio
import pytest


@pytest.fixture(scope="session")
def failing_checks():
    """A function that runs a contract against stores that a callable makes, and returns the names of failed checks."""

    def failing(contract, store):
        class Checked(contract):
            __test__ = False
            patience = 0.1

            async def make_store(self):
                return store()

        async def run():
            failed = set()
            for name in Checked.checks():
                try:
                    await getattr(Checked(), name)()
                except Exception:
                    failed.add(name)
            return failed

        return anyio.run(run)

    return failing
