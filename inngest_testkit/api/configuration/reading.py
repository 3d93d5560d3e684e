"""Find the configuration, put the environment's variables into it, and say everything that is wrong with it.

Source: recordings/dag README, "Configuration (`serve`)".
"""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

from pydantic import BaseModel, ValidationError

from inngest_testkit.api.configuration.model import Configuration, DockerDriver, HttpDriver, MockDriver
from inngest_testkit.errors import DocumentError, InvalidConfigurationError, SetupError, suggestion
from inngest_testkit.functions.configuration import shown
from inngest_testkit.functions.document import parse_document

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic_core import ErrorDetails

    from inngest_testkit.functions.document import Document

__all__ = ["DEFAULTS", "LOCATIONS", "VARIABLE", "LoadedConfiguration", "load_configuration", "parse_configuration"]

#: Where a configuration is looked for, each with the endings of `ENDINGS`.
LOCATIONS = ("inngest", "/etc/inngest")
ENDINGS = (".cue", ".json")
#: The variable that may hold the text of a configuration.
VARIABLE = "INNGEST_CONFIG"
#: What is said to be the source of a configuration that was found nowhere.
DEFAULTS = "the defaults"

_VARIABLES = re.compile(r"\$(?:\{(\w+)\}|([A-Za-z_]\w*))")
#: A problem, after the line and column it is at.
Placed: TypeAlias = tuple[tuple[int, int], str]
#: What stands at the top of a function, whose file has the same name.
_OF_FUNCTIONS = {"triggers", "steps"}


@dataclass(frozen=True, slots=True)
class LoadedConfiguration:
    """A configuration, and where it came from; `unset` names the variables in it that the environment does not have."""

    configuration: Configuration
    source: str
    unset: tuple[str, ...] = ()


def load_configuration(file: str | None = None, env: Mapping[str, str] | None = None) -> LoadedConfiguration:
    """Read a file; without one the first there is of `./inngest.cue`, `./inngest.json`, the same two in `/etc`.

    Without them the text in `$INNGEST_CONFIG`, and without it the defaults. `env` is the process's environment unless
    given. A file may be named without its ending.
    Raises `SetupError` when it is not there or cannot be read, `InvalidConfigurationError` with every problem.
    """
    env = os.environ if env is None else env
    places = [file] if file is not None else LOCATIONS
    for path in (each for place in places for each in _candidates(place, exact=file is not None)):
        if path.is_file():
            return parse_configuration(_text(path), source=str(path), env=env)
    if file is not None:
        raise SetupError(f"there is no configuration file {file!r} (looked in {str(Path.cwd())!r})")
    if env.get(VARIABLE):
        return parse_configuration(env[VARIABLE], source=f"${VARIABLE}", env=env)
    return LoadedConfiguration(Configuration(), DEFAULTS)


def _candidates(place: str, *, exact: bool) -> Iterator[Path]:
    if exact:
        yield Path(place)
    for ending in ENDINGS:
        yield Path(place + ending)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise SetupError(f"{path}: the file is not UTF-8 text") from None
    except OSError as error:
        raise SetupError(f"{path}: the file cannot be read: {error.strerror or error}") from None


def parse_configuration(text: str, *, source: str, env: Mapping[str, str]) -> LoadedConfiguration:
    """Read a configuration from JSON or cue, `$NAME` and `${NAME}` standing for variables of `env`.

    A variable that is not there stands for nothing. Raises `InvalidConfigurationError` with every problem.
    """
    unset = tuple(dict.fromkeys(name for m in _VARIABLES.finditer(text) if (name := m[1] or m[2]) not in env))
    expanded = _VARIABLES.sub(lambda match: env.get(match[1] or match[2], ""), text)
    try:
        document = _document(expanded, source)
    except DocumentError as error:
        raise InvalidConfigurationError([str(error), *_of_unset(source, unset)]) from None
    value = document.value
    if isinstance(value, dict) and _OF_FUNCTIONS & value.keys():
        raise InvalidConfigurationError(
            [f"{source}: this is a function, not a configuration; give the configuration's file with -c"]
        )
    problems = _misplaced_drivers(document)
    try:
        configuration = Configuration.model_validate(value)
    except ValidationError as error:
        problems += [_problem(each, document) for each in error.errors()]
    if problems:
        texts = [text for _, text in sorted(problems)]
        raise InvalidConfigurationError([*texts, *_of_unset(source, unset)]) from None
    return LoadedConfiguration(configuration, source, unset)


