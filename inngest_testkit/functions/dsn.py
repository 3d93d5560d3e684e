"""The name of a step's action: its DSN.

Source: recordings/dag README, "Defaults, ids, DSN".
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["dsn", "slug"]

# What the server's slug library replaces before it transliterates; and the comma, which python-slugify drops in 1,000.
_BEFORE = {'"': "", "'": "", "’": "", "‒": "-", "–": "-", "—": "-", "―": "-", "&": "and", "@": "at", ",": "-"}  # noqa: RUF001

_OTHER = re.compile(r"[^-a-z0-9_]+")
_DASHES = re.compile(r"-+")


@lru_cache(maxsize=4096)
def slug(step_id: str) -> str:
    """Write a step's id as it stands in its DSN: ASCII, lower case, single dashes; `_` stays.

    `Send Email!` gives `send-email`, `b.c` gives `b-c`, `élan` gives `elan`.
    """
    text = step_id.strip()
    for old, new in _BEFORE.items():
        text = text.replace(old, new)
    if not text.isascii():
        from slugify import slugify  # late: few ids need it, and its import takes longer than this package's

        text = slugify(text, regex_pattern=_OTHER.pattern, entities=False, decimal=False, hexadecimal=False)
    return _DASHES.sub("-", _OTHER.sub("-", text.lower())).strip("-_")


def dsn(function_id: str, step_id: str, env: str = "test") -> str:
    """Give the DSN of a step's action: `FUNCTION-step-SLUG-ENV`."""
    return f"{function_id}-step-{slug(step_id)}-{env}"
