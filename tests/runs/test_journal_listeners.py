"""Listeners of the journal: told of every entry, also while others come and go."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from inngest_testkit.runs.journal import Journal
from inngest_testkit.runs.model import HistoryEntry, HistoryKind

ENTRY = HistoryEntry(datetime(2024, 1, 1, tzinfo=UTC), HistoryKind.EVENT_RECEIVED, "")


def test_one_that_leaves_while_an_entry_is_told_takes_it_from_nobody():
    journal, told = Journal(), []

    def leaves(entry):
        told.append("leaves")
        journal.unlisten(leaves)

    journal.listen(leaves)
    journal.listen(lambda _: told.append("stays"))
    journal.append(ENTRY)
    journal.append(ENTRY)
    assert told == ["leaves", "stays", "stays"]


def test_one_that_does_not_listen_cannot_leave():
    with pytest.raises(ValueError, match="not in list"):
        Journal().unlisten(print)
