from __future__ import annotations

import importlib
import importlib.metadata
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from inngest_testkit.cli import main
from inngest_testkit.cli.app import EXAMPLES

STATUSES = {
    "inngest-testkit run functions/": 1,
    "inngest-testkit run functions/ --until 7d --json": 1,
    """inngest-testkit run functions/ --event '{"name": "order/placed"}' --mock charge='{"paid": true}'""": 1,
    "inngest-testkit run functions/ --mock 'payment/charge=!card declined'": 1,
    "inngest-testkit run functions/ --event @event.json --start 2025-06-01T09:00Z": 1,
    "inngest-testkit graph functions/": 0,
    "inngest-testkit graph functions/payment/inngest.json --mermaid": 0,
    "inngest-testkit graph functions/ --json": 0,
    "inngest-testkit init welcome --event user/signed.up": 0,
    "inngest-testkit init nightly-report --kind python": 0,
    "inngest-testkit init charge --kind cue --folder workflows --json": 0,
    "inngest-testkit build functions/": 0,
    "inngest-testkit build functions/ --platform linux/amd64 --json": 0,
    "inngest-testkit deploy functions/": 0,
    "inngest-testkit deploy functions/ --draft --json": 0,
    "inngest-testkit deploy functions/ --api-url http://127.0.0.1:8300 --prod": 0,
    "inngest-testkit keys create webshop": 0,
    "inngest-testkit keys create webshop --json": 0,
    "inngest-testkit keys list": 0,
    "inngest-testkit keys list --api-url http://127.0.0.1:8300": 0,
    "inngest-testkit keys revoke key_0123456789abcdef": 1,
    "inngest-testkit version": 0,
    "inngest-testkit version --json": 0,
}
#: These run until they are stopped; other tests start them.
LASTING = ("serve", "dev")
#: These ask a server.
ASKING = ("deploy", "keys")
COMMANDS = [
    (),
    ("run",),
    ("graph",),
    ("init",),
    ("build",),
    ("deploy",),
    ("keys",),
    ("keys", "create"),
    ("keys", "list"),
    ("keys", "revoke"),
    ("version",),
]


def examples(help_text: str) -> list[str]:
    text = help_text.partition("Examples:\n")[2].replace("\\\n", " ")
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_examples_of_the_help_work(cli, contained, tmp_path, docker, core_api, command):
    docker()
    (tmp_path / "event.json").write_text('{"name": "order/placed", "data": {"total": 1}}')
    found = examples(cli(*command, "--help").out)
    assert found
    for example in found:
        name, *rest = shlex.split(example)[1:]
        if name in LASTING:
            continue
        if name == "init":
            shutil.rmtree(tmp_path / "functions" / rest[0], ignore_errors=True)
        ended = cli(name, *rest, *(["--api-url", core_api.url] if name in ASKING else []))
        assert ended.status == STATUSES[example], (example, ended)


def test_every_command_has_examples_and_its_exit_statuses_in_the_help(cli):
    for command in EXAMPLES:
        shown = cli(*command.split(), "--help").out
        assert "Exit status:\n    0  " in shown, command
        assert examples(shown), command
    top = cli("--help").out
    listed = top.partition("Commands:\n")[2].partition("\n\n")[0]
    assert {line.split()[0] for line in listed.splitlines() if line.startswith("  ") and line[2] != " "} == {
        command.partition(" ")[0] for command in EXAMPLES
    }


def test_the_documentation_has_every_commands_exit_statuses(cli, request):
    page = (request.config.rootpath / "docs" / "command-line.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\d) \| (.*) \|$", page, flags=re.MULTILINE)
    said = []
    for command in dict.fromkeys(name for name, _, _ in rows):
        shown = cli(command, "--help").out.partition("Exit status:\n")[2].partition("\n\n")[0]
        said += [(command, *line.split(maxsplit=1)) for line in shown.splitlines()]
    assert rows == said
    assert {name for name, _, _ in rows} == {name.partition(" ")[0] for name in EXAMPLES}


@pytest.mark.parametrize("command", [*COMMANDS, ("serve",), ("dev",)], ids=" ".join)
def test_the_help_fits_eighty_columns_and_has_no_colours(cli, command):
    ended = cli(*command, "-h")
    assert ended.status == 0
    assert "\x1b" not in ended.out
    # Lines that are to be copied are whole.
    assert [line for line in ended.out.splitlines() if len(line) > 80 and "inngest-testkit" not in line] == []


def test_the_exit_statuses_stand_in_the_help(cli):
    assert "Exit status:\n    0  all runs were completed" in cli("run", "--help").out


def test_the_version_is_the_packages(cli):
    expected = f"inngest-testkit {importlib.metadata.version('inngest-testkit')}\n"
    assert cli("version").out == cli("--version").out == expected
    assert cli("version", "--json").json == {
        "name": "inngest-testkit",
        "version": importlib.metadata.version("inngest-testkit"),
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "Missing argument"),
        (["rnu"], "No such command 'rnu'"),
        (["depoly"], "Did you mean 'deploy'?"),
        (["keys", "lst"], "Did you mean 'list'?"),
        (["run", ".", "--seed", "x"], "--seed"),
        (["run", ".", "--colour"], "No such option"),
    ],
)
def test_a_wrong_use_has_status_two_and_points_at_the_help(cli, arguments, message):
    ended = cli(*arguments)
    assert (ended.status, ended.out) == (2, "")
    assert message in ended.err
    assert "help" in ended.err


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra_main_says_what_to_install(monkeypatch, capsys, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    assert main(["version"]) == 2
    assert capsys.readouterr() == (
        "",
        "Error: the command line needs the extra [cli]: pip install 'inngest-testkit[cli]'\n",
    )


def test_importing_the_package_does_not_import_typer_rich_or_hypothesis():
    code = (
        "import sys, inngest_testkit.cli; "
        "print([name for name in ('typer', 'rich', 'hypothesis', 'httpx', 'networkx') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown == "[]\n"


def test_the_entry_point_is_main():
    (script,) = importlib.metadata.entry_points(group="console_scripts", name="inngest-testkit")
    assert script.load() is main


COMPLETION = {"_INNGEST_TESTKIT_COMPLETE": "complete_bash", "COMP_CWORD": "1"}


def complete(words):
    """Ask for what may follow, as bash does."""
    env = {**os.environ, **COMPLETION, "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    code = "import sys; from inngest_testkit.cli import main; sys.exit(main([]))"
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True).stdout.split()


def test_the_shell_completes_commands_options_and_services():
    assert complete("inngest-testkit de") == ["dev", "deploy"]
    assert complete("inngest-testkit keys ") == ["create", "list", "revoke"]
    assert "--draft" in complete("inngest-testkit deploy --d")
    assert complete("inngest-testkit serve e") == ["event-api", "executor"]


#: Otherwise the shell is that of the parent process.
BY_NAME = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}


def completion(option, home):
    command = [sys.executable, "-m", "inngest_testkit.cli", option, "bash"]
    return subprocess.run(
        command, env={**os.environ, **BY_NAME, "HOME": str(home)}, capture_output=True, text=True, check=True
    ).stdout


def test_the_completion_is_shown_and_installed(tmp_path):
    assert "_INNGEST_TESTKIT_COMPLETE" in completion("--show-completion", tmp_path)
    assert list(tmp_path.iterdir()) == []
    completion("--install-completion", tmp_path)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any("_INNGEST_TESTKIT_COMPLETE" in path.read_text() for path in written)
