"""What the installed SDK lacks, as marks."""

from __future__ import annotations

from importlib.metadata import version

import pytest

_SDK = [int(part) for part in version("inngest").split(".")]

keeps_repeated_ids_apart = pytest.mark.skipif(
    _SDK < [0, 5, 12], reason="this SDK numbers the names of steps itself, as if they were written so"
)
