"""Loading functions from files: the recordings, many mistakes at once, and what a folder may hold."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from inngest_testkit.errors import InvalidFunctionsError, SetupError
from inngest_testkit.functions import (
    TRIGGER,
    After,
    DockerRuntime,
    EventDefinition,
    HttpRuntime,
    Trigger,
    VersionConstraint,
    load_functions,
)

RECORDINGS = Path(__file__).parents[1] / "recordings" / "data" / "dag"

# Recorded as loading, refused here on purpose (cycles, duplicate ids, what can only fail when the edge is reached).
REFUSED_HERE = {
    "async-invalid-ttl",
    "cycle",
    "duplicate-ids-different-steps",
    "unreachable-steps",
    "wait-invalid",
}
# Not about the configuration.
ABOUT_THE_MACHINE = {"invalid-no-docker"}


def scenarios():
    return [path for path in sorted(RECORDINGS.glob("*.json")) if "functions" in json.loads(path.read_text())]


def write(folder, recording):
    """Write a recording's functions to disk as its README says."""
    for number, function in enumerate(recording["functions"]):
        kind = next(iter(function)) if len(function) == 1 else ""
        text = function[kind] if kind in {"cue", "raw_json"} else json.dumps(function, indent=2, ensure_ascii=False)
        default = f"fn{number}/inngest.{'cue' if kind == 'cue' else 'json'}"
        file = folder / (recording["files"][number] if "files" in recording else default)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    for name, text in recording.get("extra_files", {}).items():
        (folder / name).write_text(text, encoding="utf-8")


def load(folder, **files):
    for name, content in files.items():
        file = folder / name / "inngest.json"
        file.parent.mkdir()
        file.write_text(content if isinstance(content, str) else json.dumps(content, indent=1), encoding="utf-8")
    return load_functions(folder)


def problems(folder, **files):
    with pytest.raises(InvalidFunctionsError) as caught:
        load(folder, **files)
    return [problem.replace(f"{folder}/", "") for problem in caught.value.problems]


def function(**changes):
    base = {"id": "x", "name": "X", "triggers": [{"event": "e"}], "steps": {"a": step("a")}}
    return {**base, **changes}


def step(step_id, **changes):
    return {"id": step_id, "runtime": {"type": "http", "url": "http://steps.test"}, **changes}


