"""`build`: images of container steps, by the recorded command lines."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from .conftest import step

RECORDINGS = Path(__file__).parents[1] / "recordings" / "data"


def test_each_container_step_gets_an_image_by_the_name_of_its_action(cli, contained, docker):
    called = docker()
    ended = cli("build", "functions")
    folder = contained.parent
    assert ended.status == 0, ended.err
    assert ended.out.splitlines() == [
        f"built payment-step-charge-test from {folder / 'charge'}",
        f"built payment-step-receipt-test from {folder / 'receipt'}",
    ]
    assert called()[0] == "docker buildx ls"
    assert sorted(called()[1:]) == [
        f"docker buildx build --load -t payment-step-charge-test {folder / 'charge'}",
        f"docker buildx build --load -t payment-step-receipt-test {folder / 'receipt'}",
    ]


RECORDED = sorted(
    path for path in RECORDINGS.rglob("*.json") if '"docker buildx build' in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_the_command_lines_are_the_recorded_ones(cli, project, tmp_path, docker, path):
    recorded = json.loads(path.read_text())
    functions = recorded["functions"]
    for number, function in enumerate(functions):
        folder = tmp_path / "scenario" / f"fn{number}"
        folder.mkdir(parents=True)
        (folder / "inngest.json").write_text(json.dumps(function))
        for each in (function.get("steps") or {}).values():
            (folder / each["path"].removeprefix("file://")).mkdir(parents=True, exist_ok=True)
    called = docker()
    assert cli("build", "scenario").status == 0
    lines = {line.replace(str(tmp_path / "scenario"), "<dir>") for line in called()}
    expected = re.findall(r'"(docker buildx [^"]*)"', path.read_text())
    assert lines == set(expected)


def test_there_are_recordings_to_compare_with():
    assert len(RECORDED) >= 5


def test_progress_is_told_for_each_image(cli, contained, docker):
    docker()
    err = cli("build", "functions").err
    for name in ("charge", "receipt"):
        assert f"Note: building image payment-step-{name}-test\n" in err
        assert f"Note: successfully built image payment-step-{name}-test\n" in err


def test_for_machines_it_tells_the_images(cli, contained, docker):
    docker()
    built = cli("build", "functions", "--json").json
    assert built["functions"] == ["payment"]
    assert built["images"][0] == {
        "function": "payment",
        "step": "charge",
        "image": "payment-step-charge-test",
        "folder": str(contained.parent / "charge"),
    }


@pytest.mark.parametrize("variable", ["ENV", "NODE_ENV", "ENVIRONMENT", None])
def test_the_environment_is_in_the_names(cli, contained, docker, monkeypatch, variable):
    called = docker()
    if variable:
        monkeypatch.setenv(variable, "production")
    cli("build", "functions", *([] if variable else ["--prod"]))
    assert all("-prod " in line for line in called()[1:])


def test_a_step_without_a_path_is_built_from_the_functions_folder(cli, project, docker):
    file = project("whole", [{"event": "e"}], {**step("s"), "path": ""})
    called = docker()
    assert cli("build", file).status == 0
    assert called()[-1] == f"docker buildx build --load -t whole-step-s-test {file.parent}"


def test_without_container_steps_there_is_nothing_to_build_and_docker_is_not_asked_for(cli, called, no_docker):
    ended = cli("build", "functions")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out == "1 function is right; no step runs in a container, so there is nothing to build\n"
    assert cli("build", "functions", "--json").json == {"functions": ["hello"], "images": []}


def test_a_build_that_fails_is_told_with_what_it_printed(cli, contained, docker):
    docker()
    (contained.parent / "receipt" / "Dockerfile").write_text("FAIL")
    ended = cli("build", "functions")
    assert (ended.status, ended.out) == (1, "")
    assert "Error: the image payment-step-receipt-test was not built: docker ended with status 3:\n" in ended.err
    assert "error: cannot copy" in ended.err
    assert "successfully built image payment-step-charge-test" in ended.err
    assert "successfully built image payment-step-receipt-test" not in ended.err


def test_without_docker_it_says_what_to_install(cli, contained, no_docker):
    ended = cli("build", "functions")
    assert ended.status == 2
    assert "docker was not found, and steps that run in containers need it: install Docker" in ended.err


def test_without_buildx_it_says_so(cli, contained, docker):
    docker(buildx=1)
    ended = cli("build", "functions")
    assert ended.status == 1
    assert "docker buildx is not there" in ended.err


def test_a_platform_that_is_not_built_for_is_told_with_its_remedy(cli, contained, docker):
    called = docker()
    assert cli("build", "functions", "--platform", "linux/amd64").status == 0
    assert all(" --platform linux/amd64 -t " in line for line in called()[1:])
    ended = cli("build", "functions", "--platform", "linux/arm64")
    assert ended.status == 1
    assert "docker run --privileged --rm tonistiigi/binfmt --install arm64" in ended.err


def test_every_folder_that_is_not_there_is_told(cli, project, docker):
    called = docker()
    project("a", [{"event": "e"}], step("s"), step("t"))
    ended = cli("build", "functions")
    assert ended.status == 2
    assert "Error: 2 problems in the functions:" in ended.err
    for name in ("s", "t"):
        assert f"functions/a/inngest.json: function 'a', step '{name}', path: there is no folder" in ended.err
    assert called() == []


@pytest.mark.parametrize("command", ["build", "deploy"])
def test_wrong_functions_are_told_before_anything_is_built(cli, project, docker, command):
    called = docker()
    project("a", [], step("s"))
    ended = cli(command, "functions")
    assert ended.status == 2
    assert "At least one trigger is required" in ended.err
    assert called() == []


@pytest.mark.parametrize("command", ["build", "deploy"])
def test_a_folder_without_functions_is_told(cli, tmp_path, command):
    ended = cli(command, tmp_path)
    assert ended.status == 2
    assert "inngest.json" in ended.err


def test_on_a_terminal_each_image_has_a_bar(contained, capsys):
    from inngest_testkit.cli.build import watched
    from inngest_testkit.cli.docker import images_of
    from inngest_testkit.cli.output import Screen
    from inngest_testkit.functions.loader import load_functions

    images = images_of(load_functions("functions"), "test")
    with watched(images, Screen(error_width=100)) as tell:
        tell(images[0], 0.5, False)
        tell(images[0], 1.0, True)
    shown = capsys.readouterr().err
    assert "payment-step-charge-test" in shown
    assert "payment-step-receipt-test" in shown
