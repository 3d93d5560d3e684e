"""`init`: what it writes is a function whose test passes."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from inngest_testkit.functions.loader import load_functions


def run_tests(folder, *options):
    """Run the tests below a folder as a user would, in a process of their own."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        *options,
        str(folder),
    ]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_each_kind_of_function_comes_with_a_test_that_passes(cli, project, tmp_path):
    cli("init", "in-json", "--event", "user/signed.up")
    cli("init", "in-cue", "--kind", "cue", "--event", "user/signed.up")
    cli("init", "in-python", "--kind", "python", "--event", "user/signed.up")
    assert files(tmp_path / "functions") == [
        "in-cue/event.json",
        "in-cue/inngest.cue",
        "in-cue/test_in_cue.py",
        "in-json/event.json",
        "in-json/inngest.json",
        "in-json/test_in_json.py",
        "in-python/in_python_function.py",
        "in-python/test_in_python.py",
    ]
    done = run_tests(tmp_path / "functions")
    assert "4 passed" in done.stdout, done.stdout


def test_a_function_in_python_may_have_a_name_that_python_has(cli, project, tmp_path):
    """A keyword, a module of the standard library, the SDK itself."""
    for name in ("class", "json", "inngest"):
        cli("init", name, "--kind", "python")
    done = run_tests(tmp_path / "functions")
    assert "6 passed" in done.stdout, done.stdout


def test_the_test_fails_when_the_function_does_not_do_it(cli, project, tmp_path):
    cli("init", "welcome")
    function = tmp_path / "functions" / "welcome" / "inngest.json"
    function.write_text(function.read_text().replace('"event": "app/welcome"', '"event": "app/other"'))
    done = run_tests(tmp_path / "functions")
    assert "1 failed" in done.stdout, done.stdout


def test_json_and_cue_hold_the_same_function(cli, project, tmp_path):
    cli("init", "a", "--folder", "j", "--event", 'user/"quoted"')
    cli("init", "a", "--folder", "c", "--event", 'user/"quoted"', "--kind", "cue")
    (in_json,), (in_cue,) = load_functions("j"), load_functions("c")
    assert in_json.function == in_cue.function
    (trigger,) = in_json.function.triggers
    assert trigger.event == 'user/"quoted"'
    assert trigger.definition.definition["required"] == ["id"]
    assert in_json.ignored == in_cue.ignored == ()


def test_the_files_are_told(cli, project):
    ended = cli("init", "welcome")
    assert ended.out.splitlines() == [
        "wrote functions/welcome/inngest.json",
        "wrote functions/welcome/event.json",
        "wrote functions/welcome/test_welcome.py",
    ]
    assert ended.err == "Hint: run its test with: pytest functions/welcome\n"


def test_for_machines_it_tells_the_same(cli, project):
    assert cli("init", "welcome", "--kind", "python", "--json").json == {
        "function": "welcome",
        "event": "app/welcome",
        "files": ["functions/welcome/welcome_function.py", "functions/welcome/test_welcome.py"],
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give the function's id: inngest-testkit init welcome --event user/signed.up"),
        (
            ["Send Email!"],
            (
                "'Send Email!' is no id: it has lower-case letters and digits, and single dashes between; "
                "write 'send-email'"
            ),
        ),
        (["!!"], "'!!' is no id: it has lower-case letters and digits, and single dashes between, such as 'welcome'"),
        (["a", "--event", "two words"], "'two words' is no event's name; write one such as 'user/signed.up'"),
        (["a", "--event", "inngest/x"], "names that begin with inngest/ are the server's own"),
        (["a", "--kind", "yaml"], "'yaml' is not one of"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_written(cli, project, tmp_path, arguments, message):
    ended = cli("init", *arguments)
    assert (ended.status, ended.out) == (2, "")
    assert message in " ".join(ended.err.split())
    assert files(tmp_path) == []


def test_a_file_that_is_there_is_kept(cli, project, tmp_path):
    (tmp_path / "functions" / "welcome").mkdir(parents=True)
    mine = tmp_path / "functions" / "welcome" / "event.json"
    mine.write_text("mine")
    ended = cli("init", "welcome")
    assert ended.status == 2
    assert "event.json: there already; choose another name, or another --folder" in ended.err
    assert (mine.read_text(), files(tmp_path)) == ("mine", ["functions/welcome/event.json"])


def test_a_folder_that_cannot_be_written_is_told(cli, project, tmp_path):
    (tmp_path / "functions").write_text("a file")
    ended = cli("init", "welcome")
    assert ended.status == 2
    assert "cannot be written" in ended.err


def test_on_a_terminal_it_asks_for_what_is_not_given(project, tmp_path):
    ours, theirs = pty.openpty()
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "dumb"}
    command = [sys.executable, "-m", "inngest_testkit.cli", "init"]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, cwd=tmp_path) as asking:
        os.close(theirs)
        shown = b""
        for question, answer in [(b"The function's id", b"hi"), (b"starts it", b""), (b"kind", b"cue")]:
            while question not in shown:
                shown += os.read(ours, 1024)
            shown = b""
            os.write(ours, answer + b"\n")
        while b"run its test" not in shown:
            shown += os.read(ours, 1024)
        assert asking.wait(10) == 0
    os.close(ours)
    (loaded,) = load_functions(tmp_path)
    assert (loaded.function.id, loaded.function.triggers[0].event) == ("hi", "app/hi")
    assert loaded.file.name == "inngest.cue"
