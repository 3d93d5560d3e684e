"""Reading one file: positions, encodings, and the cue program for what this package's reader does not evaluate."""

from __future__ import annotations

import json
import stat
import sys

import pytest

from inngest_testkit.errors import DocumentError
from inngest_testkit.functions import cue_program
from inngest_testkit.functions.document import parse_document, read_document
from inngest_testkit.functions.loader import load_functions

COMPUTED = """\
import defs "inngest.com/defs/v1"
_base: "http://steps.test"
function: defs.#Function & {
  id: "x", name: "X", triggers: [{event: "e"}]
  steps: a: runtime: defs.#RuntimeHTTP & {url: "\\(_base)/a"}
}
"""
EVALUATED = {
    "function": {
        "id": "x",
        "name": "X",
        "triggers": [{"event": "e"}],
        "steps": {
            "a": {
                "id": "a",
                "name": "",
                "path": "",
                "runtime": {"type": "http", "url": "http://steps.test/a"},
                "after": [],
            }
        },
    }
}


@pytest.fixture
def cue(tmp_path, monkeypatch):
    """Put a program named cue on PATH that notes how it is called and then does what it is told."""

    def install(body):
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        program = folder / "cue"
        program.write_text(
            f"#!{sys.executable}\nimport json, os, pathlib, sys, time\n"
            f"pathlib.Path({str(tmp_path / 'called')!r}).write_text(json.dumps("
            "[sys.argv[1:], os.getcwd(), sorted(map(str, pathlib.Path().rglob('*.cue')))]))\n" + body
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(folder))
        return lambda: json.loads((tmp_path / "called").read_text())

    return install


@pytest.fixture
def computed(tmp_path):
    file = tmp_path / "functions" / "inngest.cue"
    file.parent.mkdir()
    file.write_text(COMPUTED)
    return file


def test_positions_are_those_of_the_values():
    document = parse_document('{\n  "a": {"b": [1,\n    "x"]}\n}', file="inngest.json")
    assert document.positions == {
        (): (1, 1),
        ("a",): (2, 8),
        ("a", "b"): (2, 14),
        ("a", "b", 0): (2, 15),
        ("a", "b", 1): (3, 5),
    }


def test_what_is_missing_stands_where_it_belongs():
    document = parse_document("a: b: [1]\n", file="inngest.cue")
    assert document.position(("a", "b", 0, "x")) == document.position(("a", "b", 0)) == (1, 8)
    assert document.position(("a", "x", "y")) == document.position(("a",)) == (1, 4)


def test_the_field_function_is_the_function():
    document = parse_document('other: 1\nfunction: {id: "x"}', file="inngest.cue")
    assert document.value == {"id": "x"}
    assert document.position(("id",)) == (2, 16)
    assert not document.schema


def test_the_schema_is_asked_for_with_the_definition():
    document = parse_document('import d "inngest.com/defs/v1"\nfunction: d.#Function & {id: "x"}', file="inngest.cue")
    assert document.schema


def test_a_byte_order_mark_is_skipped(tmp_path):
    (tmp_path / "inngest.json").write_bytes(b'\xef\xbb\xbf{"id": "x"}')
    assert read_document(tmp_path / "inngest.json").value == {"id": "x"}


def test_a_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "inngest.json").write_bytes(b'{\n"id": "\xff"}')
    with pytest.raises(DocumentError, match=r"^shown:2:8: the file is not UTF-8 text"):
        read_document(tmp_path / "inngest.json", shown="shown")


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(DocumentError, match=r"inngest.json:1:1: cannot be read: No such file"):
        read_document(tmp_path / "inngest.json")


def test_without_the_program_the_construct_is_named(computed, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DocumentError) as caught:
        read_document(computed, shown="inngest.cue")
    assert str(caught.value) == (
        r"inngest.cue:5:49: an interpolation (\(...)) is cue that has to be evaluated; write plain data, or install "
        "the cue program (https://cuelang.org) so that it can be asked"
    )


def test_the_program_evaluates_the_rest_in_a_module_with_the_definitions(computed, cue):
    called = cue(f"print({json.dumps(json.dumps(EVALUATED))})")
    [loaded] = load_functions(computed)
    assert loaded.function.steps[0].runtime.url == "http://steps.test/a"
    assert loaded.document.schema
    arguments, folder, files = called()
    assert arguments == ["export", "--out", "json", "inngest.cue"]
    assert folder != str(computed.parent)
    packages = [f"cue.mod/pkg/inngest.com/{name}/definitions.cue" for name in ("actions", "defs/config", "defs/v1")]
    assert files == ["cue.mod/module.cue", *packages, "inngest.cue"]


def test_inside_a_cue_module_the_program_runs_in_place(computed, cue):
    (computed.parent.parent / "cue.mod").mkdir()
    called = cue(f"print({json.dumps(json.dumps(EVALUATED))})")
    read_document(computed)
    assert called()[1] == str(computed.parent)
    computed.rename(computed.with_name("inngest.json"))
    read_document(computed.with_name("inngest.json"))
    assert called()[0] == ["export", "--out", "json", "cue:", "inngest.json"]


def test_plain_data_needs_no_program(tmp_path, cue):
    cue("sys.exit('never')")
    (tmp_path / "inngest.json").write_text('{"id": "x"}')
    assert read_document(tmp_path / "inngest.json").value == {"id": "x"}
    assert not (tmp_path / "called").exists()


def test_what_the_program_says_is_shown_at_its_place(computed, cue):
    cue("sys.exit('function.id: conflicting values 1 and string:\\n    ./inngest.cue:4:7')")
    with pytest.raises(DocumentError) as caught:
        read_document(computed, shown="inngest.cue")
    assert str(caught.value).startswith(
        "inngest.cue:4:7: the cue program refuses it: function.id: conflicting values 1"
    )


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("sys.exit(3)", "the cue program refuses it: exit status 3"),
        ("print('nothing')", "the cue program printed no JSON"),
        ("time.sleep(30)", "the cue program took longer than 0.2 seconds"),
    ],
)
def test_a_program_that_fails_is_reported(computed, cue, monkeypatch, body, reason):
    monkeypatch.setattr(cue_program, "TIMEOUT", 0.2 if "sleep" in body else 60)
    cue(body)
    with pytest.raises(DocumentError, match=reason):
        read_document(computed)


def test_a_program_that_cannot_start_is_reported(computed, monkeypatch):
    monkeypatch.setattr(cue_program, "find", lambda: "/nowhere/cue")
    with pytest.raises(DocumentError, match="the cue program cannot be started"):
        read_document(computed)
