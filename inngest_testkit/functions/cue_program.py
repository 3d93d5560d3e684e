"""The cue program, for files that this package's own reader does not evaluate.

It is found on PATH and only then used. A file outside any cue module is evaluated in a module of its own that holds
the definitions package, as the server does it; a file inside one is evaluated where it stands.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NoReturn

from inngest_testkit.errors import DocumentError
from inngest_testkit.functions.cue import DEFINITIONS_PACKAGE

__all__ = ["export", "find"]

#: Seconds that the program may take for one file.
TIMEOUT = 60.0

_MODULE = 'module: "inngest.test/functions"\nlanguage: version: "v0.8.0"\n'

_DEFINITIONS = """\
package v1

#Function: {
	id:           string
	name:         string
	triggers:     [...#Trigger]
	steps?:       [ID=string]: #Step & {id: ID}
	batchEvents?: {
		maxSize: int
		timeout: string
		key?:    string
		if?:     string
	}
	cancel?:      #Cancel | [...#Cancel]
	concurrency?: int | #Concurrency | [...(int | #Concurrency)] | {
		fn?:   [...(int | #Concurrency)]
		step?: [...(int | #Concurrency)]
	}
	debounce?: {
		period:   string
		timeout?: string
		key?:     string
	}
	idempotency?: string
	priority?: run: string
	rateLimit?: {
		limit:  int
		period: string
		key?:   string
	}
	singleton?: {
		mode?: string
		key?:  string
	}
	throttle?: {
		count?: int & >=1
		limit?: int
		burst?: int
		period: string
		key?:   string
	}
	timeouts?: {
		start?:  string
		finish?: string
	}
}
#Cancel: {
	event:    string
	if?:      string
	timeout?: string
}
#Concurrency: {
	limit:  int
	key?:   string
	scope?: string
}
#Trigger: #EventTrigger | #CronTrigger
#CronTrigger: {
	cron:    string
	jitter?: string
}
#EventTrigger: {
	event:       string
	expression?: string
	definition?: #EventDefinition
}
#EventDefinition: {
	format: "cue" | "json-schema"
	synced: bool
	def:    string | {...}
}
#Step: {
	id:      string
	name:    string | *""
	path:    string | *""
	runtime: #Runtime
	after:   [...#After]
}
#Runtime: #RuntimeDocker | #RuntimeHTTP
#RuntimeHTTP: {
	type: "http"
	url:  string
}
#RuntimeDocker: {
	type:        "docker"
	entrypoint?: string
}
#After: {
	step?:  string
	steps?: [...string]
	if?:    string
	wait?:  string
	async?: {
		event:      string
		ttl:        string
		match?:     string
		onTimeout?: bool
	}
}
"""

#: What these describe is checked where it is read.
_OPEN_PACKAGES = {
    "inngest.com/actions": "package actions\n\n#Action: {...}\n",
    "inngest.com/defs/config": "package config\n\n#Config: {...}\n",
}


def find() -> str | None:
    """Return the program's path, None when it is not installed."""
    return shutil.which("cue")


def export(program: str, path: Path, *, file: str) -> object:
    """Evaluate a file; raises `DocumentError` with what the program says."""
    if any((folder / "cue.mod").is_dir() for folder in path.resolve().parents):
        arguments = [path.name] if path.suffix == ".cue" else ["cue:", path.name]
        return _run([program, "export", "--out", "json", *arguments], path.resolve().parent, file)
    with tempfile.TemporaryDirectory(prefix="inngest-testkit-") as folder:
        module = Path(folder)
        (module / "cue.mod").mkdir()
        (module / "cue.mod" / "module.cue").write_text(_MODULE, encoding="utf-8")
        for name, definitions in {DEFINITIONS_PACKAGE: _DEFINITIONS, **_OPEN_PACKAGES}.items():
            package = module / "cue.mod" / "pkg" / name
            package.mkdir(parents=True)
            (package / "definitions.cue").write_text(definitions, encoding="utf-8")
        shutil.copyfile(path, module / "inngest.cue")
        return _run([program, "export", "--out", "json", "inngest.cue"], module, file)


def _run(command: list[str], folder: Path, file: str) -> object:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=TIMEOUT, check=False)  # noqa: S603 - the user's own cue
    except subprocess.TimeoutExpired:
        _refuse(f"the cue program took longer than {TIMEOUT:g} seconds", "", file)
    except OSError as error:
        _refuse(f"the cue program cannot be started ({error})", "", file)
    said = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode != 0:
        _refuse("the cue program refuses it", said or f"exit status {done.returncode}", file)
    try:
        value: object = json.loads(done.stdout)
    except ValueError:
        _refuse("the cue program printed no JSON", said, file)
    return value


def _refuse(reason: str, said: str, file: str) -> NoReturn:
    place = re.search(r"\.(?:cue|json):(\d+):(\d+)", said)
    line, column = (int(place[1]), int(place[2])) if place else (1, 1)
    raise DocumentError(f"{reason}: {said}" if said else reason, file=file, line=line, column=column)
