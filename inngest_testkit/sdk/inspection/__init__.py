"""What only a test kit sees of a handler: its entries compared, its parallel steps, its values before they are JSON."""

from inngest_testkit.sdk.inspection.audit import type_changes
from inngest_testkit.sdk.inspection.determinism import Disagreement, find_disagreement
from inngest_testkit.sdk.inspection.duplicates import Duplicate, find_collisions, find_duplicates
from inngest_testkit.sdk.inspection.findings import Inspector
from inngest_testkit.sdk.inspection.gather import concurrent_steps, steps_in_tasks
from inngest_testkit.sdk.inspection.warnings import NondeterminismWarning, ParallelStepsWarning

__all__ = [
    "Disagreement",
    "Duplicate",
    "Inspector",
    "NondeterminismWarning",
    "ParallelStepsWarning",
    "concurrent_steps",
    "find_collisions",
    "find_disagreement",
    "find_duplicates",
    "steps_in_tasks",
    "type_changes",
]
