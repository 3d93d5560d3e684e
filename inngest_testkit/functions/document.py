"""One configuration file as data: what it says, and where each value stands in it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from inngest_testkit.errors import DocumentError
from inngest_testkit.functions import cue_program
from inngest_testkit.functions.cue import DEFINITIONS_PACKAGE, parse_cue
from inngest_testkit.functions.cue_tokens import CueError, UnsupportedCueError
from inngest_testkit.functions.cue_values import Value, plain, positions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path as FilePath

    from inngest_testkit.functions.problems import Path

__all__ = ["Document", "parse_document", "read_document"]


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says.

    `value` is the function (the field `function`, if the document has one; another root for documents of other
    kinds); `positions` gives line and column,
    from 1, of each value by its path in it; `definitions` names the definitions that values were unified with;
    `file` is its name as shown.
    """

    value: object
    positions: Mapping[Path, tuple[int, int]] = field(default_factory=dict)
    definitions: Mapping[Path, frozenset[str]] = field(default_factory=dict)
    file: str = ""

    @property
    def schema(self) -> bool:
        """Whether the document asks for the schema, by unifying with `#Function`."""
        return "Function" in self.definitions.get((), ())

    def position(self, path: Path) -> tuple[int, int]:
        """Give line and column of a value, or of what should have held it."""
        while path and path not in self.positions:
            path = path[:-1]
        return self.positions.get(path, (1, 1))


def read_document(path: FilePath, *, shown: str | None = None) -> Document:
    """Read a file; raises `DocumentError`. `shown` is its name in messages."""
    name = str(path) if shown is None else shown
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DocumentError(f"cannot be read: {error.strerror or error}", file=name, line=1, column=1) from None
    return parse_document(_decode(content, name), file=name, path=path)


def parse_document(text: str, *, file: str, path: FilePath | None = None, root: str = "function") -> Document:
    """Read a text; raises `DocumentError`. The value is that of the field `root`, in a document that has it.

    With `path`, the cue program evaluates what this reader does not, if it is installed.
    """
    try:
        parsed = parse_cue(text)
        plain(parsed.value)
    except UnsupportedCueError as error:
        return _evaluated(text, error, file, path, root)
    except CueError as error:
        line, column = _line_and_column(text, error.offset)
        raise DocumentError(error.reason, file=file, line=line, column=column) from None
    value = parsed.value
    if value.kind == "struct" and root in value.data:
        value = value.data[root]
    return _document(text, value, file)


def _document(text: str, value: Value, file: str) -> Document:
    starts = _line_starts(text)
    found = positions(value)
    return Document(
        value=plain(value),
        positions={path: _locate(starts, each.offset) for path, each in found.items()},
        definitions={path: each.definitions for path, each in found.items() if each.definitions},
        file=file,
    )


def _evaluated(text: str, error: UnsupportedCueError, file: str, path: FilePath | None, root: str) -> Document:
    line, column = _line_and_column(text, error.offset)
    program = cue_program.find() if path is not None else None
    if program is None or path is None:
        raise DocumentError(
            f"{error.construct} is cue that has to be evaluated; write plain data, or install the cue program "
            "(https://cuelang.org) so that it can be asked",
            file=file,
            line=line,
            column=column,
        )
    value = cue_program.export(program, path, file=file)
    if isinstance(value, dict) and root in value:
        value = value[root]
    schema = f'"{DEFINITIONS_PACKAGE}' in text and "#Function" in text
    return Document(value, definitions={(): frozenset({"Function"})} if schema else {}, file=file)


def _decode(content: bytes, file: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _line_and_column(content[: error.start].decode("utf-8-sig"), error.start)
        raise DocumentError("the file is not UTF-8 text", file=file, line=line, column=column) from None


def _line_starts(text: str) -> list[int]:
    starts = [0]
    while (end := text.find("\n", starts[-1])) >= 0:
        starts.append(end + 1)
    return starts


def _locate(starts: list[int], offset: int) -> tuple[int, int]:
    line = bisect_right(starts, offset)
    return line, offset - starts[line - 1] + 1


def _line_and_column(text: str, offset: int) -> tuple[int, int]:
    return _locate(_line_starts(text), min(offset, len(text)))
