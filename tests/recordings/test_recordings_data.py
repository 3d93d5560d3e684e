"""The recordings in this folder are those that the project was given."""

from __future__ import annotations

from pathlib import Path

import pytest

from .recording import DATA

ORIGINAL = Path(__file__).parents[3] / "shared" / "recordings"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_recordings_are_a_copy():
    if not ORIGINAL.is_dir():
        pytest.skip("the recordings' original does not lie beside this checkout")
    copied, original = contents(DATA), contents(ORIGINAL)
    assert sorted(copied) == sorted(original)
    assert [name for name in original if copied[name] != original[name]] == []
