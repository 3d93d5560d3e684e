"""What the plugin costs a test that does not use it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.plugin.conftest import Inner

_HEAVY = (
    "inngest",
    "inngest_testkit",
    "networkx",
    "hypothesis",
    "httpx",
    "docker",
    "respx",
    "pydantic",
    "cel_expr_python",
    "starlette",
    "uvicorn",
)

_SCRIPT = """
import sys, time
begun = time.process_time()
import pytest
pytest_there = time.process_time()
import pytest_inngest.plugin
print((time.process_time() - pytest_there) / (pytest_there - begun))
print(*sys.modules)
"""


def test_importing_the_plugin_is_cheap():
    """It imports none of the heavy packages, and adds at most a tenth to the import of pytest itself."""
    shares = []
    for _ in range(5):
        share, modules = subprocess.run(
            [sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        assert {name.partition(".")[0] for name in modules.split()}.isdisjoint(_HEAVY)
        shares.append(float(share))
    assert min(shares) <= 0.1


def test_a_test_without_an_engine_imports_nothing(inner: Inner, pytester):
    """Marker and options alone import none of the heavy packages either."""
    pytester.makeini("[pytest]\ninngest_functions = .\ninngest_start = 2024-01-01T00:00:00Z")
    pytester.makepyfile(
        test_inner=f"""
        import sys, pytest

        @pytest.mark.inngest(seed=1, unused_mocks="error")
        def test_it(tmp_path):
            assert {{name.partition(".")[0] for name in sys.modules}}.isdisjoint({_HEAVY!r})
        """
    )
    inner(None, apart=True).assert_outcomes(passed=1)
