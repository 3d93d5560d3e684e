"""Logs as lines of JSON, and the transitions of runs among them.

Source: recordings/dag README, "Log lines" and "Configuration (`serve`)": level, time and message of each line.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, TextIO

from inngest_testkit.runs.model import HistoryKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from inngest_testkit.runs.model import HistoryEntry
    from inngest_testkit.values import JsonValue

__all__ = ["LEVELS", "JsonLines", "log_to", "transitions"]

_log = logging.getLogger("inngest_testkit")

#: The levels by their names in the configuration.
LEVELS = {
    "trace": 5,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
_NAMES = {number: name for name, number in LEVELS.items()} | {logging.CRITICAL: "error"}
_LOGGERS = ("inngest_testkit", "uvicorn")

#: What is told of at `warn` and `info`; the rest is for whoever looks for a fault.
_WARNED = frozenset({HistoryKind.STEP_FAILED, HistoryKind.RUN_FAILED, HistoryKind.TRIGGER_FAILED})
_TOLD = frozenset(
    {
        HistoryKind.EVENT_RECEIVED,
        HistoryKind.EVENT_DROPPED,
        HistoryKind.RUN_STARTED,
        HistoryKind.RUN_COMPLETED,
        HistoryKind.RUN_CANCELLED,
        HistoryKind.STEP_STARTED,
        HistoryKind.STEP_COMPLETED,
    }
)
_OUTPUTS = frozenset({"output", "result"})


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON; `extra={"fields": {...}}` adds fields to it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = self.formatTime(record, "%Y-%m-%dT%H:%M:%S")
        line: dict[str, JsonValue] = {
            "level": _NAMES.get(record.levelno, record.levelname.lower()),
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "caller": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def log_to(stream: TextIO, level: str) -> None:
    """Write what the package and its servers log to a stream, from this level on: a name of `LEVELS`."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_utc(JsonLines()))
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(LEVELS[level])
        logger.propagate = False
    if LEVELS[level] > LEVELS["debug"]:
        # What it says at `info` of starting and stopping is said in the words of the services.
        logging.getLogger("uvicorn").setLevel(max(LEVELS[level], logging.WARNING))


def _utc(formatter: logging.Formatter) -> logging.Formatter:
    import time

    formatter.converter = time.gmtime
    return formatter


def transitions(*, outputs: bool, function_of: Callable[[str], str]) -> Callable[[HistoryEntry], None]:
    """Return a listener of a journal that logs each transition; what steps and runs give only with `outputs`.

    `function_of` gives the function of a run.
    """

    def tell(entry: HistoryEntry) -> None:
        level = LEVELS["warn" if entry.kind in _WARNED else "info" if entry.kind in _TOLD else "debug"]
        if not _log.isEnabledFor(level):
            return
        told = entry.to_dict()
        data = told.pop("data")
        assert isinstance(data, dict)  # noqa: S101 - as an entry writes it
        del told["kind"], told["at"]
        if entry.run_id:
            told["function_id"] = function_of(entry.run_id)
        shown = {key: value for key, value in data.items() if outputs or key not in _OUTPUTS}
        fields = {key: value for key, value in {**told, **shown}.items() if value not in (None, "")}
        _log.log(level, "%s", entry.kind.value.replace(".", " ").replace("_", " "), extra={"fields": fields})

    return tell