INVALID = {
    "bad-cron": (
        "fn0/inngest.json:6:15",
        "function 'x', triggers[0].cron",
        "'* * * * * *' isn't a valid cron schedule",
        "Write five fields",
    ),
    "bad-edge-expression": (
        "fn0/inngest.json:35:17",
        "function 'x', step 'b', after[0].if",
        "error compiling expression",
        "write ==",
    ),
    "bad-trigger-expression": (
        "fn0/inngest.json:7:21",
        "function 'x', triggers[0].expression",
        "error compiling expression",
        "a value is missing",
    ),
    "cue-definition-conflict": (
        "fn0/inngest.cue:17:37",
        "function 'cue-fn', step 'second', after[0].wait",
        "conflicting values 5 and string (mismatched types int and string)",
        "write it as text",
    ),
    "definition-format": (
        "fn0/inngest.json:8:19",
        "function 'x', triggers[0].definition.format",
        "unknown event definition format: avro",
        "known formats: 'cue'",
    ),
    "docker-path": (
        "fn0/inngest.json:13:15",
        "function 'docker-path', step 'a', path",
        "the provided path could not be parsed",
        "write file://",
    ),
    "duplicate-ids-same-steps": (
        "fn1/inngest.json:3:9",
        "function 'dup', id",
        "duplicate function id 'dup' (the other: fn0/inngest.json:3:9)",
        "an id of its own",
    ),
    "missing-runtime": (
        "fn0/inngest.json:10:10",
        "function 'x', step 'a', runtime",
        "no runtime specified",
        "write runtime:",
    ),
    "no-id": ("fn0/inngest.json:3:9", "a function without an id, id", "A function ID is required", "write an id"),
    "no-name": ("fn0/inngest.json:2:11", "function 'x', name", "A function name is required", "write a name"),
    "no-trigger": (
        "fn0/inngest.json:4:15",
        "function 'x', triggers",
        "At least one trigger is required",
        "write an event's name",
    ),
    "not-json": ("fn0/inngest.json:1:6", "expected label or ':', found 'is'", "write a field as name: value"),
    "one-of-two": (
        "fn1/inngest.json:4:15",
        "function 'broken', triggers",
        "At least one trigger is required",
        "write an event's name",
    ),
    "step-id-differs-from-key": (
        "fn0/inngest.json:11:13",
        "function 'x', step 'a', id",
        "unknown step 'other'",
        "write the same in both",
    ),
    "step-without-id": (
        "fn0/inngest.json:10:10",
        "function 'x', step 'a', id",
        "A step must have an ID defined",
        'write id: "a"',
    ),
    "trigger-both": (
        "fn0/inngest.json:5:5",
        "function 'x', triggers[0]",
        "A trigger cannot have both an event and a cron trigger",
        "write two triggers",
    ),
    "trigger-empty": (
        "fn0/inngest.json:5:5",
        "function 'x', triggers[0]",
        "A trigger must supply an event name or a cron schedule",
        "write {",
    ),
    "undeclared-variable": (
        "fn0/inngest.json:7:21",
        "function 'x', triggers[0].expression",
        "error compiling expression: undeclared reference to 'data'",
        "event.data.x",
    ),
    "unknown-after": (
        "fn0/inngest.json:34:19",
        "function 'x', step 'b', after[0].step",
        "unknown step 'nope' for edge '{nope b}'",
        "known steps: '$trigger', 'a', 'b'",
    ),
    "unknown-runtime": (
        "fn0/inngest.json:13:17",
        "function 'x', step 'a', runtime.type",
        "unknown runtime type: wasm",
        "known: 'docker', 'http'",
    ),
    "wrong-type-name": (
        "fn0/inngest.json:2:11",
        "function 'x', name",
        "cannot use value 5 (type int) as string",
        "write it as text",
    ),
}


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_recording_is_refused_with_place_and_remedy(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, json.loads((RECORDINGS / f"invalid-{name}.json").read_text()))
    with pytest.raises(InvalidFunctionsError) as caught:
        load_functions(".")
    assert len(caught.value.problems) == 1
    *start, remedy = INVALID[name]
    assert caught.value.problems[0].startswith(": ".join(start))
    assert remedy in caught.value.problems[0]


def test_every_invalid_recording_is_covered():
    names = {path.stem for path in RECORDINGS.glob("invalid-*.json")}
    assert names - ABOUT_THE_MACHINE == {f"invalid-{name}" for name in INVALID}


@pytest.mark.parametrize("path", scenarios(), ids=lambda path: path.stem)
def test_a_recording_loads_where_the_server_started(tmp_path, path):
    recording = json.loads(path.read_text())
    write(tmp_path, recording)
    if path.stem in ABOUT_THE_MACHINE or (recording["server"]["started"] and path.stem not in REFUSED_HERE):
        assert len(load_functions(tmp_path)) == len([f for f in tmp_path.rglob("inngest.*") if f.is_file()])
    else:
        with pytest.raises(InvalidFunctionsError):
            load_functions(tmp_path)


def test_functions_are_found_at_any_depth_in_sorted_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, json.loads((RECORDINGS / "nested-folders.json").read_text()))
    loaded = load_functions(tmp_path)
    assert [(each.document.file, each.function.id) for each in loaded] == [
        (".hidden/inngest.json", "n-hidden"),
        ("a/b/c/inngest.cue", "n-cue"),
        ("a/b/c/inngest.json", "n-deep"),
        ("inngest.json", "n-root"),
        ("node_modules/x/inngest.json", "n-modules"),
    ]


