"""The contract of a data store can fail: it catches each of the broken stores below, and no check is idle."""

from __future__ import annotations

from dataclasses import replace

import anyio
import anyio.lowlevel
import pytest

from inngest_testkit.contracts import DataStoreContract
from inngest_testkit.data_store.memory import MemoryDataStore
from inngest_testkit.errors import NotFoundError, VersionError
from inngest_testkit.functions.app import AppPlan
from inngest_testkit.functions.model import VersionConstraint


class VersionsAreShared(MemoryDataStore):
    async def create_function_version(self, plan, now, *, live=True):
        version = await super().create_function_version(plan, now, live=live)
        total = sum(len(versions) for versions in self._functions.values())
        return replace(version, version=total)


class VersionsRace(MemoryDataStore):
    async def create_function_version(self, plan, now, *, live=True):
        number = len(self._functions.get(plan.function.id, ())) + 1
        await anyio.lowlevel.checkpoint()
        return replace(await super().create_function_version(plan, now, live=live), version=number)


class EveryVersionIsLive(MemoryDataStore):
    async def create_function_version(self, plan, now, *, live=True):
        return await super().create_function_version(plan, now, live=True)


class OldVersionsStayLive(MemoryDataStore):
    async def create_function_version(self, plan, now, *, live=True):
        before = list(self._functions.get(plan.function.id, ()))
        version = await super().create_function_version(plan, now, live=live)
        self._functions[plan.function.id][: len(before)] = before
        return version


class OldEndsMove(MemoryDataStore):
    async def create_function_version(self, plan, now, *, live=True):
        version = await super().create_function_version(plan, now, live=live)
        versions = self._functions[plan.function.id]
        versions[:-1] = [replace(v, valid_to=now) for v in versions[:-1]]
        return version


class PlansAreCut(MemoryDataStore):
    async def function(self, function_id):
        version = await super().function(function_id)
        return replace(version, plan=replace(version.plan, triggers=version.plan.triggers[:1]))


class UnknownFunctionsAreNone(MemoryDataStore):
    async def function(self, function_id):
        try:
            return await super().function(function_id)
        except NotFoundError:
            return None


class VersionsCountFromTheEnd(MemoryDataStore):
    async def function_version(self, function_id, version):
        try:
            return self._functions[function_id][version - 1]
        except LookupError:
            raise NotFoundError("function version", version) from None


class FunctionsAreSorted(MemoryDataStore):
    def _ordered(self):
        return sorted(super()._ordered(), key=lambda version: version.function_id)


class TriggersAreDoubled(MemoryDataStore):
    async def functions_by_event(self, name):
        return [v for v in self._ordered() for trigger in v.plan.triggers if trigger.event == name]


class TriggersIgnoreCase(MemoryDataStore):
    async def functions_by_event(self, name):
        return await super().functions_by_event(name.lower())


class OldTriggersStay(MemoryDataStore):
    def _index(self):
        before = dict(self._by_event)
        super()._index()
        self._by_event = {**before, **self._by_event}


class ScheduledHasEverything(MemoryDataStore):
    async def scheduled(self):
        return self._ordered()


class HistoryIsLive(MemoryDataStore):
    async def function_history(self, function_id):
        return self._functions.get(function_id, [])


class ActionsStartEnabled(MemoryDataStore):
    async def create_action_version(self, action):
        await super().create_action_version(action)
        return self._keep(replace(action, valid_from=action.created_at))


class ActionsAreReplaced(MemoryDataStore):
    async def create_action_version(self, action):
        self._actions.get(action.dsn, {}).pop((action.major, action.minor), None)
        return await super().create_action_version(action)


class ActionsRace(MemoryDataStore):
    async def create_action_version(self, action):
        versions = self._actions.setdefault(action.dsn, {})
        known = (action.major, action.minor) in versions
        await anyio.lowlevel.checkpoint()
        if not known:
            versions.pop((action.major, action.minor), None)
        return await super().create_action_version(action)


class ActionsSayNothing(MemoryDataStore):
    async def create_action_version(self, action):
        try:
            return await super().create_action_version(action)
        except VersionError:
            raise VersionError("no") from None


class EnablingMovesTheStart(MemoryDataStore):
    async def enable_action_version(self, dsn, major, minor, now):
        return self._keep(replace(self._existing(dsn, major, minor), valid_from=now))


class DisablingMovesTheEnd(MemoryDataStore):
    async def disable_action_version(self, dsn, major, minor, now):
        return self._keep(replace(self._existing(dsn, major, minor), valid_to=now))


class UnknownActionsAreCreated(MemoryDataStore):
    async def enable_action_version(self, dsn, major, minor, now):
        try:
            return await super().enable_action_version(dsn, major, minor, now)
        except VersionError:
            return None


