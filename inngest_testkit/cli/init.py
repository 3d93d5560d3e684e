"""`inngest-testkit init`: a function to begin with, its event's definition, and a test that passes."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from inngest_testkit.cli.options import NAME, AsJson
from inngest_testkit.cli.output import Screen, reported
from inngest_testkit.errors import SetupError
from inngest_testkit.functions.dsn import slug

__all__ = ["EXAMPLES", "STATUS", "Kind", "init", "written_files"]

EXAMPLES = (
    f"{NAME} init welcome --event user/signed.up",
    f"{NAME} init nightly-report --kind python",
    f"{NAME} init charge --kind cue --folder workflows --json",
)
STATUS = """\
  0  the files were written
  2  a name is wrong, or a file is there already; nothing was written"""

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_EVENT = re.compile(r"[^\s*]+")


class Kind(StrEnum):
    """How a function is written."""

    JSON = "json"
    CUE = "cue"
    PYTHON = "python"


@dataclass(frozen=True, slots=True)
class _Wanted:
    name: str
    event: str
    kind: Kind

    @property
    def module(self) -> str:
        """The function's id as a name of Python."""
        name = self.name.replace("-", "_")
        return f"f_{name}" if name[0].isdigit() else name


def init(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", show_default=False, help="The function's id, such as welcome.")
    ] = None,
    *,
    event: Annotated[
        str | None,
        typer.Option(metavar="EVENT", show_default=False, help="The event that starts it.  [default: app/NAME]"),
    ] = None,
    kind: Annotated[
        Kind | None,
        typer.Option(
            show_default=False,
            help="inngest.json, inngest.cue, or a function of the Python SDK (needs the extra [sdk]).  [default: json]",
        ),
    ] = None,
    folder: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the function gets its folder.")] = Path(
        "functions"
    ),
    as_json: AsJson = False,
) -> None:
    """Write a function, the definition of its event, and a test that passes.

    On a terminal it asks for what is not given. Run the test with: pytest FOLDER
    """
    screen = Screen.of_stdout()
    with reported(screen):
        wanted = _wanted(name, event, kind, asks=sys.stdin.isatty() and sys.stdout.isatty() and not as_json)
        files = {folder / wanted.name / file: text for file, text in written_files(wanted).items()}
        _write(files)
        if as_json:
            shown = {"function": wanted.name, "event": wanted.event, "files": [str(file) for file in files]}
            screen.write(json.dumps(shown, indent=2))
            return
        for file in files:
            screen.write(f"wrote {file}")
        screen.tell("Hint", f"run its test with: pytest {folder / wanted.name}")


def _wanted(name: str | None, event: str | None, kind: Kind | None, *, asks: bool) -> _Wanted:
    if name is None:
        if not asks:
            raise SetupError(f"give the function's id: {EXAMPLES[0]}")
        name = typer.prompt("The function's id", default="welcome")
    if not _ID.fullmatch(name):
        near = slug(name).replace("_", "-")
        remedy = f"; write {near!r}" if _ID.fullmatch(near) else ", such as 'welcome'"
        raise SetupError(f"{name!r} is no id: it has lower-case letters and digits, and single dashes between{remedy}")
    default = f"app/{name}"
    if event is None:
        event = typer.prompt("The event that starts it", default=default) if asks else default
    if not _EVENT.fullmatch(event):
        raise SetupError(f"{event!r} is no event's name; write one such as 'user/signed.up'")
    if event.startswith("inngest/"):
        raise SetupError(f"{event!r}: names that begin with inngest/ are the server's own; choose another")
    if kind is None:
        choices = ", ".join(Kind)
        kind = _kind(typer.prompt(f"Its kind ({choices})", default=Kind.JSON.value)) if asks else Kind.JSON
    return _Wanted(name, event, kind)


def _kind(text: str) -> Kind:
    try:
        return Kind(text)
    except ValueError:
        raise SetupError(f"{text!r} is no kind of function; write one of {', '.join(Kind)}") from None


