"""The categories of the plugin's warnings."""

from __future__ import annotations

import pytest

__all__ = ["UnobservedFailureWarning", "UnusedMockWarning"]


class UnobservedFailureWarning(pytest.PytestWarning):
    """A run failed, and the test that passed did not look at it."""

    # Where filters, and the controller of a distributed run, find it.
    __module__ = "pytest_inngest"


class UnusedMockWarning(pytest.PytestWarning):
    """A mock never answered in a test that passed."""

    __module__ = "pytest_inngest"
