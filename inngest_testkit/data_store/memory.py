"""The data store in this process's memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from inngest_testkit.data_store.base import ActionVersion, FunctionVersion, SourceKey
from inngest_testkit.errors import NotFoundError, VersionError
from inngest_testkit.functions.model import VersionConstraint
from inngest_testkit.functions.patterns import prefixes_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from inngest_testkit.functions.app import Plan

__all__ = ["MemoryDataStore"]


_NEWEST = VersionConstraint()
# Names of events are few; one made of data must not fill the memory.
_ANSWERS_KEPT = 10_000


class MemoryDataStore:
    """Keeps functions, actions and source keys in dicts, with a look-up table from event names to functions."""

    never_suspends = True

    def __init__(self) -> None:
        self._functions: dict[str, list[FunctionVersion]] = {}
        self._live: dict[str, FunctionVersion] = {}
        self._by_event: dict[str, list[str]] = {}
        self._by_prefix: dict[str, list[str]] = {}
        #: Answers of `functions_by_event`, until the functions change.
        self._answers: dict[str, tuple[FunctionVersion, ...]] = {}
        self._actions: dict[str, dict[tuple[int, int], ActionVersion]] = {}
        self._resolved: dict[str, dict[VersionConstraint | None, ActionVersion]] = {}
        self._keys: dict[str, SourceKey] = {}
        #: The ids of source keys, by hash.
        self._hashed: dict[str, str] = {}

    async def create_function_version(self, plan: Plan, now: datetime, *, live: bool = True) -> FunctionVersion:
        """See `DataStore.create_function_version`."""
        function_id = plan.function.id
        versions = self._functions.setdefault(function_id, [])
        new = FunctionVersion(plan, len(versions) + 1, now, valid_from=now if live else None)
        if live:
            versions[:] = [replace(v, valid_to=now) if v.is_live else v for v in versions]
            self._live[function_id] = new
            self._index()
        versions.append(new)
        return new

    def _index(self) -> None:
        self._by_event, self._by_prefix, self._answers = {}, {}, {}
        for version in self._ordered():
            for trigger in version.plan.triggers:
                if trigger.event is not None:
                    self._by_event.setdefault(trigger.event, []).append(version.function_id)
                if trigger.prefix is not None:
                    self._by_prefix.setdefault(trigger.prefix, []).append(version.function_id)

    def _ordered(self) -> list[FunctionVersion]:
        return [self._live[function_id] for function_id in self._functions if function_id in self._live]

    async def retire_function(self, function_id: str, now: datetime) -> None:
        """See `DataStore.retire_function`."""
        if function_id in self._live:
            del self._live[function_id]
            versions = self._functions[function_id]
            versions[:] = [replace(v, valid_to=now) if v.is_live else v for v in versions]
            self._index()

    async def function(self, function_id: str) -> FunctionVersion:
        """See `DataStore.function`."""
        if function_id not in self._live:
            raise NotFoundError("function", function_id, self._live)
        return self._live[function_id]

    async def function_version(self, function_id: str, version: int) -> FunctionVersion:
        """See `DataStore.function_version`."""
        versions = self._functions.get(function_id, ())
        if not 1 <= version <= len(versions):
            raise NotFoundError("function version", f"{function_id} {version}")
        return versions[version - 1]

    async def functions(self) -> Sequence[FunctionVersion]:
        """See `DataStore.functions`."""
        return self._ordered()

    async def functions_by_event(self, name: str) -> Sequence[FunctionVersion]:
        """See `DataStore.functions_by_event`."""
        found = self._answers.get(name)
        if found is None:
            wanted = {
                *self._by_event.get(name, ()),
                *(i for p in prefixes_of(name) for i in self._by_prefix.get(p, ())),
            }
            found = tuple(self._live[function_id] for function_id in self._functions if function_id in wanted)
            if len(self._answers) < _ANSWERS_KEPT:
                self._answers[name] = found
        return found

    async def scheduled(self) -> Sequence[FunctionVersion]:
        """See `DataStore.scheduled`."""
        return [v for v in self._ordered() if any(t.schedule is not None for t in v.plan.triggers)]

    async def function_history(self, function_id: str) -> Sequence[FunctionVersion]:
        """See `DataStore.function_history`."""
        return tuple(self._functions.get(function_id, ()))

    async def create_action_version(self, action: ActionVersion) -> ActionVersion:
        """See `DataStore.create_action_version`."""
        versions = self._actions.setdefault(action.dsn, {})
        if (action.major, action.minor) in versions:
            raise VersionError(f"existing action version found for {action.dsn}:{action.major}-{action.minor}")
        return self._keep(replace(action, valid_from=None, valid_to=None))

    def _keep(self, action: ActionVersion) -> ActionVersion:
        self._actions[action.dsn][action.major, action.minor] = action
        self._resolved.pop(action.dsn, None)
        return action

    def _existing(self, dsn: str, major: int, minor: int) -> ActionVersion:
        action = self._actions.get(dsn, {}).get((major, minor))
        if action is None:
            raise VersionError(f"no existing action version to update: {dsn}:{major}-{minor}")
        return action

    async def enable_action_version(self, dsn: str, major: int, minor: int, now: datetime) -> ActionVersion:
        """See `DataStore.enable_action_version`."""
        action = self._existing(dsn, major, minor)
        return action if action.valid_from is not None else self._keep(replace(action, valid_from=now))

    async def disable_action_version(self, dsn: str, major: int, minor: int, now: datetime) -> ActionVersion:
        """See `DataStore.disable_action_version`."""
        action = self._existing(dsn, major, minor)
        return self._keep(replace(action, valid_to=now)) if action.is_live else action

    async def action(self, dsn: str, constraint: VersionConstraint | None = None) -> ActionVersion:
        """See `DataStore.action`."""
        known = self._resolved.get(dsn)
        if known is None:
            known = self._resolved[dsn] = {}
        found = known.get(constraint)
        if found is None:
            found = known[constraint] = self._resolve(dsn, constraint or _NEWEST)
        return found

    def _resolve(self, dsn: str, wanted: VersionConstraint) -> ActionVersion:
        live = [a for a in self._actions.get(dsn, {}).values() if a.is_live]
        fitting = [
            a for a in live if wanted.major is None or (a.major == wanted.major and wanted.minor in (None, a.minor))
        ]
        if not fitting:
            raise NotFoundError("action", f"{dsn} version {wanted}", [f"{a.dsn} version {a.version}" for a in live])
        return max(fitting, key=lambda a: (a.major, a.minor))

    async def action_history(self, dsn: str) -> Sequence[ActionVersion]:
        """See `DataStore.action_history`."""
        return [action for _, action in sorted(self._actions.get(dsn, {}).items())]

    async def create_source_key(self, key: SourceKey) -> SourceKey:
        """See `DataStore.create_source_key`."""
        if key.id in self._keys or key.hash in self._hashed:
            raise VersionError(f"existing source key found for {self._hashed.get(key.hash, key.id)}")
        self._keys[key.id], self._hashed[key.hash] = replace(key, revoked_at=None), key.id
        return self._keys[key.id]

    async def revoke_source_key(self, key_id: str, now: datetime) -> SourceKey:
        """See `DataStore.revoke_source_key`."""
        if key_id not in self._keys:
            raise NotFoundError("source key", key_id, self._keys)
        key = self._keys[key_id]
        if key.is_valid:
            key = self._keys[key_id] = replace(key, revoked_at=now)
        return key

    async def source_keys(self) -> Sequence[SourceKey]:
        """See `DataStore.source_keys`."""
        return tuple(self._keys.values())

    async def source_key_by_hash(self, hash: str) -> SourceKey | None:  # noqa: A002 - the field's name
        """See `DataStore.source_key_by_hash`."""
        return self._keys.get(self._hashed.get(hash, ""))
