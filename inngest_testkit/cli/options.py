"""Options that several commands have, and how the end of a command's help is written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["API_URL", "NAME", "ApiUrl", "AsJson", "NoColor", "PathArgument", "epilog"]

NAME = "inngest-testkit"

#: Where the Core API of `serve` listens on this machine.
API_URL = "http://127.0.0.1:8300"

PathArgument = Annotated[
    Path,
    typer.Argument(
        metavar="PATH",
        show_default=False,
        help="A folder (every inngest.json and inngest.cue below it), or one such file.",
    ),
]
ApiUrl = Annotated[str, typer.Option("--api-url", metavar="URL", help="Where the Core API of the server is.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
NoColor = Annotated[bool, typer.Option("--no-color", help="No colours, also on a terminal (as with NO_COLOR=1).")]


def epilog(status: str, *examples: str) -> str:
    """Write what stands below the options: the exit statuses (lines of number and meaning) and the examples."""
    shown = "\n".join(f"  {each}" for each in examples)
    return f"\b\nExit status:\n{status}\n\n\b\nExamples:\n{shown}"
