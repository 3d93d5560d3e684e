"""Run the Python of a page of the documentation, and compare what it prints with what the page shows."""

from __future__ import annotations

import contextlib
import inspect
import io
import re
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from inngest_testkit import Engine
from inngest_testkit.api import LiveServer

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, the number of its first line, and what is to be printed by it."""

    language: str
    text: str
    line: int
    shown: str | None = None


def sections(page):
    """Return a page's parts by their headings of the second level; what is before the first has none."""
    text = page.read_text()
    starts = [0, *(match.start() for match in re.finditer(r"^## ", text, flags=re.MULTILINE)), len(text)]
    found = {}
    for start, end in pairwise(starts):
        part = text[start:end]
        heading = part.partition("\n")[0].removeprefix("## ") if start else ""
        found[heading] = _blocks(part, text[:start].count("\n"))
    return found


def _blocks(text, before):
    found = []
    for match in _BLOCK.finditer(text):
        block = Block(match[1], match[2], before + text[: match.start()].count("\n") + 2)
        if block.language == "text" and found and found[-1].language == "python" and found[-1].shown is None:
            last = found[-1]
            found[-1] = Block(last.language, last.text, last.line, block.text)
        else:
            found.append(block)
    return found


def run(page, block, names):
    """Run a block and the tests in it, each with an engine of its own; return what was printed."""
    printed = io.StringIO()
    before = set(names)
    # Line numbers are those of the page.
    code = compile("\n" * (block.line - 1) + block.text, str(page), "exec")
    with contextlib.redirect_stdout(printed):
        exec(code, names)
        for name in [name for name in names if name not in before and name.startswith("test_")]:
            _test(names[name])
    return printed.getvalue()


def _test(function):
    with contextlib.ExitStack() as stack:
        given: dict[str, Any] = {}
        engine = stack.enter_context(Engine())
        for wanted in inspect.signature(function).parameters:
            if wanted == "inngest_engine":
                given[wanted] = engine
            elif wanted == "inngest_server":
                given[wanted] = stack.enter_context(LiveServer(engine))
            elif wanted == "tmp_path":
                given[wanted] = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            else:
                fixtures = "inngest_engine, inngest_server and tmp_path"
                raise AssertionError(f"{function.__name__} asks for {wanted}; a page has {fixtures}")
        function(**given)
