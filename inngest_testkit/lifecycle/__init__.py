"""How runs begin and end, and how that is written down; shared by runner, executor and engine."""

from __future__ import annotations

from inngest_testkit.lifecycle.admission import Admission
from inngest_testkit.lifecycle.recorder import Recorder
from inngest_testkit.lifecycle.runs import RunLifecycle, Start
from inngest_testkit.lifecycle.steps import AppSteps
from inngest_testkit.lifecycle.warner import FlowControlWarning, TriggerExpressionWarning, UnknownFieldWarning, Warner

__all__ = [
    "Admission",
    "AppSteps",
    "FlowControlWarning",
    "Recorder",
    "RunLifecycle",
    "Start",
    "TriggerExpressionWarning",
    "UnknownFieldWarning",
    "Warner",
]
