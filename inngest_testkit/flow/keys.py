"""What a rule counts together: the value of its key's expression for an event, as text.

Source: recordings/sdk README, "Rate limit" (5, 5.0 and "5" are the same, objects are compared by content), "Debounce",
"Batches", and "Corrections": only `false` or a missing field switches a key off, and only where a rule says so.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from inngest_testkit.errors import ExpressionError
from inngest_testkit.expressions import MISSING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from inngest_testkit.functions.flow_control import Key

__all__ = ["INVALID", "key_text", "optional_key", "text_of"]

#: The key of events for which the expression cannot be evaluated, where the server takes them together.
INVALID = "<invalid>"


def key_text(key: Key | None, variables: Mapping[str, Any], now: Callable[[], datetime]) -> str:
    """Return the key of an event, empty without an expression; one that cannot be evaluated is `INVALID`."""
    if key is None:
        return ""
    try:
        return text_of(key.evaluate(variables, now))
    except ExpressionError:
        return INVALID


def optional_key(key: Key | None, variables: Mapping[str, Any], now: Callable[[], datetime]) -> str | None:
    """Return the key of an event, None when it is switched off; raises `ExpressionError`."""
    if key is None:
        return ""
    value = key.evaluate(variables, now)
    return None if value is False or value is MISSING else text_of(value)


def text_of(value: object) -> str:
    """Return a value as the text that keys are compared by."""
    if isinstance(value, str):
        return value
    if value is MISSING:
        return "null"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
