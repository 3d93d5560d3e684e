"""The Inngest dev server as a library: test workflows on a fake clock, in your test's own process."""

from __future__ import annotations

from inngest_testkit.clock import FakeClock
from inngest_testkit.cron import CronCalendar, CronFire
from inngest_testkit.drivers.mock import Mock
from inngest_testkit.engine import AsyncEngine, Engine, Sent
from inngest_testkit.errors import NondeterminismError, NotFoundError, TestkitError, UnservedClientError
from inngest_testkit.events import Event
from inngest_testkit.failures import NonRetriableError, RetryAfterError
from inngest_testkit.functions.model import EventDefinition, Function, Step, after, docker, http, on_cron, on_event
from inngest_testkit.lifecycle import FlowControlWarning, TriggerExpressionWarning, UnknownFieldWarning
from inngest_testkit.runs import Dropped, ErrorInfo, Held, HistoryKind, Run, RunStatus, StepRecord, StepStatus
from inngest_testkit.sdk.inspection.warnings import NondeterminismWarning, ParallelStepsWarning
from inngest_testkit.sdk.limits import Limits

__all__ = [
    "AsyncEngine",
    "CronCalendar",
    "CronFire",
    "Dropped",
    "Engine",
    "ErrorInfo",
    "Event",
    "EventDefinition",
    "FakeClock",
    "FlowControlWarning",
    "Function",
    "Held",
    "HistoryKind",
    "Limits",
    "Mock",
    "NonRetriableError",
    "NondeterminismError",
    "NondeterminismWarning",
    "NotFoundError",
    "ParallelStepsWarning",
    "RetryAfterError",
    "Run",
    "RunStatus",
    "Sent",
    "Step",
    "StepRecord",
    "StepStatus",
    "TestkitError",
    "TriggerExpressionWarning",
    "UnknownFieldWarning",
    "UnservedClientError",
    "after",
    "docker",
    "http",
    "on_cron",
    "on_event",
]
