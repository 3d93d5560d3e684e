"""Hypothesis, or the error that says which extra brings it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inngest_testkit.errors import MissingExtraError

try:
    from hypothesis import strategies as st
except ImportError:
    raise MissingExtraError("inngest_testkit.testing.strategies", "hypothesis") from None

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hypothesis.strategies import SearchStrategy

__all__ = ["from_schema", "st"]


def from_schema(schema: Mapping[str, Any]) -> SearchStrategy[object]:
    """Give the values that a JSON schema allows; raises `MissingExtraError` without hypothesis-jsonschema."""
    try:
        import hypothesis_jsonschema  # late: few strategies need it, and it imports jsonschema
    except ImportError:
        raise MissingExtraError("a strategy for events with a json-schema definition", "hypothesis") from None
    values: SearchStrategy[object] = hypothesis_jsonschema.from_schema(dict(schema))
    return values