def test_one_file_is_loaded_alone(tmp_path):
    load(tmp_path, one=function(), two=function(id="y"))
    assert [each.function.id for each in load_functions(str(tmp_path / "two" / "inngest.json"))] == ["y"]


def test_a_folder_without_functions_is_empty(tmp_path):
    (tmp_path / "README.txt").write_text("nothing here")
    assert load_functions(tmp_path) == ()


def test_a_path_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(
        SetupError, match=r"there is no file or folder '.*/missing' \(looked in .*give a folder, or a file named"
    ):
        load_functions(tmp_path / "missing")


def test_a_file_of_another_name_is_refused(tmp_path):
    (tmp_path / "function.json").write_text("{}")
    with pytest.raises(
        SetupError, match=r"does not hold a function; give a folder, or a file named inngest\.cue or inngest\.json"
    ):
        load_functions(tmp_path / "function.json")


def test_all_problems_of_all_files_come_at_once(tmp_path):
    found = problems(
        tmp_path,
        a=function(
            name=5,
            triggers=[{"cron": "soon"}],
            steps={"s": step("s", after=[{"step": "r"}, {"step": TRIGGER, "wait": "soon"}])},
        ),
        b="{ id: ",
        c=function(id="fine"),
        d=function(triggers=[], steps={"a": {"runtime": {"type": "wasm"}}}),
    )
    assert [re.sub(r"^(\S+?):\d+:\d+: ", r"\1 ", problem).split("; ")[0].split(". ")[0] for problem in found] == [
        "a/inngest.json function 'x', name: cannot use value 5 (type int) as string",
        "a/inngest.json function 'x', triggers[0].cron: 'soon' isn't a valid cron schedule: it has 1 field",
        "a/inngest.json function 'x', step 's', after[0].step: unknown step 'r' for edge '{r s}'",
        (
            "a/inngest.json function 'x', step 's', after[1].wait: invalid wait duration: 'soon' is not a duration: "
            "expected a number at 'soon'"
        ),
        "b/inngest.json expected a value, found the end of the file",
        "d/inngest.json function 'x', id: duplicate function id 'x' (the other: a/inngest.json:2:8)",
        "d/inngest.json function 'x', triggers: At least one trigger is required",
        "d/inngest.json function 'x', step 'a', id: A step must have an ID defined",
        "d/inngest.json function 'x', step 'a', runtime.type: unknown runtime type: wasm",
    ]


def test_what_a_file_says_becomes_the_function(tmp_path):
    [loaded] = load(
        tmp_path,
        a=function(
            triggers=[
                {"event": "e", "expression": "event.data.n > 1"},
                {"cron": "0 9 * * *"},
                {"cron": "0 6 * * *", "jitter": "30s"},
            ],
            idempotency="{{ event.data.order }}",
            throttle={"count": 1, "period": "1h", "key": "{{ event.data.order }}"},
            unknown={"is": "ignored"},
            steps={
                "a": step("a", name="A", unknown=1, after=None),
                "b": step(
                    "b",
                    runtime={"type": "docker", "entrypoint": "run"},
                    path="file://./b",
                    after=[{"step": "a", "if": "response.ok", "wait": "1h"}],
                    version="1.2",
                ),
                "c": step(
                    "c",
                    after=[
                        {
                            "step": "b",
                            "async": {"event": "f", "match": "async.data.id == 1", "ttl": "1d", "onTimeout": True},
                        }
                    ],
                ),
                "d": step("d", after=[{"steps": ["a", "b"]}, {"step": TRIGGER}]),
            },
        ),
    )
    made = loaded.function
    assert made.triggers == (
        Trigger(event="e", expression="event.data.n > 1"),
        Trigger(cron="0 9 * * *"),
        Trigger(cron="0 6 * * *", jitter="30s"),
    )
    assert made.flow_control == {
        "idempotency": "{{ event.data.order }}",
        "throttle": {"count": 1, "period": "1h", "key": "{{ event.data.order }}"},
    }
    a, b, c, d = made.steps
    assert (a.name, a.runtime, a.after) == ("A", HttpRuntime("http://steps.test"), (After((TRIGGER,)),))
    assert (b.name, b.runtime, b.path) == ("", DockerRuntime("run"), "file://./b")
    assert b.version == VersionConstraint(1, 2)
    assert b.after == (After(("a",), if_="response.ok", wait="1h"),)
    assert c.after == (After(("b",), event="f", match="async.data.id == 1", ttl="1d", on_timeout=True),)
    assert d.after == (After(("a", "b"), join=True), After((TRIGGER,)))


