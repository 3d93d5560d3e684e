"""The contract of a state store can fail: it catches each of the broken stores below, and no check is idle."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import anyio
import anyio.lowlevel
import pytest

from inngest_testkit.contracts import StateStoreContract
from inngest_testkit.errors import IdentifierExistsError, PauseNotFoundError
from inngest_testkit.runs.model import RunStatus
from inngest_testkit.state.base import PauseKind
from inngest_testkit.state.memory import MemoryStateStore, _Record


class ScheduleCountsTwice(MemoryStateStore):
    async def schedule(self, run_id, token):
        record = self._record(run_id)
        new = await super().schedule(run_id, token)
        if not new and not record.status.is_over:
            record.pending += 1
        return new


class ScheduleRaces(MemoryStateStore):
    async def schedule(self, run_id, token):
        known = await self.is_scheduled(run_id, token)
        await anyio.lowlevel.checkpoint()
        pending = self._record(run_id).pending
        await anyio.lowlevel.checkpoint()
        if not known:
            await super().schedule(run_id, token)
            self._record(run_id).pending = pending + 1
        return not known


class FinaliseGoesNegative(MemoryStateStore):
    async def finalise(self, run_id, token):
        self._record(run_id).pending -= 1
        return self._record(run_id).pending


class FinaliseForgetsTokens(MemoryStateStore):
    async def finalise(self, run_id, token):
        pending = await super().finalise(run_id, token)
        self._record(run_id).tokens.pop(token, None)
        return pending


class FinaliseRaces(MemoryStateStore):
    async def finalise(self, run_id, token):
        await super().finalise(run_id, token)
        await anyio.lowlevel.checkpoint()
        return self._record(run_id).pending


class SnapshotsAlias(MemoryStateStore):
    async def load(self, run_id):
        record = self._record(run_id)
        return replace(await super().load(run_id), outputs=_Live(record.outputs))

    create = MemoryStateStore.create


class _Live(dict):
    def __init__(self, entries):
        super().__init__({key: value for key, (_, value) in entries.items()})
        self._entries = entries

    def __contains__(self, key):
        return key in self._entries


class CreateForgetsKeys(MemoryStateStore):
    async def create(self, run):
        return await super().create(replace(run, key=run.run_id))


class CreateIgnoresCause(MemoryStateStore):
    async def create(self, run):
        return await super().create(replace(run, cause="same"))


class CreateStartsOver(MemoryStateStore):
    async def create(self, run):
        self._runs.pop(run.run_id, None)
        return await super().create(run)


class CreateRaces(MemoryStateStore):
    async def create(self, run):
        known = run.key in self._keys
        await anyio.lowlevel.checkpoint()
        if not known:
            self._keys.pop(run.key, None)
        return await super().create(run)


class UnknownRunsAreInvented(MemoryStateStore):
    def _record(self, run_id):
        if run_id not in self._runs:
            self._runs[run_id] = _Record(StateStoreContract().run(run_id))
        return self._runs[run_id]


class IdsAreSplit(MemoryStateStore):
    async def save_output(self, run_id, step, output):
        return await super().save_output(run_id, step.split(":")[0], output)


class ClaimsAreShared(MemoryStateStore):
    async def claim(self, run_id, step, token):
        self._record(run_id)
        return True


class ClaimsRace(MemoryStateStore):
    async def claim(self, run_id, step, token):
        holder = self._record(run_id).claims.get(step, token)
        await anyio.lowlevel.checkpoint()
        self._record(run_id).claims[step] = holder
        return holder == token


class OutputsAreReplaced(MemoryStateStore):
    async def save_output(self, run_id, step, output):
        self._record(run_id).outputs.pop(step, None)
        return await super().save_output(run_id, step, output)


class OutputsRace(MemoryStateStore):
    async def save_output(self, run_id, step, output):
        known = step in self._record(run_id).outputs
        await anyio.lowlevel.checkpoint()
        if not known:
            self._record(run_id).outputs.pop(step, None)
        return await super().save_output(run_id, step, output)


class NullIsNoOutput(MemoryStateStore):
    async def save_output(self, run_id, step, output):
        return await super().save_output(run_id, step, output) if output.value is not None else True


class ErrorsLowerPending(MemoryStateStore):
    async def save_error(self, run_id, step, error, *, final):
        await super().save_error(run_id, step, error, final=final)
        self._record(run_id).pending -= 1


class ErrorsAreAllFinal(MemoryStateStore):
    async def save_error(self, run_id, step, error, *, final):
        await super().save_error(run_id, step, error, final=True)


class FirstErrorStays(MemoryStateStore):
    async def save_error(self, run_id, step, error, *, final):
        kept = self._record(run_id).errors.get(step, error)
        await super().save_error(run_id, step, kept, final=final)


class FailedStepsAreRepeated(MemoryStateStore):
    async def save_error(self, run_id, step, error, *, final):
        await super().save_error(run_id, step, error, final=final)
        if final:
            record = self._record(run_id)
            record.failed = (*record.failed, step)


class ErrorsOutliveOutputs(MemoryStateStore):
    async def save_output(self, run_id, step, output):
        errors = self._record(run_id).errors
        saved = await super().save_output(run_id, step, output)
        self._record(run_id).errors = errors
        return saved


class EndKeepsPauses(MemoryStateStore):
    async def end(self, run_id, status):
        self._record(run_id).pauses = {}
        return await super().end(run_id, status)


class EndCanBeRepeated(MemoryStateStore):
    async def end(self, run_id, status):
        record = self._record(run_id)
        record.status = RunStatus.RUNNING
        return await super().end(run_id, status)


class EndRaces(MemoryStateStore):
    async def end(self, run_id, status):
        over = self._record(run_id).status.is_over
        await anyio.lowlevel.checkpoint()
        if not over:
            self._record(run_id).status = RunStatus.RUNNING
        return await super().end(run_id, status)


class DeleteKeepsTheKey(MemoryStateStore):
    def __init__(self):
        super().__init__()
        self._gone = {}

    async def create(self, run):
        if run.key in self._gone:
            raise IdentifierExistsError(run.key, self._gone[run.key])
        return await super().create(run)

    async def delete(self, run_id):
        if run_id in self._runs:
            self._gone[self._runs[run_id].run.key] = run_id
        await super().delete(run_id)


class DeleteKeepsTokens(MemoryStateStore):
    def __init__(self):
        super().__init__()
        self._old = {}

    async def delete(self, run_id):
        if run_id in self._runs:
            self._old[run_id] = dict(self._runs[run_id].tokens)
        await super().delete(run_id)

    async def is_scheduled(self, run_id, token):
        return await super().is_scheduled(run_id, token) or token in self._old.get(run_id, {})


class PausesComeBack(MemoryStateStore):
    async def consume_pause(self, pause_id):
        pause = await self.pause_by_id(pause_id)
        await super().consume_pause(pause_id)
        self._runs[pause.run_id].pauses.pop(pause_id, None)


class PausesAreDoubled(MemoryStateStore):
    async def save_pause(self, pause):
        await super().save_pause(pause)
        return True


class PausesRace(MemoryStateStore):
    async def save_pause(self, pause):
        known = pause.id in self._record(pause.run_id).pauses
        await anyio.lowlevel.checkpoint()
        return not known and (await super().save_pause(pause) or True)


class LeaseIgnoresOwners(MemoryStateStore):
    async def lease_pause(self, pause_id, now, *, owner):
        await super().lease_pause(pause_id, now, owner="everyone")


class LeaseNeverEnds(MemoryStateStore):
    async def lease_pause(self, pause_id, now, *, owner):
        held = self._leases.get(pause_id)
        if held is not None and held[0] != owner:
            self._leases[pause_id] = (held[0], now + timedelta(days=1))
        await super().lease_pause(pause_id, now, owner=owner)


class LeaseRefusesItsOwner(MemoryStateStore):
    async def lease_pause(self, pause_id, now, *, owner):
        await super().lease_pause(pause_id, now, owner=f"{owner} {len(self._leases)} {now}")


class LeaseIgnoresExpiry(MemoryStateStore):
    async def lease_pause(self, pause_id, now, *, owner):
        pause = self._pauses.get(pause_id)
        if pause is not None:
            self._pauses[pause_id] = replace(pause, expires=now)
        await super().lease_pause(pause_id, now, owner=owner)
        self._pauses[pause_id] = pause


class LeasedUntilIgnoresNow(MemoryStateStore):
    async def pause_leased_until(self, pause_id, now):
        return self._leases.get(pause_id, ("", None))[1]


class LeasesRace(MemoryStateStore):
    async def lease_pause(self, pause_id, now, *, owner):
        free = pause_id not in self._leases
        await anyio.lowlevel.checkpoint()
        if free:
            self._leases.pop(pause_id, None)
        await super().lease_pause(pause_id, now, owner=owner)


class ConsumeIsSilent(MemoryStateStore):
    async def consume_pause(self, pause_id):
        try:
            await super().consume_pause(pause_id)
        except PauseNotFoundError:
            return


class ExpiredPausesAreHidden(MemoryStateStore):
    async def pause_by_id(self, pause_id):
        pause = await super().pause_by_id(pause_id)
        if pause.expires <= StateStoreContract.start:
            raise PauseNotFoundError(pause_id)
        return pause

    async def pauses_by_event(self, name, event=None):
        return [p for p in await super().pauses_by_event(name, event) if p.expires >= StateStoreContract.start]


class PausesAreUnordered(MemoryStateStore):
    async def pauses_by_event(self, name, event=None):
        return sorted(await super().pauses_by_event(name, event), key=lambda pause: pause.id)


class PausesStopAtAThousand(MemoryStateStore):
    async def pauses_by_event(self, name, event=None):
        return list(await super().pauses_by_event(name, event))[:1000]


class LookUpsAreLive(MemoryStateStore):
    def __init__(self):
        super().__init__()
        self._shared = []

    async def pauses_by_event(self, name, event=None):
        self._shared[:] = await super().pauses_by_event(name, event)
        return self._shared

    async def consume_pause(self, pause_id):
        await super().consume_pause(pause_id)
        self._shared[:] = [pause for pause in self._shared if pause.id != pause_id]


class EventNamesIgnoreCase(MemoryStateStore):
    async def save_pause(self, pause):
        return await super().save_pause(replace(pause, event=pause.event.lower()))


class IndexComparesTypes(MemoryStateStore):
    async def pauses_by_event(self, name, event=None):
        found = await super().pauses_by_event(name, event)
        if event is None:
            return found
        value = event.data.get("id")
        return [p for p in found if not (isinstance(value, float) and p.index and p.index.key == "n:1.0")]


class IndexForgetsOthers(MemoryStateStore):
    async def consume_pause(self, pause_id):
        pause = await self.pause_by_id(pause_id)
        await super().consume_pause(pause_id)
        waiting = self._waiting.get(pause.event)
        if waiting is not None and pause.index is not None:
            waiting.indexed.pop(pause.index.path, None)


class PauseByChild(MemoryStateStore):
    async def pause_by_step(self, run_id, parent):
        for pause_id in reversed(list(self._record(run_id).pauses)):
            if pause_id in self._pauses and parent in (self._pauses[pause_id].parent, self._pauses[pause_id].child):
                return self._pauses[pause_id]
        raise PauseNotFoundError(parent)


class HistoryIsNewestFirst(MemoryStateStore):
    async def history(self, run_id):
        return tuple(reversed(await super().history(run_id)))


class HistoryDropsRepeats(MemoryStateStore):
    async def append(self, entry, *, once=False):
        return await super().append(entry, once=True)


class OnceIsIgnored(MemoryStateStore):
    async def append(self, entry, *, once=False):
        return await super().append(entry)


class AppendsRace(MemoryStateStore):
    async def append(self, entry, *, once=False):
        known = any(entry.same_transition(other) for other in await self.history(entry.run_id))
        await anyio.lowlevel.checkpoint()
        return await super().append(entry) if not (once and known) else False


class OutputsRaceToZero(MemoryStateStore):
    async def save_output(self, run_id, step, output):
        outputs = dict(self._record(run_id).outputs)
        await anyio.lowlevel.checkpoint()
        self._record(run_id).outputs = outputs
        return await super().save_output(run_id, step, output)


class OutputsAreSorted(MemoryStateStore):
    async def load(self, run_id):
        state = await super().load(run_id)
        return replace(state, outputs=dict(sorted(state.outputs.items())))


class SizeCountsWhatIsNotTaken(MemoryStateStore):
    async def save_output(self, run_id, step, output):
        saved = await super().save_output(run_id, step, output)
        if not saved:
            self._record(run_id).size += len(output.raw)
        return saved


class RequestVersionIsTheFirst(MemoryStateStore):
    async def save_request_version(self, run_id, version):
        if self._record(run_id).request_version == -1:
            await super().save_request_version(run_id, version)


class PausesAreAllEdges(MemoryStateStore):
    async def save_pause(self, pause):
        return await super().save_pause(replace(pause, kind=PauseKind.EDGE))


class AppsAreForgotten(MemoryStateStore):
    async def create(self, run):
        return await super().create(replace(run, app_id=""))


class CreateKeepsKeysForEver(MemoryStateStore):
    def _expire_keys(self, now):
        return


class CreateForgetsKeysOfDeletedRuns(MemoryStateStore):
    async def delete(self, run_id):
        self._keys = {key: kept for key, kept in self._keys.items() if kept[0] != run_id}
        await super().delete(run_id)


class CreateLosesFlowControl(MemoryStateStore):
    async def create(self, run):
        return await super().create(replace(run, batch=(), priority=0, keys=(), lock=""))


@pytest.fixture(scope="module")
def caught(failing_checks):
    """For each broken store, the checks that it fails and a sound one does not."""
    broken = [store for store in MemoryStateStore.__subclasses__() if store.__module__ == __name__]
    expected = failing_checks(StateStoreContract, MemoryStateStore)
    return {store.__name__: failing_checks(StateStoreContract, store) - expected for store in broken}, expected


def test_each_broken_state_store_is_caught(caught):
    """No broken store passes."""
    failed, _ = caught
    assert [name for name, checks in failed.items() if not checks] == []


def test_each_check_of_a_state_store_catches_something(caught):
    """Each check fails for one of the broken stores."""
    failed, expected = caught
    assert sorted(set(StateStoreContract.checks()) - expected - set().union(*failed.values())) == []
