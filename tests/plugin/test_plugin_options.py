"""Ini options and flags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.plugin.test_plugin_marker import document

if TYPE_CHECKING:
    from tests.plugin.conftest import Inner


def test_the_plugin_is_installed(pytestconfig: pytest.Config):
    """The entry point leads to the plugin, under the name that `-p no:inngest` takes."""
    assert pytestconfig.pluginmanager.get_plugin("inngest").__name__ == "pytest_inngest.plugin"


def test_every_engine_has_the_functions_of_the_ini_file(inner: Inner, pytester: pytest.Pytester, monkeypatch):
    """Paths are relative to rootdir, wherever pytest is started; a marker adds to them, or replaces one by its id."""
    pytester.makeini("[pytest]\ninngest_functions =\n    flows\n    more/inngest.json\n")
    for folder in ("flows/a", "flows/b", "more"):
        (pytester.path / folder).mkdir(parents=True)
        (pytester.path / folder / "inngest.json").write_text(document(folder.replace("/", "-")))
    tests = """
        from inngest_testkit import Function, Step, on_event

        ALL = ["flows-a", "flows-b", "more"]

        def test_it(inngest_engine):
            assert sorted(function.id for function in inngest_engine.functions) == ALL

        @pytest.mark.inngest(functions=[signup(), Function("more", on_event("other"), steps=[Step("only")])])
        def test_marker(inngest_engine):
            functions = {function.id: function for function in inngest_engine.functions}
            assert sorted(functions) == [*ALL, "signup"]
            assert functions["more"].triggers[0].event == "other"
    """
    inner(tests).assert_outcomes(passed=2)
    monkeypatch.chdir(pytester.path / "more")
    inner(None, "..").assert_outcomes(passed=2)


def test_functions_that_are_invalid_fail_the_tests_with_an_engine(inner: Inner, pytester: pytest.Pytester):
    """The error names the option and every problem; a test without an engine is not concerned."""
    pytester.makeini("[pytest]\ninngest_functions = inngest.json")
    (pytester.path / "inngest.json").write_text("{}")
    result = inner("def test_it(inngest_engine): ...\ndef test_other(): ...")
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(["*test_it: ini option inngest_functions: * the functions, nothing was loaded:"])


def test_start_and_seed_of_the_session(inner: Inner, pytester: pytest.Pytester):
    """Of seeds, the marker's beats the flag's, that beats the ini file's."""
    pytester.makeini("[pytest]\ninngest_start = 2023-05-01T00:00:00Z\ninngest_seed = night")
    tests = """
        def test_it(inngest_engine):
            assert inngest_engine.now.year == 2023
            assert inngest_engine.seed == {seed!r}

        @pytest.mark.inngest(start="2022-01-01T00:00:00Z", seed=3)
        def test_marker(inngest_engine):
            assert inngest_engine.now.year == 2022
            assert inngest_engine.seed == 3
    """
    inner(tests.format(seed="night")).assert_outcomes(passed=2)
    inner(tests.format(seed=12), "--inngest-seed=12").assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "inngest_unobserved_failures = eror",
            "inngest_unobserved_failures is 'eror'; allowed: warn, error or ignore; did you mean 'error'?",
        ),
        ("inngest_unused_mocks = no", "inngest_unused_mocks is 'no'; allowed: warn, error or ignore"),
        ("inngest_timeline = fail", "inngest_timeline is 'fail'; allowed: failed, all or none; did you mean 'failed'?"),
        ("inngest_start = soon", "inngest_start is 'soon'; allowed: a moment in ISO 8601 with its time zone, *"),
        ("inngest_start = 2024-01-01T00:00:00", "inngest_start is '2024-01-01T00:00:00'; allowed: * time zone, *"),
        ("inngest_functions = nowhere", "inngest_functions: there is no file or folder '*nowhere'; *rootdir*"),
    ],
)
def test_a_bad_value_ends_the_session_at_its_start(inner: Inner, pytester: pytest.Pytester, line: str, message: str):
    """The usage error names the option and what is allowed."""
    pytester.makeini(f"[pytest]\n{line}")
    result = inner("def test_it(): ...")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: ini option {message}"])


def test_a_bad_flag_is_refused(inner: Inner):
    """A flag's error lists its values."""
    result = inner("", "--inngest-timeline=some")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--inngest-timeline*failed*all*none*"])


def test_options_are_in_the_help(inner: Inner):
    """`pytest --help` lists flags and ini options."""
    help_text = inner("", "--help").stdout.str()
    for name in ("functions", "start", "seed", "unobserved_failures", "unused_mocks", "timeline"):
        assert f"inngest_{name} (" in help_text
    for name in ("seed", "unobserved-failures", "unused-mocks", "timeline"):
        assert f"--inngest-{name}=" in help_text
