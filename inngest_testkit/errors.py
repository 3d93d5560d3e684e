"""Every exception of the package, one tree.

::

    TestkitError
    ├── SetupError                    a mistake in how the kit is set up
    │   ├── DurationError             (ValueError)
    │   ├── CronError                 (ValueError)
    │   ├── InvalidFunctionsError     every problem of every function at once
    │   ├── InvalidActionError        every problem of an action's configuration
    │   ├── InvalidConfigurationError every problem of a configuration of services
    │   ├── DocumentError             a file that cannot be read as inngest.json or inngest.cue
    │   ├── MissingExtraError         an optional dependency is needed
    │   └── MockError                 a mock that cannot work, or was never used
    ├── EventError                    (ValueError) an event that is refused
    ├── NotFoundError                 (LookupError) a function, run, step or action that is not there
    ├── ExpressionError               (ValueError)
    │   ├── ExpressionSyntaxError     does not compile; points at the place
    │   └── ExpressionEvaluationError compiled, but has no value for this data
    ├── NotJsonError                  (TypeError) a value that JSON cannot hold
    ├── UsageError                    (RuntimeError) the engine is called where it cannot work
    │   └── UnservedClientError       an SDK client sends events without an engine or server to send them to
    ├── NondeterminismError           two entries of a run disagree on its steps
    ├── RunawayError                  the engine found no end
    ├── RunIncompleteError            a run did not end within the limit
    ├── StoreError
    │   ├── IdentifierExistsError     a run with this idempotency key exists
    │   ├── PauseNotFoundError
    │   ├── PauseLeasedError
    │   └── VersionError              a version or source key that conflicts or is missing
    └── StepFailedError           (module failures) raised by a step's code to steer its retries
        ├── NonRetriableError
        └── RetryAfterError

Every exception keeps its facts as attributes, so that a caller need not parse the message.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime


class TestkitError(Exception):
    """The root of the tree."""

    __test__ = False  # or pytest would collect it wherever it is imported


class SetupError(TestkitError):
    """A mistake in how the kit is set up: a function, a duration, a mock, a missing extra."""


class DurationError(SetupError, ValueError):
    """A text that is not a duration. Attribute: `text`."""

    def __init__(self, text: object, reason: str) -> None:
        self.text = text
        super().__init__(
            f"{text!r} is not a duration: {reason}. Write numbers with units (ns, us, ms, s, m, h, d, w), "
            "such as '90s', '1h30m', '1.5h' or '3d'"
        )


class CronError(SetupError, ValueError):
    """A text that is not a cron schedule. Attribute: `schedule`."""

    def __init__(self, schedule: object, reason: str) -> None:
        self.schedule = schedule
        super().__init__(
            f"{schedule!r} isn't a valid cron schedule: {reason}. Write five fields (minute hour day month weekday), "
            "optionally after 'TZ=Area/City ', such as '0 9 * * MON-FRI' or 'TZ=Europe/Paris 30 2 * * *'"
        )


class InvalidFunctionsError(SetupError):
    """Functions that cannot be loaded. Attribute: `problems`, one text each, with place and remedy."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__(
            f"{count} in the functions, nothing was loaded:\n" + "\n".join(f"- {p}" for p in self.problems)
        )


class InvalidActionError(SetupError):
    """An action's configuration that cannot be read. Attribute: `problems`, one text each, with place and remedy."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("the action is not valid:\n" + "\n".join(f"- {p}" for p in self.problems))


class InvalidConfigurationError(SetupError):
    """A configuration of services that cannot be used. Attribute: `problems`, one text each, with place and remedy."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__(f"{count} in the configuration:\n" + "\n".join(f"- {p}" for p in self.problems))


class DocumentError(SetupError):
    """A text that is neither JSON nor the supported part of cue.

    Attributes: `file` (as given), `line` and `column` (from 1), `reason`.
    """

    def __init__(self, reason: str, *, file: str, line: int, column: int) -> None:
        self.reason, self.file, self.line, self.column = reason, file, line, column
        super().__init__(f"{file}:{line}:{column}: {reason}")


class MissingExtraError(SetupError):
    """An optional dependency is needed. Attributes: `feature`, `extra`."""

    def __init__(self, feature: str, extra: str) -> None:
        self.feature, self.extra = feature, extra
        super().__init__(f"{feature} needs the extra [{extra}]: pip install 'inngest-testkit[{extra}]'")


class MockError(SetupError):
    """A mock that cannot work as written, or that was never used."""


class EventError(TestkitError, ValueError):
    """An event that is refused. Nothing of the call's events has been taken."""


class NotFoundError(TestkitError, LookupError):
    """Something named that is not there. Attributes: `kind`, `name`, `known` (what there is)."""

    def __init__(
        self, kind: str, name: object, known: Iterable[str] = (), *, reason: str = "", message: str = ""
    ) -> None:
        self.kind, self.name, self.known = kind, name, tuple(known)
        message = message or f"there is no {kind} {name!r}"
        if reason:
            message += f": {reason}"
        plural = f"{kind}es" if kind.endswith("s") else f"{kind}s"
        super().__init__(message + suggestion(str(name), self.known, label=f"known {plural}"))


