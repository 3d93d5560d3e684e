"""`inngest-testkit graph`: pictures of functions from files."""

from __future__ import annotations

import json
import re
import textwrap
from typing import TYPE_CHECKING

from inngest_testkit.cli.run import no_functions
from inngest_testkit.errors import SetupError
from inngest_testkit.functions.encode import encode_function
from inngest_testkit.functions.graph import to_mermaid, to_text
from inngest_testkit.functions.loader import load_functions

if TYPE_CHECKING:
    from pathlib import Path

    from inngest_testkit.cli.output import Screen

__all__ = ["draw_functions", "fit"]

_LINES = "│├┤┼╰╯┴╭╮┬─▸◂● "
_DRAWN = re.compile(f"[{_LINES}]*")
# What a line of the picture can hold where a line from above arrives.
_FROM_ABOVE = "│├┤┼╰╯┴●"
_NARROWEST = 30


def draw_functions(path: Path, screen: Screen, *, mermaid: bool = False, as_json: bool = False) -> None:
    """Print each function's picture, or its configuration as JSON.

    Raises the library's errors for what cannot be read, and `SetupError` for both forms at once.
    """
    if mermaid and as_json:
        raise SetupError("--mermaid and --json are two forms of the same; give one of them")
    functions = [loaded.function for loaded in load_functions(path)]
    if not functions:
        raise no_functions(path)
    if as_json:
        screen.write(json.dumps({"functions": [encode_function(function) for function in functions]}, indent=2))
        return
    pictures = []
    for function in functions:
        if mermaid:
            name = " ".join(function.id.split())
            pictures.append(f"%% {name}\n{to_mermaid(function)}" if len(functions) > 1 else to_mermaid(function))
        else:
            pictures.append(fit(to_text(function), screen.width))
    screen.write("\n".join(pictures).rstrip("\n"))


def fit(picture: str, width: int | None) -> str:
    """Break the texts beside a picture that are wider than the screen; its lines go on beside what follows."""
    lines = picture.splitlines()
    # A node's row begins with the picture, some blanks and its name, always in the same column.
    column = min((len(drawn) for line in lines if "●" in (drawn := _drawn(line))), default=0)
    if width is None or not column or width - column < _NARROWEST:
        return picture
    fitted = []
    for number, line in enumerate(lines):
        if len(line) <= width or len(_drawn(line)) < column:
            fitted.append(line)
            continue
        text = line[column:]
        hanging = " " * (len(text) - len(text.lstrip()) + 4)
        first, *others = textwrap.wrap(text, width - column, subsequent_indent=hanging, break_on_hyphens=False)
        below = _drawn(lines[number + 1]) if number + 1 < len(lines) else ""
        going_on = "".join("│" if each in _FROM_ABOVE else " " for each in below[:column]).ljust(column)
        fitted += [line[:column] + first, *(going_on + other for other in others)]
    return "\n".join(fitted) + "\n"


def _drawn(line: str) -> str:
    found = _DRAWN.match(line)
    return found[0] if found else ""
