"""What the examples of the pages need besides what a reader has: patience, on a machine that is busy."""

from __future__ import annotations

import hypothesis
import pytest

hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])


@pytest.fixture(autouse=True)
def patient():
    before = hypothesis.settings.get_current_profile_name()
    hypothesis.settings.load_profile("patient")
    yield
    hypothesis.settings.load_profile(before)