def _write(files: dict[Path, str]) -> None:
    """Write all files, or none."""
    there = [str(file) for file in files if file.exists()]
    if there:
        raise SetupError(f"{', '.join(there)}: there already; choose another name, or another --folder")
    try:
        for file, text in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SetupError(f"{error.filename}: cannot be written: {error.strerror or error}") from None


def written_files(wanted: _Wanted) -> dict[str, str]:
    """Return the files of a function, by their names in its folder."""
    if wanted.kind is Kind.PYTHON:
        return {
            f"{wanted.module}_function.py": _filled(_PYTHON, wanted),
            f"test_{wanted.module}.py": _filled(_PYTHON_TEST, wanted),
        }
    function = _cue(wanted) if wanted.kind is Kind.CUE else json.dumps(_function(wanted), indent=2) + "\n"
    return {
        f"inngest.{wanted.kind.value}": function,
        "event.json": json.dumps(_SCHEMA, indent=2) + "\n",
        f"test_{wanted.module}.py": _filled(_FILE_TEST, wanted),
    }


def _filled(text: str, wanted: _Wanted) -> str:
    return (
        text.replace("NAME", json.dumps(wanted.name))
        .replace("EVENT", json.dumps(wanted.event))
        .replace("MODULE", wanted.module)
    )


#: The data of the event, as the first version of them.
_SCHEMA = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}


def _function(wanted: _Wanted) -> dict[str, object]:
    definition = {"format": "json-schema", "synced": True, "def": "file://event.json"}
    runtime = {"type": "http", "url": f"http://127.0.0.1:3000/{wanted.name}/greet"}
    return {
        "id": wanted.name,
        "name": wanted.name,
        "triggers": [{"event": wanted.event, "definition": definition}],
        "steps": {"greet": {"id": "greet", "name": "Greet", "path": "", "runtime": runtime}},
    }


def _cue(wanted: _Wanted) -> str:
    return f"""\
package main

import "inngest.com/defs/v1"

function: v1.#Function & {{
	id:   {json.dumps(wanted.name)}
	name: {json.dumps(wanted.name)}
	triggers: [{{
		event: {json.dumps(wanted.event)}
		definition: {{
			format: "json-schema"
			synced: true
			def:    "file://event.json"
		}}
	}}]
	steps: greet: {{
		name: "Greet"
		runtime: {{
			type: "http"
			url:  "http://127.0.0.1:3000/{wanted.name}/greet"
		}}
	}}
}}
"""


_FILE_TEST = '''\
"""What the function does when its event arrives."""

from pathlib import Path


def test_the_event_is_greeted(inngest_engine):
    inngest_engine.load(Path(__file__).parent)
    greet = inngest_engine.mock(NAME, "greet", returns={"status": 200, "body": {"greeted": True}})

    run = inngest_engine.send(EVENT, {"id": "u1"}).run

    assert run.status == "COMPLETED"
    assert run.steps["greet"].output["body"] == {"greeted": True}
    assert len(greet.calls) == 1
'''

_PYTHON = '''\
"""A function that starts when its event arrives."""

import inngest
from pydantic import BaseModel

client = inngest.Inngest(app_id="app", is_production=False)


class Arrived(BaseModel):
    """The data of the event."""

    id: str


@client.create_function(fn_id=NAME, trigger=inngest.TriggerEvent(event=EVENT))
def function(ctx: inngest.ContextSync) -> str:
    """Greet whoever arrived."""
    data = Arrived.model_validate(ctx.event.data)
    return ctx.step.run("greet", lambda: f"Hello, {data.id}")
'''

_PYTHON_TEST = '''\
"""What the function does when its event arrives."""

from MODULE_function import client, function


def test_the_event_is_greeted(inngest_engine):
    inngest_engine.serve(client, [function])

    run = inngest_engine.send(EVENT, {"id": "u1"}).run

    assert run.status == "COMPLETED"
    assert run.steps["greet"].output == "Hello, u1"


def test_an_event_without_an_id_is_refused(inngest_engine):
    inngest_engine.serve(client, [function])

    run = inngest_engine.send(EVENT, {}).run
    inngest_engine.run_until_complete(run)

    assert run.status == "FAILED"
    assert "id" in run.error.message
'''
