"""Runs as a person reads them; everything is derived from their histories."""

from __future__ import annotations

from inngest_testkit.runs.flow import Dropped, Held
from inngest_testkit.runs.journal import Journal, Received
from inngest_testkit.runs.model import (
    Attempt,
    ErrorInfo,
    HistoryEntry,
    HistoryKind,
    RunStatus,
    StepRecord,
    StepStatus,
    Wait,
)
from inngest_testkit.runs.view import Run, Steps

__all__ = [
    "Attempt",
    "Dropped",
    "ErrorInfo",
    "Held",
    "HistoryEntry",
    "HistoryKind",
    "Journal",
    "Received",
    "Run",
    "RunStatus",
    "StepRecord",
    "StepStatus",
    "Steps",
    "Wait",
]