def _misplaced_drivers(document: Document) -> list[Placed]:
    """Find the drivers that stand at another's runtime; pydantic would say so only when all else is right."""
    value: Any = document.value
    for key in ("execution", "drivers"):
        value = value.get(key) if isinstance(value, dict) else None
    names = {_tag(driver) for driver in (DockerDriver, HttpDriver, MockDriver)}
    problems = []
    for runtime, driver in value.items() if isinstance(value, dict) else ():
        name = driver.get("name") if isinstance(driver, dict) else None
        if name in names and name != runtime:
            path = ("execution", "drivers", runtime)
            message = f'driver {name!r} is not valid for runtime {runtime!r}; write it as {name}: {{name: "{name}"}}'
            problems.append(_at(document, path, message))
    return problems


def _document(text: str, source: str) -> Document:
    # The cue program, which may have to evaluate the text, reads files.
    with tempfile.TemporaryDirectory(prefix="inngest-testkit-") as folder:
        path = Path(folder, "inngest.cue")
        path.write_text(text, encoding="utf-8")
        return parse_document(text, file=source, path=path, root="config")


def _of_unset(source: str, unset: tuple[str, ...]) -> list[str]:
    return [f"{source}: ${name} is not set in the environment, so nothing stands in its place" for name in unset]


def _at(document: Document, path: tuple[str | int, ...], message: str) -> Placed:
    line, column = document.position(path)
    where = ".".join(map(str, path)) or "the configuration"
    return (line, column), f"{document.file}:{line}:{column}: {where}: {message}"


def _problem(error: ErrorDetails, document: Document) -> Placed:
    path, expected, known = _place(error["loc"])
    kind, found = error["type"], error["input"]
    if kind == "extra_forbidden":
        name = error["loc"][-1]
        return _at(document, (*path, name), f"there is no such setting{suggestion(str(name), known)}")
    if kind == "missing":
        return _at(document, path, f"it is missing; write {expected}")
    if kind == "union_tag_invalid":
        found = (error.get("ctx") or {}).get("tag", found)
    return _at(document, path, f"expected {expected}, found {shown(found)}")


def _place(loc: tuple[int | str, ...]) -> tuple[tuple[str | int, ...], str, list[str]]:
    """Follow where pydantic found an error: give its path in the document, what is expected there, and what is known.

    In a choice between services or drivers pydantic names the one that was chosen, which is no part of the path.
    """
    model: Any = Configuration
    path: tuple[str | int, ...] = ()
    expected = "settings, {...}"
    for key in loc:
        if isinstance(model, type) and issubclass(model, BaseModel):
            field = next((f for n, f in model.model_fields.items() if key in (f.alias, n)), None)
            if field is None:
                break
            model, expected = field.annotation, field.description or expected
            path = (*path, key)
        elif getattr(model, "__origin__", None) is dict:
            model, path = get_args(model)[1], (*path, key)
            model, expected = _unwrapped(model, expected)
        else:
            chosen = [each for each in get_args(model) if _tag(each) == key]
            if not chosen:
                break
            model = chosen[0]
    known = sorted(f.alias or n for n, f in model.model_fields.items()) if hasattr(model, "model_fields") else []
    return path, expected, known


def _unwrapped(model: Any, expected: str) -> tuple[Any, str]:  # noqa: ANN401 - a type, as written
    if hasattr(model, "__metadata__"):
        described = [each.description for each in model.__metadata__ if getattr(each, "description", None)]
        return get_args(model)[0], described[0] if described else expected
    return model, expected


def _tag(model: type[BaseModel]) -> str | None:
    """Return the word by which a service or a driver is chosen."""
    for name in ("backend", "name"):
        if name in model.model_fields:
            return str(get_args(model.model_fields[name].annotation)[0])
    return None
