"""What the README shows is true: its test passes, its failure reads as printed, its commands and blocks work."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from inngest_testkit import Function, Step, on_event
from inngest_testkit.functions import check_function
from inngest_testkit.functions.model import OPTIONS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def text_with(words):
    """The one block of text that has these words."""
    (found,) = [block for block in blocks("text") if words in block]
    return found


@pytest.fixture
def first_test():
    return blocks("python")[0]


def test_the_first_test_has_eight_lines(first_test):
    assert len([line for line in first_test.splitlines() if line]) == 9  # and the import


def test_the_first_test_passes_in_an_empty_project(pytester, first_test):
    pytester.makepyfile(test_onboarding=first_test)
    result = pytester.runpytest_subprocess("-W", "error")
    result.assert_outcomes(passed=1)


def test_its_failure_shows_the_timeline_and_the_seed(pytester, first_test):
    pytester.makepyfile(test_bug=first_test.replace(", on_timeout=True", ""))
    result = pytester.runpytest_subprocess("-p", "no:randomly")
    result.assert_outcomes(failed=1)
    printed = "\n".join(result.outlines)
    shown = text_with("inngest timeline")
    timeline = shown[shown.index("-----") :]
    for line in timeline.splitlines():
        assert line in printed
    assert "event 'user/logged.in' did not come in time for welcome->remind" in printed


def test_the_property_test_passes(pytester):
    (block,) = [block for block in blocks("python") if "from hypothesis import given" in block]
    pytester.makepyfile(test_pay=block)
    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=1)


def test_the_throttle_test_passes_in_an_empty_project(pytester):
    (block,) = [block for block in blocks("python") if "contact/changed" in block]
    pytester.makepyfile(test_throttle=block)
    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=1)


def test_flow_control_is_written_as_shown():
    (block,) = [block for block in blocks("python") if "write_report" in block]
    names = {"Function": Function, "Step": Step, "on_event": on_event, "write_report": print}
    exec(block, names)
    assert check_function(names["report"]) == []
    assert set(OPTIONS) == set(re.findall(r"`(\w+)`", README.partition("- The options are ")[2].partition(";")[0]))


def test_a_backends_whole_test_is_a_few_lines(pytester):
    (block,) = [block for block in blocks("python") if "StateStoreContract" in block]
    store = "from inngest_testkit.state.memory import MemoryStateStore as MyStore\n"
    pytester.makeini("[pytest]\nanyio_mode = auto")
    pytester.makepyfile(test_store=store + block)
    result = pytester.runpytest_subprocess("-q", "-W", "error")
    assert result.ret == 0
    assert result.parseoutcomes()["passed"] > 40


def test_the_demonstration_prints_a_timeline():
    (command,) = [block for block in blocks("bash") if "drip.py" in block]
    script = shlex.split(command)[-1]
    done = subprocess.run([sys.executable, script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "+30d  close           0  ok" in done.stdout


def test_the_picture_of_the_graph_is_what_the_command_prints():
    (lines,) = [block for block in blocks("bash") if block.startswith("inngest-testkit run")]
    run, graph = lines.splitlines()
    drawn = subprocess.run(_command(graph), cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert drawn.strip() == text_with("receipt   if").strip()
    ran = subprocess.run(_command(run), cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "1 completed" in ran


def _command(line):
    return [sys.executable, "-m", "inngest_testkit.cli", *shlex.split(line)[1:]]


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_every_block_is_python(number):
    compile(blocks("python")[number], f"README block {number}", "exec")


def test_the_public_names_are_what_the_package_exports():
    import inngest_testkit

    assert sorted(inngest_testkit.__all__) == inngest_testkit.__all__
    for name in re.findall(r"from inngest_testkit import ([\w, ]+)", README):
        for each in name.split(", "):
            assert each in inngest_testkit.__all__


def test_every_module_of_the_tree_stays_below_500_lines():
    sources = [*ROOT.glob("inngest_testkit/**/*.py"), *ROOT.glob("pytest_plugin/**/*.py")]
    assert {path.name for path in sources if len(path.read_text().splitlines()) > 500} == set()
