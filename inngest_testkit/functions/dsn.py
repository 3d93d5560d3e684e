"""The name of a step's action: its DSN.

Source: recordings/dag README, "Defaults, ids, DSN".
"""

from __future__ import annotations

from functools import lru_cache

__all__ = ["dsn", "slug"]

# What the server's slug library replaces before it transliterates; and the comma, which python-slugify drops in 1,000.
_BEFORE = {'"': "", "'": "", "’": "", "‒": "-", "–": "-", "—": "-", "―": "-", "&": "and", "@": "at", ",": "-"}  # noqa: RUF001


@lru_cache(maxsize=4096)
def slug(step_id: str) -> str:
    """Write a step's id as it stands in its DSN: ASCII, lower case, single dashes; `_` stays.

    `Send Email!` gives `send-email`, `b.c` gives `b-c`, `élan` gives `elan`.
    """
    from slugify import slugify

    text = step_id.strip()
    for old, new in _BEFORE.items():
        text = text.replace(old, new)
    written = slugify(text, regex_pattern=r"[^-a-z0-9_]+", entities=False, decimal=False, hexadecimal=False)
    return str(written).strip("-_")


def dsn(function_id: str, step_id: str, env: str = "test") -> str:
    """Give the DSN of a step's action: `FUNCTION-step-SLUG-ENV`."""
    return f"{function_id}-step-{slug(step_id)}-{env}"
