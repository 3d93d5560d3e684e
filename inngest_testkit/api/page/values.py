"""Values as the page shows them: JSON text of bounded length, moments in milliseconds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from inngest_testkit.clock import epoch_ms
from inngest_testkit.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from inngest_testkit.runs import ErrorInfo
    from inngest_testkit.values import JsonValue

__all__ = ["LONGEST", "error_view", "limit_of", "moment", "text_of"]

#: Characters of one value that are shown.
LONGEST = 20_000
#: Rows of a list, unless asked for another number, and at most.
_ROWS, _MOST_ROWS = 200, 1000


def moment(at: datetime | None) -> int | None:
    """Return a moment in milliseconds since 1970."""
    return None if at is None else epoch_ms(at)


def text_of(value: JsonValue) -> dict[str, Any]:
    """Return a value as indented JSON: `text`, and `more`, how many characters were left out of it."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return {"text": text[:LONGEST], "more": max(0, len(text) - LONGEST)}


def error_view(error: ErrorInfo | None) -> dict[str, str] | None:
    """Return an error with its stack, each text of bounded length."""
    if error is None:
        return None
    return {
        "name": error.name,
        "message": error.message[:LONGEST],
        "stack": error.stack[-LONGEST:],
        "place": error.place,
    }


def limit_of(asked: Mapping[str, str]) -> int:
    """Return how many rows are asked for with `limit`; raises `NotFoundError` for what is no number from 1."""
    given = asked.get("limit", str(_ROWS))
    if not given.isascii() or not given.isdigit() or not 1 <= len(given) <= len(str(_MOST_ROWS)) or given == "0":
        raise NotFoundError("limit", given, reason=f"limit is a number from 1 to {_MOST_ROWS}")
    return min(int(given), _MOST_ROWS)