class NewestIsByText(MemoryDataStore):
    def _resolve(self, dsn, wanted):
        live = [a for a in self._actions.get(dsn, {}).values() if a.is_live]
        fitting = [a for a in live if wanted.major in (None, a.major) and wanted.minor in (None, a.minor)]
        if not fitting:
            raise NotFoundError("action", f"{dsn} version {wanted}")
        return max(fitting, key=lambda a: a.version)


class NewestMinorOfLowestMajor(MemoryDataStore):
    def _resolve(self, dsn, wanted):
        majors = [a.major for a in self._actions.get(dsn, {}).values() if a.is_live]
        major = wanted.major if wanted.major is not None or not majors else min(majors)
        return super()._resolve(dsn, VersionConstraint(major, wanted.minor))


class ResolutionsAreStale(MemoryDataStore):
    def _keep(self, action):
        self._actions[action.dsn][action.major, action.minor] = action
        return action


class ActionHistoryIsByAge(MemoryDataStore):
    async def action_history(self, dsn):
        return list(self._actions.get(dsn, {}).values())


class RetiredStay(MemoryDataStore):
    async def retire_function(self, function_id, now):
        return


class RetiredLoseTheirPlace(MemoryDataStore):
    async def retire_function(self, function_id, now):
        await super().retire_function(function_id, now)
        if function_id in self._functions:
            self._functions[function_id] = self._functions.pop(function_id)


class PatternsNameThemselves(MemoryDataStore):
    def _index(self):
        super()._index()
        self._by_prefix = {}


class PatternsComeLast(MemoryDataStore):
    async def functions_by_event(self, name):
        found = await super().functions_by_event(name)
        return sorted(found, key=lambda version: version.function_id not in self._by_event.get(name, ()))


class ConfigurationsAreDropped(MemoryDataStore):
    async def create_function_version(self, plan, now, *, live=True):
        if isinstance(plan, AppPlan):
            plan = replace(plan, function=replace(plan.function, config={}))
        return await super().create_function_version(plan, now, live=live)


class KeysStartRevoked(MemoryDataStore):
    async def create_source_key(self, key):
        created = await super().create_source_key(key)
        return replace(created, revoked_at=key.revoked_at)


class KeysAreFoundByPart(MemoryDataStore):
    async def source_key_by_hash(self, hash):  # noqa: A002
        return next((key for key in self._keys.values() if key.hash.startswith(hash)), None)


class KeysAreFoundById(MemoryDataStore):
    async def source_key_by_hash(self, hash):  # noqa: A002
        return await super().source_key_by_hash(hash) or self._keys.get(hash)


class KeysAreReplaced(MemoryDataStore):
    async def create_source_key(self, key):
        self._keys.pop(key.id, None)
        self._hashed.pop(key.hash, None)
        return await super().create_source_key(key)


class KeysRace(MemoryDataStore):
    async def create_source_key(self, key):
        known = key.id in self._keys
        await anyio.lowlevel.checkpoint()
        if not known:
            self._keys.pop(key.id, None)
            self._hashed.pop(key.hash, None)
        return await super().create_source_key(key)


class RevokingMovesTheEnd(MemoryDataStore):
    async def revoke_source_key(self, key_id, now):
        revoked = self._keys[key_id] = replace(await super().revoke_source_key(key_id, now), revoked_at=now)
        return revoked


class RevokedKeysAreGone(MemoryDataStore):
    async def revoke_source_key(self, key_id, now):
        key = await super().revoke_source_key(key_id, now)
        self._hashed.pop(key.hash, None)
        return key


class KeysAreRevokedByName(MemoryDataStore):
    async def revoke_source_key(self, key_id, now):
        named = [key.id for key in self._keys.values() if key.name == key_id]
        return await super().revoke_source_key(named[0] if named else key_id, now)


class RevokedKeysAreNotListed(MemoryDataStore):
    async def source_keys(self):
        return [key for key in self._keys.values() if key.is_valid]


class KeysAreListedByName(MemoryDataStore):
    async def source_keys(self):
        return sorted(self._keys.values(), key=lambda key: key.name)


@pytest.fixture(scope="module")
def caught(failing_checks):
    """For each broken store, the checks that it fails and a sound one does not."""
    broken = [store for store in MemoryDataStore.__subclasses__() if store.__module__ == __name__]
    expected = failing_checks(DataStoreContract, MemoryDataStore)
    return {store.__name__: failing_checks(DataStoreContract, store) - expected for store in broken}, expected


def test_each_broken_data_store_is_caught(caught):
    """No broken store passes."""
    failed, _ = caught
    assert [name for name, checks in failed.items() if not checks] == []


def test_each_check_of_a_data_store_catches_something(caught):
    """Each check fails for one of the broken stores."""
    failed, expected = caught
    assert sorted(set(DataStoreContract.checks()) - expected - set().union(*failed.values())) == []
