"""The pytest plugin: an engine for each test, and its timeline in the report of a test that fails.

Only the categories of its warnings are for import, to filter them by name
(`ignore::pytest_inngest.UnusedMockWarning`).
"""

from __future__ import annotations

from pytest_inngest._warnings import UnobservedFailureWarning, UnusedMockWarning

__all__ = ["UnobservedFailureWarning", "UnusedMockWarning"]
