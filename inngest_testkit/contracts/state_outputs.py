"""What steps of a run came to, as a state store keeps it: outputs, errors, and what counts of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inngest_testkit.contracts.base import check, gather
from inngest_testkit.contracts.state_samples import FIRST, HELLO, MANY, OTHER, SECOND, Samples, plain, wins_of
from inngest_testkit.runs.model import RunStatus
from inngest_testkit.values import NULL, encode

if TYPE_CHECKING:
    from inngest_testkit.state.base import StateStore

__all__ = ["OutputChecks"]


class OutputChecks(Samples):
    """The part of the contract that is about outputs and errors."""

    __test__ = False

    @check
    async def test_output_is_kept(self, store: StateStore) -> None:
        """Outputs stand under their steps, one beside the other; nothing else of the run changes."""
        run = self.run()
        await store.create(run)
        await store.schedule("run", "a")
        assert await store.save_output("run", "a", HELLO) is True, "the first output of a step must return True"
        assert await store.save_output("run", "b", NULL) is True, "null is an output like any other"
        state = await store.load("run")
        assert dict(state.outputs) == {"a": HELLO, "b": NULL}, f"outputs must be kept, found {dict(state.outputs)}"
        assert "c" not in state.outputs, "a step without output has none"
        assert (state.run, state.pending) == (run, 1), "an output changes neither the run nor what is pending"

    @check
    async def test_first_output_stays(self, store: StateStore) -> None:
        """A step has one output: a second one is not taken, whatever it is, also after null."""
        await store.create(self.run())
        for step, first in (("a", HELLO), ("b", NULL)):
            await store.save_output("run", step, first)
            for output in (first, OTHER):
                found = await store.save_output("run", step, output)
                assert found is False, f"save_output of step {step!r}, which has one, must return False, found {found}"
            kept = (await store.load("run")).outputs[step]
            assert kept == first, f"the first output of {step!r} must stay, found {kept}"

    @check
    async def test_one_of_many_outputs_is_kept(self, store: StateStore) -> None:
        """Of 100 outputs saved at once for one step, the one whose save returned True is kept."""
        await store.create(self.run())
        results = await gather(store.save_output("run", "a", encode(i)) for i in range(MANY))
        assert wins_of(results) == 1, f"exactly one output is taken, found {wins_of(results)}"
        kept = (await store.load("run")).outputs["a"]
        assert kept == encode(results.index(True)), f"the output that was taken must be kept, found {kept}"

    @check
    async def test_snapshots_do_not_change(self, store: StateStore) -> None:
        """A state, once loaded, shows nothing of later writes."""
        created = await store.create(self.run())
        await store.schedule("run", "a")
        await store.save_output("run", "a", HELLO)
        await store.save_error("run", "b", FIRST, final=True)
        loaded = await store.load("run")
        before = plain(created), plain(loaded)
        await store.schedule("run", "c")
        await store.save_output("run", "b", OTHER)
        await store.save_output("run", "c", OTHER)
        await store.save_error("run", "d", SECOND, final=True)
        await store.finalise("run", "a")
        await store.end("run", RunStatus.FAILED)
        assert (plain(created), plain(loaded)) == before, "later writes must not show in a state loaded before"
        assert "c" not in loaded.outputs, "later outputs must not show in a state loaded before"

    @check
    async def test_retryable_error(self, store: StateStore) -> None:
        """A retryable error stands under its step, without output, and changes nothing that is pending."""
        await store.create(self.run())
        await store.schedule("run", "a")
        await store.save_error("run", "a", FIRST, final=False)
        state = await store.load("run")
        assert dict(state.errors) == {"a": FIRST}, f"the error must be kept, found {dict(state.errors)}"
        assert not dict(state.outputs), "a failed step has no output"
        assert not list(state.failed), "a retryable error does not fail the step for good"
        assert state.pending == 1, "an error does not change what is pending"

    @check
    async def test_final_error(self, store: StateStore) -> None:
        """A final error follows the retryable one and marks the step as failed, once, in the order of failing."""
        await store.create(self.run())
        await store.save_error("run", "z", FIRST, final=False)
        for step in ("z", "z", "a"):
            await store.save_error("run", step, SECOND, final=True)
        state = await store.load("run")
        assert dict(state.errors) == {"z": SECOND, "a": SECOND}, f"the last error counts, found {dict(state.errors)}"
        assert list(state.failed) == ["z", "a"], f"steps stand in the order of failing, found {list(state.failed)}"
        assert not dict(state.outputs), "a failed step has no output"

    @check
    async def test_output_after_error(self, store: StateStore) -> None:
        """An output takes the place of its step's error; an error that comes later is not taken."""
        await store.create(self.run())
        await store.schedule("run", "a")
        await store.save_error("run", "a", FIRST, final=False)
        assert await store.save_output("run", "a", HELLO) is True, "an error is no output: saving one returns True"
        await store.save_error("run", "a", SECOND, final=True)
        state = await store.load("run")
        assert dict(state.outputs) == {"a": HELLO}, "the output must be kept"
        assert not dict(state.errors), f"a step with an output has no error, found {dict(state.errors)}"
        assert not list(state.failed), f"a step with an output has not failed, found {list(state.failed)}"
        assert state.pending == 1, "neither changes what is pending"

    @check
    async def test_outputs_keep_the_order_of_saving(self, store: StateStore) -> None:
        """Outputs come in the order in which they were first saved, also after more are saved."""
        await store.create(self.run())
        steps = ["z", "a", "m", *(f"step {i}" for i in range(MANY))]
        for step in steps:
            await store.save_output("run", step, HELLO)
            await store.save_output("run", "z", OTHER)
        found = list((await store.load("run")).outputs)
        assert found == steps, f"expected the order of saving, found {found[:5]}…"

    @check
    async def test_size_counts_the_bytes_of_outputs(self, store: StateStore) -> None:
        """`size` is the bytes of all outputs as JSON; what is not taken, errors and other runs count nothing."""
        await store.create(self.run())
        await store.create(self.run("other"))
        assert (await store.load("run")).size == 0, "a new run has no outputs"
        await store.save_output("run", "a", HELLO)
        await store.save_output("run", "b", NULL)
        await store.save_output("run", "a", OTHER)
        await store.save_output("other", "a", HELLO)
        await store.save_error("run", "c", FIRST, final=True)
        loaded = await store.load("run")
        await store.save_output("run", "d", HELLO)
        expected = len(HELLO.raw) + len(NULL.raw)
        assert loaded.size == expected, f"size must be {expected}, found {loaded.size}"

    @check
    async def test_request_version_is_kept(self, store: StateStore) -> None:
        """The version that a run's app answered with is -1 at first, then the last one saved, of that run alone."""
        await store.create(self.run())
        await store.create(self.run("other"))
        first = await store.load("run")
        for version in (2, 2, 3):
            await store.save_request_version("run", version)
            found = (await store.load("run")).request_version
            assert found == version, f"the version last saved is {version}, found {found}"
        others = (first.request_version, (await store.load("other")).request_version)
        assert others == (-1, -1), f"before the first answer, and for other runs, it is -1, found {others}"
