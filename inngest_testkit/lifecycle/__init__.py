"""How runs begin and end, and how that is written down; shared by runner, executor and engine."""

from __future__ import annotations

from inngest_testkit.lifecycle.recorder import Recorder
from inngest_testkit.lifecycle.runs import RunLifecycle
from inngest_testkit.lifecycle.steps import AppSteps
from inngest_testkit.lifecycle.warner import FlowControlWarning, TriggerExpressionWarning, UnknownFieldWarning, Warner

__all__ = [
    "AppSteps",
    "FlowControlWarning",
    "Recorder",
    "RunLifecycle",
    "TriggerExpressionWarning",
    "UnknownFieldWarning",
    "Warner",
]
