"""The state store in memory keeps its contract."""

from __future__ import annotations

from inngest_testkit.contracts import StateStoreContract
from inngest_testkit.state.memory import MemoryStateStore
from inngest_testkit.values import encode


class TestMemoryStateStore(StateStoreContract):
    async def make_store(self):
        return MemoryStateStore()

    async def test_a_snapshot_keeps_to_its_moment_however_many_outputs_follow(self):
        """A snapshot shows the outputs that there were, in order, of runs with few steps and with many."""
        store = await self.make_store()
        await store.create(self.run("run"))
        states = []
        for number in range(30):
            states.append(await store.load("run"))
            await store.save_output("run", f"s{number}", encode(number))
        for count, state in enumerate(states):
            assert list(state.outputs) == [f"s{number}" for number in range(count)]
            assert [each.value for each in state.outputs.values()] == list(range(count))
            assert (len(state.outputs), f"s{count}" in state.outputs) == (count, False)
