"""Tests for environments other than this one; `.ci/environments` makes them and runs each folder there."""

collect_ignore = ["installed", "pytest_asyncio"]