@pytest.mark.parametrize("steps", [{}, None, ...])
def test_without_steps_there_is_one_container_step(tmp_path, steps):
    given = function(steps=steps)
    if steps is ...:
        del given["steps"]
    [loaded] = load(tmp_path, a=given)
    [only] = loaded.function.steps
    assert (only.id, only.name, only.path, only.runtime, only.after) == (
        "step-1",
        "X",
        "file://.",
        DockerRuntime(),
        (After((TRIGGER,)),),
    )


def test_definitions_are_read_from_the_functions_folder(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "event.cue").write_text("{name: string}")
    (tmp_path / "a" / "event.json").write_text('{"type": "object"}')
    triggers = [
        {"event": "e", "definition": {"format": "cue", "synced": True, "def": "file://event.cue"}},
        {"event": "f", "definition": {"format": "json-schema", "def": "file://./event.json"}},
        {"event": "g", "definition": {"format": "json-schema", "def": {"type": "object"}}},
    ]
    (tmp_path / "a" / "inngest.json").write_text(json.dumps(function(triggers=triggers)))
    [loaded] = load_functions(tmp_path)
    assert [each.definition for each in loaded.function.triggers] == [
        EventDefinition("cue", "{name: string}", synced=True),
        EventDefinition("json-schema", {"type": "object"}),
        EventDefinition("json-schema", {"type": "object"}),
    ]


WRONG = {
    "document": ([1], "cannot use value [1] (type list) as struct; write an object"),
    "triggers": (function(triggers={"event": "e"}), 'triggers: cannot use value {"event": "e"} (type struct) as list'),
    "trigger": (function(triggers=["e"]), 'triggers[0]: cannot use value "e" (type string) as struct'),
    "steps": (function(steps=[]), "steps: cannot use value [] (type list) as struct"),
    "step": (function(steps={"a": 5}), "step 'a': cannot use value 5 (type int) as struct"),
    "step's id": (function(steps={"a": step(5)}), "step 'a', id: cannot use value 5 (type int) as string"),
    "empty key": (function(steps={"": step("")}), "step '', id: A step must have an ID defined; its key"),
    "after": (
        function(steps={"a": step("a", after="b")}),
        "step 'a', after: cannot use value \"b\" (type string) as list",
    ),
    "after entry": (
        function(steps={"a": step("a", after=["b"])}),
        "step 'a', after[0]: cannot use value \"b\" (type string) as struct",
    ),
    "no parent": (
        function(steps={"a": step("a", after=[{}])}),
        "step 'a', after[0]: the entry names no parent; write step: \"$trigger\"",
    ),
    "step and steps": (
        function(steps={"a": step("a", after=[{"step": TRIGGER, "steps": [TRIGGER]}])}),
        "after[0]: the entry has both step and steps",
    ),
    "joined step": (
        function(steps={"a": step("a", after=[{"steps": [5, TRIGGER]}])}),
        "after[0].steps[0]: cannot use value 5 (type int) as string",
    ),
    "flag": (
        function(
            steps={"a": step("a", after=[{"step": TRIGGER, "async": {"event": "e", "ttl": "1h", "onTimeout": "yes"}}])}
        ),
        'after[0].async.onTimeout: cannot use value "yes" (type string) as bool; write true or false',
    ),
    "async": (
        function(steps={"a": step("a", after=[{"step": TRIGGER, "async": True}])}),
        "after[0].async: cannot use value true (type bool) as struct",
    ),
    "runtime": (
        function(steps={"a": step("a", runtime="http")}),
        'runtime: cannot use value "http" (type string) as struct',
    ),
    "runtime without a type": (
        function(steps={"a": step("a", runtime={})}),
        "runtime.type: unknown type; write the runtime's type",
    ),
    "misspelt runtime": (function(steps={"a": step("a", runtime={"type": "htp"})}), "did you mean 'http'?"),
    "python runtime": (
        function(steps={"a": step("a", runtime={"type": "python"})}),
        "build the function with the Python builder",
    ),
    "http without a url": (
        function(steps={"a": step("a", runtime={"type": "http"})}),
        "runtime.url: an http runtime needs the url to call",
    ),
    "version": (function(steps={"a": step("a", version="new")}), "version: 'new' is not a version constraint"),
    "definition": (
        function(triggers=[{"event": "e", "definition": "x"}]),
        'triggers[0].definition: cannot use value "x"',
    ),
    "definition file": (
        function(triggers=[{"event": "e", "definition": {"format": "cue", "def": "file://no.cue"}}]),
        "definition.def: error reading event definition",
    ),
    "long value": (function(name=list(range(100))), "cannot use value [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11..."),
}


