"""How the laws of this folder are tried."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

#: Multiplies the number of examples, for a longer search: INNGEST_TESTKIT_LAWS=20 pytest tests/properties.
_EFFORT = float(os.environ.get("INNGEST_TESTKIT_LAWS", "1"))

settings.register_profile(
    "inngest-testkit-laws",
    deadline=None,
    print_blob=True,
    # Without `explain`, which traces every line of what it reruns.
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.target, Phase.shrink],
    # Whole functions are large values, and one example plays whole scripts.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


def law(*, examples):
    """Try a law with so many examples."""
    return settings(settings.get_profile("inngest-testkit-laws"), max_examples=max(1, int(examples * _EFFORT)))
