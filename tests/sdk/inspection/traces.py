"""Short ways to write entries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from inngest_testkit.runs.entries import Entry
from inngest_testkit.sdk.protocol import TracedStep

START = datetime(2026, 1, 1, tzinfo=UTC)


def steps(text):
    """Return the steps of a text: "(a)" is in a group, "a~" in a task; repeated ids are counted."""
    counts, trace = {}, []
    for word in text.split():
        name = word.strip("()~")
        trace.append(TracedStep(name, counts.get(name, 0), grouped="(" in word, in_task="~" in word))
        counts[name] = counts.get(name, 0) + 1
    return tuple(trace)


def entry(text, found="", *, status=206, number=0, target="", attempt=0):
    return Entry(number, START + timedelta(seconds=number), attempt, target, steps(text), tuple(found.split()), status)
