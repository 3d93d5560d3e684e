"""Functions from files: every `inngest.json` and `inngest.cue` below a folder, all or none.

Source: recordings/dag README, "Loading". Files are read once.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import TYPE_CHECKING

from inngest_testkit.errors import DocumentError, InvalidFunctionsError, SetupError
from inngest_testkit.functions.decode import decode_function
from inngest_testkit.functions.document import parse_document, read_document
from inngest_testkit.functions.problems import describe
from inngest_testkit.functions.validation import find_problems

if TYPE_CHECKING:
    from inngest_testkit.functions.document import Document
    from inngest_testkit.functions.model import Function
    from inngest_testkit.functions.problems import Path, Problem

__all__ = ["FILE_NAMES", "LoadedFunction", "load_functions", "parse_function"]

#: The names of the files that hold a function.
FILE_NAMES = ("inngest.cue", "inngest.json")


@dataclass(frozen=True, slots=True)
class LoadedFunction:
    """A function, the file that it stands in, and what that file says.

    `ignored` names the fields, with their places, that mean nothing to the server.
    """

    function: Function
    file: FilePath
    document: Document
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Read:
    loaded: LoadedFunction
    problems: list[Problem]

    def spot(self, path: Path) -> str:
        line, column = self.loaded.document.position(path)
        return f"{self.loaded.document.file}:{line}:{column}"

    def place(self, path: Path) -> str:
        return f"{self.spot(path)}: {describe(self.loaded.function.id, path)}"


def load_functions(path: str | os.PathLike[str]) -> tuple[LoadedFunction, ...]:
    """Read the function of a file, or of every file below a folder, hidden folders included.

    Raises `InvalidFunctionsError` with every problem of every file, and then nothing is loaded; `SetupError` when
    there is no such file or folder. A folder without functions gives an empty tuple.
    """
    read = [_read(file) for file in _files(FilePath(path))]
    problems = _problems(read)
    if problems:
        raise InvalidFunctionsError(problems)
    return tuple(each.loaded for each in read if isinstance(each, _Read))


def parse_function(text: str, *, shown: str) -> Function:
    """Read the function of a text that was sent, in JSON or cue; no file is read for it.

    Raises `InvalidFunctionsError` with every problem; `shown` is the name of the text in it.
    """
    try:
        document = parse_document(text, file=shown)
    except DocumentError as error:
        raise InvalidFunctionsError([str(error)]) from None
    function, problems = decode_function(document, None)
    found = _problems([_Read(LoadedFunction(function, FilePath(shown), document), problems)])
    if found:
        raise InvalidFunctionsError(found)
    return function


def _read(file: FilePath) -> _Read | DocumentError:
    try:
        document = read_document(file, shown=_shown(file))
    except DocumentError as error:
        return error
    ignored: list[Problem] = []
    function, problems = decode_function(document, file.parent, ignored=ignored)
    read = _Read(LoadedFunction(function, file, document), problems)
    texts = tuple(f"{read.place(field.path)}: {field.message}" for field in ignored)
    return replace(read, loaded=replace(read.loaded, ignored=texts))


def _problems(read: list[_Read | DocumentError]) -> list[str]:
    """Write the problems of all files, file by file, from top to bottom."""
    readable = [each for each in read if isinstance(each, _Read)]
    found: list[list[Problem]] = [list(each.problems) for each in readable]
    checked = find_problems(
        [each.loaded.function for each in readable], lambda number, path: readable[number].spot(path)
    )
    for number, problem in checked:
        # What could not be read has been said; that it is then missing is no news.
        if not any(problem.path[: len(each.path)] == each.path for each in readable[number].problems):
            found[number].append(problem)
    texts: list[str] = []
    remaining = iter(zip(readable, found, strict=True))
    for each in read:
        if isinstance(each, DocumentError):
            texts.append(str(each))
            continue
        source, problems = next(remaining)
        problems.sort(key=lambda problem: source.loaded.document.position(problem.path))
        texts.extend(f"{source.place(problem.path)}: {problem.message}" for problem in problems)
    return texts


def _files(path: FilePath) -> list[FilePath]:
    names = " or ".join(FILE_NAMES)
    if path.is_file():
        if path.name in FILE_NAMES:
            return [path]
        raise SetupError(f"{str(path)!r} does not hold a function; give a folder, or a file named {names}")
    if not path.is_dir():
        raise SetupError(
            f"there is no file or folder {str(path)!r} (looked in {str(FilePath.cwd())!r}); "
            f"give a folder, or a file named {names}"
        )
    found = [
        FilePath(folder, name) for folder, _, names_there in os.walk(path) for name in names_there if name in FILE_NAMES
    ]
    return sorted(found, key=lambda file: file.parts)


def _shown(file: FilePath) -> str:
    """Name a file as short as it can be clicked: relative to the working folder where it lies in it."""
    try:
        return str(file.relative_to(FilePath.cwd()))
    except ValueError:
        return str(file)
