"""The contract of a data store: functions, their versions, the actions that their steps run, and source keys.

Source: recordings/dag README, "Defaults, ids, DSN" (versions and constraints) and "Postgres tables" (rules).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from inngest_testkit.functions.app import Plan
    from inngest_testkit.functions.model import Runtime, VersionConstraint

__all__ = ["ActionVersion", "DataStore", "FunctionVersion", "SourceKey"]


@dataclass(frozen=True, slots=True)
class ActionVersion:
    """One version of the code that a step runs; it is live from `valid_from` (once set) to `valid_to`.

    `runtime` says where it runs; None is an action that only a mock can stand for. `config` is the configuration that
    it was created from, as JSON text; empty for one that came with its function.
    """

    dsn: str
    major: int
    minor: int
    name: str
    runtime: Runtime | None
    created_at: datetime
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    config: str = ""

    @property
    def is_live(self) -> bool:
        """Whether the version may be used."""
        return self.valid_from is not None and self.valid_to is None

    @property
    def version(self) -> str:
        """The version as text, `major.minor`."""
        return f"{self.major}.{self.minor}"


@dataclass(frozen=True, slots=True)
class FunctionVersion:
    """One version of a function; live from `valid_from` (once set) to `valid_to`."""

    plan: Plan
    version: int
    created_at: datetime
    valid_from: datetime | None = None
    valid_to: datetime | None = None

    @property
    def function_id(self) -> str:
        """The function's id."""
        return self.plan.function.id

    @property
    def is_live(self) -> bool:
        """Whether events start it."""
        return self.valid_from is not None and self.valid_to is None


@dataclass(frozen=True, slots=True)
class SourceKey:
    """A key that a source of events sends with; valid from `created_at` to `revoked_at` (if set).

    The key itself is not kept: `prefix` is how it begins, for a person to recognise it by, and `hash` is what it is
    found by. `name` says whose it is.
    """

    id: str
    name: str
    prefix: str
    hash: str = field(repr=False)
    created_at: datetime
    revoked_at: datetime | None = None

    @property
    def is_valid(self) -> bool:
        """Whether events may be sent with it."""
        return self.revoked_at is None


class DataStore(Protocol):
    """Keeps functions, actions and source keys. What is unknown raises `NotFoundError`."""

    async def create_function_version(self, plan: Plan, now: datetime, *, live: bool = True) -> FunctionVersion:
        """Add the next version of a function (the first is 1).

        When live, it starts at `now`, and the version that was live before ends then.
        """
        ...

    async def retire_function(self, function_id: str, now: datetime) -> None:
        """End a function's live version at `now`, so that nothing starts it; nothing changes when there is none."""
        ...

    async def function(self, function_id: str) -> FunctionVersion:
        """Return the live version of a function."""
        ...

    async def function_version(self, function_id: str, version: int) -> FunctionVersion:
        """Return one version of a function, live or not."""
        ...

    async def functions(self) -> Sequence[FunctionVersion]:
        """Return the live versions of all functions, in the order in which the functions were first added."""
        ...

    async def functions_by_event(self, name: str) -> Sequence[FunctionVersion]:
        """Return the live versions that an event of this name may start, in the order of `functions`.

        A trigger's `event` is a name, or (of an app's function) a pattern, see `functions.patterns`.
        """
        ...

    async def scheduled(self) -> Sequence[FunctionVersion]:
        """Return the live versions that have a cron trigger, in the order of `functions`."""
        ...

    async def function_history(self, function_id: str) -> Sequence[FunctionVersion]:
        """Return every version of a function, oldest first; nothing for an unknown one."""
        ...

    async def create_action_version(self, action: ActionVersion) -> ActionVersion:
        """Add an action version, not yet enabled.

        Raises `VersionError` when the version exists: `existing action version found for DSN:MAJOR-MINOR`.
        """
        ...

    async def enable_action_version(self, dsn: str, major: int, minor: int, now: datetime) -> ActionVersion:
        """Make a version live from `now`; nothing changes for one that was enabled before.

        Raises `VersionError` for an unknown one: `no existing action version to update`.
        """
        ...

    async def disable_action_version(self, dsn: str, major: int, minor: int, now: datetime) -> ActionVersion:
        """End a live version at `now`; nothing changes for one that is not live. Raises as enabling does."""
        ...

    async def action(self, dsn: str, constraint: VersionConstraint | None = None) -> ActionVersion:
        """Return the live version that the constraint asks for."""
        ...

    async def action_history(self, dsn: str) -> Sequence[ActionVersion]:
        """Return every version of an action, by version; nothing for an unknown one."""
        ...

    async def create_source_key(self, key: SourceKey) -> SourceKey:
        """Add a source key, valid from its creation.

        Raises `VersionError` when the id, or the hash, is another key's: `existing source key found for ID`.
        """
        ...

    async def revoke_source_key(self, key_id: str, now: datetime) -> SourceKey:
        """End a source key at `now`; nothing changes for one that was revoked before."""
        ...

    async def source_keys(self) -> Sequence[SourceKey]:
        """Return every source key, revoked ones too, in the order in which they were added."""
        ...

    async def source_key_by_hash(self, hash: str) -> SourceKey | None:  # noqa: A002 - the field's name
        """Return the source key with a hash, revoked or not; None when there is none."""
        ...