@pytest.mark.parametrize(("content", "expected"), WRONG.values(), ids=WRONG)
def test_a_value_of_the_wrong_kind_is_named(tmp_path, content, expected):
    assert any(expected in problem for problem in problems(tmp_path, a=content))


def problems_again(folder):
    with pytest.raises(InvalidFunctionsError) as caught:
        load_functions(folder)
    return caught.value.problems


HEAD = 'import defs "inngest.com/defs/v1"\nfunction: defs.#Function & {\nid: "x", name: "X", triggers: [{event: "e"}]\n'


def cue_problems(folder, text):
    (folder / "inngest.cue").write_text(text)
    return [problem.replace(f"{folder}/", "") for problem in problems_again(folder)]


def test_the_schema_refuses_unknown_fields_and_null(tmp_path):
    text = HEAD + 'idempotencey: "a"\nsteps: a: {runtime: {type: "http", url: "u", verb: "GET"}, path: null}\n}'
    assert cue_problems(tmp_path, text) == [
        (
            "inngest.cue:4:15: function 'x', idempotencey: field not allowed: 'idempotencey'; "
            "known: 'batchEvents', 'cancel', 'concurrency', 'debounce', 'id', 'idempotency', 'name', 'priority', "
            "'rateLimit', 'singleton', … (14 in all); did you mean 'idempotency'?"
        ),
        (
            "inngest.cue:5:52: function 'x', step 'a', runtime.verb: field not allowed: 'verb'; "
            "known: 'entrypoint', 'type', 'url'"
        ),
        (
            "inngest.cue:5:66: function 'x', step 'a', path: conflicting values null and string "
            "(mismatched types null and string); "
            "write it as text, in quotes"
        ),
    ]


def test_a_definition_stands_where_it_belongs(tmp_path):
    text = HEAD + 'steps: a: defs.#RuntimeHTTP & {url: "u"}\n}'
    assert (
        "inngest.cue:4:11: function 'x', step 'a': #RuntimeHTTP cannot stand here; write #Step, "
        "or leave the definition out" in (cue_problems(tmp_path, text))
    )


def test_a_definition_of_a_part_checks_that_part_only(tmp_path):
    text = (
        'import defs "inngest.com/defs/v1"\nid: "x", name: "X", other: 1\n'
        'triggers: [defs.#EventTrigger & {event: "e"}]\n'
        'steps: a: {id: "a", runtime: defs.#RuntimeHTTP & {url: "u", verb: "GET"}}'
    )
    assert cue_problems(tmp_path, text) == [
        (
            "inngest.cue:4:67: function 'x', step 'a', runtime.verb: field not allowed: 'verb'; "
            "known: 'entrypoint', 'type', 'url'"
        )
    ]
