from __future__ import annotations

import importlib
import importlib.metadata
import shlex
import subprocess
import sys

import pytest

from inngest_testkit.cli import main

STATUSES = {
    "inngest-testkit run functions/": 1,
    "inngest-testkit run functions/ --until 7d --json": 1,
    """inngest-testkit run functions/ --event '{"name": "order/placed"}' --mock charge='{"paid": true}'""": 1,
    "inngest-testkit run functions/ --mock 'payment/charge=!card declined'": 1,
    "inngest-testkit run functions/ --event @event.json --start 2025-06-01T09:00Z": 1,
    "inngest-testkit graph functions/": 0,
    "inngest-testkit graph functions/payment/inngest.json --mermaid": 0,
}


def examples(help_text: str) -> list[str]:
    text = help_text.partition("Examples:\n")[2].replace("\\\n", " ")
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("command", [(), ("run",), ("graph",)])
def test_the_examples_of_the_help_work(cli, payment, tmp_path, command):
    (tmp_path / "event.json").write_text('{"name": "order/placed", "data": {"total": 1}}')
    found = examples(cli(*command, "--help").out)
    assert len(found) >= 2
    for example in found:
        ended = cli(*shlex.split(example)[1:])
        assert ended.status == STATUSES[example], (example, ended)


@pytest.mark.parametrize("command", [(), ("run",), ("graph",), ("version",)])
def test_the_help_fits_eighty_columns_and_has_no_colours(cli, command):
    ended = cli(*command, "-h")
    assert ended.status == 0
    assert max(map(len, ended.out.splitlines())) <= 80
    assert "\x1b" not in ended.out


def test_the_exit_statuses_stand_in_the_help(cli):
    assert "Exit status:\n    0  all runs were completed" in cli("run", "--help").out


def test_the_version_is_the_packages(cli):
    expected = f"inngest-testkit {importlib.metadata.version('inngest-testkit')}\n"
    assert cli("version").out == cli("--version").out == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "Missing argument"),
        (["rnu"], "No such command 'rnu'"),
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
