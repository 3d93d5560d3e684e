"""The command line: run functions on the fake clock, and draw them. Needs the extra `[cli]`.

Importing this package imports none of the rest; `main` does.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_NEEDED = ("typer", "rich")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; `arguments` are those of the process unless given."""
    if missing := _missing():
        sys.stderr.write(f"Error: {missing}\n")
        return 2
    from inngest_testkit.cli.app import run_app

    return run_app(arguments)


def _missing() -> str:
    """Say what is missing, if something is."""
    try:
        for name in _NEEDED:
            importlib.import_module(name)
    except ImportError:
        from inngest_testkit.errors import MissingExtraError

        return str(MissingExtraError("the command line", "cli"))
    return ""