class ExpressionError(TestkitError, ValueError):
    """An expression that does not compile, or has no value. Attribute: `text`, the expression."""

    text: str


class ExpressionSyntaxError(ExpressionError):
    """An expression that does not compile.

    Attributes: `text`, `offset` (characters from 0), `reason`. The message shows the line with a caret.
    """

    def __init__(self, text: str, offset: int, reason: str) -> None:
        self.text, self.offset, self.reason = text, offset, reason
        before = text[:offset]
        line = before.count("\n") + 1
        column = offset - (before.rfind("\n") + 1)
        shown = text.splitlines()[line - 1] if line <= len(text.splitlines()) else ""
        super().__init__(f"{reason} at {line}:{column + 1}\n | {shown}\n | {' ' * column}^")


class ExpressionEvaluationError(ExpressionError):
    """An expression without a value for the data at hand. Attributes: `text`, `reason`."""

    def __init__(self, text: str, reason: str) -> None:
        self.text, self.reason = text, reason
        super().__init__(f"expression {text!r} cannot be evaluated: {reason}")


class NotJsonError(TestkitError, TypeError):
    """A value that JSON cannot hold. Attributes: `path` (where in the value), `reason`."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path} cannot be stored as JSON: {reason}")


class UsageError(TestkitError, RuntimeError):
    """The engine is called where it cannot work: a running loop, another thread, its own step."""


class UnservedClientError(UsageError):
    """An SDK client that no engine serves sends events, while engines serve others. Attribute: `app_id`."""

    def __init__(self, app_id: str) -> None:
        self.app_id = app_id
        super().__init__(
            f"the client of app {app_id!r} is not served by the engine, so its events would leave the process: "
            "engine.serve(client, [...]) first (with an empty list when the app only sends)"
        )


class NondeterminismError(TestkitError):
    """Two entries of a run's handler disagree on its steps. Attributes: `run_id`, `disagreement`."""

    def __init__(self, run_id: str, disagreement: object) -> None:
        self.run_id, self.disagreement = run_id, disagreement
        super().__init__(f"run {run_id}: {disagreement}")


class RunawayError(TestkitError):
    """The engine worked `max_steps` items in one call and more were due.

    Attributes: `max_steps`, `now` (virtual), `recent` (the last transitions, as text).
    """

    def __init__(self, max_steps: int, now: datetime, recent: Sequence[str]) -> None:
        self.max_steps, self.now, self.recent = max_steps, now, tuple(recent)
        super().__init__(
            f"the engine worked {max_steps} items in one call and more are due at {now.isoformat()}; "
            "it looks like a loop (a function that triggers itself, or a cron over a long time). "
            "Raise Engine(max_steps=...) if the work is real. The last transitions:\n"
            + "\n".join(f"  {line}" for line in self.recent)
        )


class RunIncompleteError(TestkitError):
    """`run_until_complete` reached its limit, or nothing more can happen. Attribute: `run_ids`."""

    def __init__(self, message: str, run_ids: Sequence[str]) -> None:
        self.run_ids = tuple(run_ids)
        super().__init__(message)


class StoreError(TestkitError):
    """A store refuses an operation."""


class IdentifierExistsError(StoreError):
    """A run with this idempotency key exists. Attributes: `key`, `run_id` (of the run that has it)."""

    def __init__(self, key: str, run_id: str) -> None:
        self.key, self.run_id = key, run_id
        super().__init__(f"identifier already exists: key {key!r} belongs to run {run_id}")


class PauseNotFoundError(StoreError):
    """The pause is unknown, consumed, or (when leasing) expired. Attribute: `pause_id`."""

    def __init__(self, pause_id: str) -> None:
        self.pause_id = pause_id
        super().__init__(f"pause not found: {pause_id}")


class PauseLeasedError(StoreError):
    """The pause is leased by another worker. Attributes: `pause_id`, `until`."""

    def __init__(self, pause_id: str, until: datetime) -> None:
        self.pause_id, self.until = pause_id, until
        super().__init__(f"pause already leased: {pause_id}, until {until.isoformat()}")


class VersionError(StoreError):
    """A function version, action version or source key that exists already, or a version that does not exist."""


def suggestion(name: str, known: Iterable[str], *, label: str = "known") -> str:
    """Text that ends a "there is no X" message: what there is, and the nearest name."""
    names = sorted(set(known))
    if not names:
        return ""
    shown = ", ".join(repr(n) for n in names[:10]) + (f", … ({len(names)} in all)" if len(names) > 10 else "")
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6) if name not in names else []
    return f"; {label}: {shown}" + (f"; did you mean {near[0]!r}?" if near else "")
