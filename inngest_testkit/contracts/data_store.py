"""The contract of a data store. Source: recordings/dag README, "Defaults, ids, DSN" and "Postgres tables" (rules)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from inngest_testkit.contracts.base import catch, check, gather
from inngest_testkit.contracts.data_store_keys import SourceKeyChecks
from inngest_testkit.data_store.base import ActionVersion, DataStore, FunctionVersion
from inngest_testkit.errors import NotFoundError, VersionError
from inngest_testkit.functions.app import AppFunction, AppPlan, plan_app_function
from inngest_testkit.functions.model import Function, Step, Trigger, VersionConstraint, http, on_cron, on_event
from inngest_testkit.functions.plan import FunctionPlan, plan_function

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DataStoreContract"]

_MANY = 20
_HOUR = timedelta(hours=1)
_URL = "https://example.com/step"


class DataStoreContract(SourceKeyChecks):
    """What every `DataStore` must do; `make_store` gives an empty one."""

    __test__ = False

    def plan(self, function_id: str, *triggers: Trigger, step: str = "a") -> FunctionPlan:
        """Return a plan of one step, started by the triggers, or by an event of the function's name."""
        steps = [Step(step, runtime=http(_URL)), Step("z", after=step, runtime=http(_URL), version="1.2")]
        return plan_function(Function(function_id, *(triggers or (on_event(function_id),)), steps=steps, name="Name"))

    def app_plan(self, function_id: str, *triggers: Trigger) -> AppPlan:
        """Return the plan of an app's function."""
        config = {"id": function_id, "name": "Näme", "concurrency": [{"limit": 2}]}
        return plan_app_function(AppFunction(function_id, "shop", "Name", triggers, 3, config))

    async def create(self, store: DataStore, *function_ids: str) -> None:
        """Create a live version of each function."""
        for function_id in function_ids:
            await store.create_function_version(self.plan(function_id), self.start)

    def action(self, dsn: str = "f-step-a-test", major: int = 1, minor: int = 1) -> ActionVersion:
        """Return an action version to create."""
        return ActionVersion(dsn, major, minor, "Step A", http(_URL), self.start)

    async def live(self, store: DataStore, *versions: tuple[int, int], dsn: str = "f-step-a-test") -> None:
        """Create and enable versions of an action."""
        for major, minor in versions:
            await store.create_action_version(self.action(dsn, major, minor))
            await store.enable_action_version(dsn, major, minor, self.start)

    # -- functions

    @check
    async def test_versions_count_from_one(self, store: DataStore) -> None:
        """Each function has versions of its own, 1, 2…, live or not."""
        for function_id, live, expected in (("f", True, 1), ("f", False, 2), ("g", False, 1), ("f", True, 3)):
            created = await store.create_function_version(self.plan(function_id), self.start, live=live)
            found = (created.function_id, created.version)
            assert found == (function_id, expected), f"expected version {expected} of {function_id!r}, found {found}"

    @check
    async def test_live_version_starts_now(self, store: DataStore) -> None:
        """A live version is valid from its creation, one that is not live never; both come back as created."""
        live = await store.create_function_version(self.plan("f", step="x"), self.start)
        idle = await store.create_function_version(self.plan("f", step="y"), self.start + _HOUR, live=False)
        found = [(v.created_at, v.valid_from, v.valid_to, v.is_live) for v in (live, idle)]
        expected = [(self.start, self.start, None, True), (self.start + _HOUR, None, None, False)]
        assert found == expected, f"expected {expected}, found {found}"
        for version, created in ((1, live), (2, idle)):
            stored = await store.function_version("f", version)
            assert _shown(stored) == _shown(created), f"expected {_shown(created)}, found {_shown(stored)}"
        assert _shown(await store.function("f")) == _shown(live), "a version that is not live replaces none"

    @check
    async def test_new_live_version_ends_the_last(self, store: DataStore) -> None:
        """When a version becomes live, the one before ends at that moment; earlier ends stay."""
        for hours in range(3):
            await store.create_function_version(self.plan("f", step=f"s{hours}"), self.start + hours * _HOUR)
        history = await store.function_history("f")
        ends = [version.valid_to for version in history]
        assert ends == [self.start + _HOUR, self.start + 2 * _HOUR, None], f"each ends as the next begins, found {ends}"
        assert [version.is_live for version in history] == [False, False, True], "one version is live"
        live = await store.function("f")
        assert (live.version, live.plan.step_ids) == (3, ("s2", "z")), f"the newest is live, found {_shown(live)}"

    @check
    async def test_plans_come_back(self, store: DataStore) -> None:
        """A version's plan is that of the function as given."""
        plan = self.plan("f", on_event("e", if_="event.data.x == 1"), on_cron("TZ=Europe/Paris 0 9 * * MON"))
        await store.create_function_version(plan, self.start)
        found = (await store.function("f")).plan
        assert isinstance(found, FunctionPlan), f"expected the plan of a DAG function, found {found!r}"
        assert found.function == plan.function, f"expected {plan.function!r}, found {found.function!r}"
        assert found.workflow_id == plan.workflow_id, "the workflow id follows from the function's id"
        assert dict(found.actions) == dict(plan.actions), f"expected {plan.actions}, found {found.actions}"
        texts = [trigger.text for trigger in found.triggers]
        assert texts == [trigger.text for trigger in plan.triggers], f"triggers stay in order, found {texts}"

    @check
    async def test_many_versions_at_once(self, store: DataStore) -> None:
        """Of versions created at once each has its own number, and one is live."""
        results = await gather(store.create_function_version(self.plan("f"), self.start) for _ in range(_MANY))
        numbers = sorted(result.version for result in results if isinstance(result, FunctionVersion))
        assert numbers == list(range(1, _MANY + 1)), f"each version has its number, found {numbers}: {results[:3]}"
        live = [version.version for version in await store.function_history("f") if version.is_live]
        assert live == [(await store.function("f")).version], f"exactly one version is live, found {live}"

    @check
    async def test_unknown_functions(self, store: DataStore) -> None:
        """What is not there, or not live, is not found, and the error says what was asked for."""
        await self.create(store, "f")
        await store.create_function_version(self.plan("idle"), self.start, live=False)
        for function_id in ("unknown", "idle", "F", ""):
            error = await catch(NotFoundError, store.function(function_id), f"function({function_id!r})")
            assert str(error).startswith(f"there is no function {function_id!r}"), f"found {error}"
        for function_id, version in (("f", 0), ("f", 2), ("f", -1), ("unknown", 1)):
            call = store.function_version(function_id, version)
            await catch(NotFoundError, call, f"function_version({function_id!r}, {version})")
        assert not list(await store.function_history("unknown")), "an unknown function has no history"

    @check
    async def test_functions_keep_the_order_of_adding(self, store: DataStore) -> None:
        """Live versions come in the order in which the functions were first added, whatever came later."""
        await self.create(store, "zebra", "apple")
        await store.create_function_version(self.plan("idle"), self.start, live=False)
        await self.create(store, "mango", "zebra")
        found = [(version.function_id, version.version) for version in await store.functions()]
        assert found == [("zebra", 2), ("apple", 1), ("mango", 1)], f"order of first adding, found {found}"
        await self.create(store, "idle")
        names = _names(await store.functions())
        assert names == ["zebra", "apple", "idle", "mango"], f"it was added third, though live last, found {names}"

    @check
    async def test_functions_by_event(self, store: DataStore) -> None:
        """An event's name finds the live versions with a trigger on it, each once, in order; names are exact."""
        one, two = on_event("e", if_="event.data.x == 1"), on_event("e")
        for function_id, triggers in (
            ("z", (one, two)),
            ("cron", (on_cron("* * * * *"),)),
            ("a", (two, on_event("f"))),
        ):
            await store.create_function_version(self.plan(function_id, *triggers), self.start)
        await store.create_function_version(self.plan("idle", two), self.start, live=False)
        for name, expected in (("e", ["z", "a"]), ("f", ["a"]), ("E", []), ("e/x", []), ("", []), ("unknown", [])):
            found = _names(await store.functions_by_event(name))
            assert found == expected, f"event {name!r} starts {expected}, found {found}"

    @check
    async def test_functions_by_pattern(self, store: DataStore) -> None:
        """A trigger that ends in `*` names every event below it; each function comes once, in the order of adding."""
        triggers = {
            "z": (on_event("shop/*"), on_event("shop/paid")),
            "a": (on_event("shop/paid"),),
            "m": (on_event("shop/cart/*"),),
            "b": (on_event("shop.*"), on_event("shop/cart/full")),
        }
        for function_id, given in triggers.items():
            await store.create_function_version(self.app_plan(function_id, *given), self.start)
        await store.create_function_version(self.app_plan("idle", on_event("shop/*")), self.start, live=False)
        for name, expected in (
            ("shop/paid", ["z", "a"]),
            ("shop/cart/full", ["z", "m", "b"]),
            ("shop/", ["z"]),
            ("shop", []),
            ("shop.paid", ["b"]),
            ("other/paid", []),
        ):
            found = _names(await store.functions_by_event(name))
            assert found == expected, f"event {name!r} starts {expected}, found {found}"

    @check
    async def test_app_functions_come_back(self, store: DataStore) -> None:
        """A version of an app's function comes back with its whole registration."""
        plan = self.app_plan("shop-f", on_event("e", if_="event.data.n > 5"), on_cron("0 9 * * *"))
        await store.create_function_version(plan, self.start)
        found = (await store.function("shop-f")).plan
        assert isinstance(found, AppPlan), f"expected the plan of an app's function, found {found!r}"
        assert found.function == plan.function, f"expected {plan.function!r}, found {found.function!r}"
        assert _names(await store.scheduled()) == ["shop-f"], "it has a schedule"

    @check
    async def test_retire(self, store: DataStore) -> None:
        """A retired function ends at that moment, and nothing starts it; its versions stay, and it can return."""
        cron = on_cron("* * * * *")
        await store.create_function_version(self.plan("f", on_event("e"), cron), self.start)
        await store.create_function_version(self.plan("g", on_event("e")), self.start)
        for _ in range(2):
            await store.retire_function("f", self.start + _HOUR)
        await store.retire_function("unknown", self.start)
        await catch(NotFoundError, store.function("f"), "function() of a retired one")
        for what, names in (
            ("functions_by_event", await store.functions_by_event("e")),
            ("functions", await store.functions()),
            ("scheduled", await store.scheduled()),
        ):
            expected = [] if what == "scheduled" else ["g"]
            assert _names(names) == expected, f"{what} must give {expected}, found {_names(names)}"
        version = await store.function_version("f", 1)
        assert (version.valid_to, version.is_live) == (self.start + _HOUR, False), f"it ends then, found {version}"
        again = await store.create_function_version(self.plan("f", on_event("e")), self.start + 2 * _HOUR)
        assert (again.version, again.is_live) == (2, True), f"it returns as version 2, found {again}"
        found = [(v.version, v.valid_to) for v in await store.function_history("f")]
        assert found == [(1, self.start + _HOUR), (2, None)], f"the first version's end stays, found {found}"
        assert _names(await store.functions_by_event("e")) == ["f", "g"], "it returns to its place"

    @check
    async def test_replaced_triggers_are_gone(self, store: DataStore) -> None:
        """A new live version brings its own triggers; those of the version before find nothing."""
        await store.create_function_version(self.plan("f", on_event("old"), on_cron("* * * * *")), self.start)
        await self.create(store, "g")
        await store.create_function_version(self.plan("f", on_event("new"), on_event("g")), self.start)
        for name, expected in (("old", []), ("new", [("f", 2)]), ("g", [("f", 2), ("g", 1)])):
            found = [(v.function_id, v.version) for v in await store.functions_by_event(name)]
            assert found == expected, f"event {name!r} starts {expected}, found {found}"
        assert _names(await store.scheduled()) == [], "the schedule of a version that was replaced is gone"

    @check
    async def test_scheduled(self, store: DataStore) -> None:
        """Live versions with a schedule, each once, in the order of adding."""
        cron = on_cron("0 9 * * *")
        triggers = {"z": (cron,), "event": (on_event("e"),), "a": (on_event("e"), cron, cron)}
        for function_id, given in triggers.items():
            await store.create_function_version(self.plan(function_id, *given), self.start)
        await store.create_function_version(self.plan("idle", cron), self.start, live=False)
        assert _names(await store.scheduled()) == ["z", "a"], f"found {_names(await store.scheduled())}"

    @check
    async def test_function_history(self, store: DataStore) -> None:
        """Every version of a function comes, oldest first, live or not; what was read does not change."""
        for live in (True, False, True):
            await store.create_function_version(self.plan("f"), self.start, live=live)
        await self.create(store, "g")
        history = await store.function_history("f")
        await self.create(store, "f")
        found = [(version.version, version.is_live) for version in history]
        assert found == [(1, False), (2, False), (3, True)], f"every version, oldest first, found {found}"

    # -- actions

    @check
    async def test_new_action_is_not_enabled(self, store: DataStore) -> None:
        """An action version comes back as given, but not enabled, whatever it says, and so is not found."""
        given = ActionVersion("d", 1, 2, "Step", http(_URL), self.start, self.start, self.start + _HOUR)
        expected = ActionVersion("d", 1, 2, "Step", http(_URL), self.start)
        created = await store.create_action_version(given)
        assert created == expected, f"a new action version is not enabled: expected {expected}, found {created}"
        assert list(await store.action_history("d")) == [expected], "it must be kept as it was returned"
        await catch(NotFoundError, store.action("d"), "action() of one that is not enabled")

    @check
    async def test_action_version_exists(self, store: DataStore) -> None:
        """A version that is there is refused with its name, enabled or not; others are not."""
        await self.live(store, (1, 1))
        await store.create_action_version(self.action(minor=2))
        for minor in (1, 2):
            call = store.create_action_version(self.action(minor=minor))
            error = await catch(VersionError, call, "create_action_version, repeated")
            text = f"existing action version found for f-step-a-test:1-{minor}"
            assert text in str(error), f"the error must say {text!r}, found {error}"
        await store.create_action_version(self.action("other", minor=1))
        await store.create_action_version(self.action(major=2, minor=1))
        assert (await store.action("f-step-a-test", VersionConstraint(1, 1))).is_live, "what was there must stay live"

    @check
    async def test_one_of_many_creations_counts(self, store: DataStore) -> None:
        """Of calls that create one action version at once, exactly one succeeds."""
        results = await gather(store.create_action_version(self.action()) for _ in range(_MANY))
        created = [result for result in results if isinstance(result, ActionVersion)]
        assert len(created) == 1, f"exactly one call creates the version, found {len(created)}"
        refused = [result for result in results if not isinstance(result, ActionVersion)]
        assert all(isinstance(e, VersionError) for e in refused), f"expected VersionError, found {refused[:3]}"

    @check
    async def test_enable(self, store: DataStore) -> None:
        """Enabling sets the start once; again, also after the end, it changes nothing."""
        await store.create_action_version(self.action())
        enabled = await store.enable_action_version("f-step-a-test", 1, 1, self.start + _HOUR)
        assert (enabled.valid_from, enabled.valid_to) == (self.start + _HOUR, None), f"found {enabled}"
        again = await store.enable_action_version("f-step-a-test", 1, 1, self.start + 2 * _HOUR)
        assert again == enabled, f"enabling again changes nothing, found {again}"
        assert await store.action("f-step-a-test") == enabled, "an enabled version is found"
        ended = await store.disable_action_version("f-step-a-test", 1, 1, self.start + 3 * _HOUR)
        again = await store.enable_action_version("f-step-a-test", 1, 1, self.start + 4 * _HOUR)
        assert again == ended, f"a version that has ended stays so, found {again}"

    @check
    async def test_disable(self, store: DataStore) -> None:
        """Disabling ends a live version, once; one that was never enabled is left as it is."""
        created = await store.create_action_version(self.action())
        found = await store.disable_action_version("f-step-a-test", 1, 1, self.start)
        assert found == created, f"disabling one that was never enabled changes nothing, found {found}"
        await store.enable_action_version("f-step-a-test", 1, 1, self.start)
        ended = await store.disable_action_version("f-step-a-test", 1, 1, self.start + _HOUR)
        assert (ended.valid_from, ended.valid_to) == (self.start, self.start + _HOUR), f"found {ended}"
        again = await store.disable_action_version("f-step-a-test", 1, 1, self.start + 2 * _HOUR)
        assert again == ended, f"disabling again changes nothing, found {again}"
        assert list(await store.action_history("f-step-a-test")) == [ended], "the end must be kept"

    @check
    async def test_unknown_action_versions(self, store: DataStore) -> None:
        """What is unknown cannot be enabled or disabled, and is not found."""
        await self.live(store, (1, 1))
        for dsn, major, minor in (("f-step-a-test", 1, 2), ("f-step-a-test", 2, 1), ("unknown", 1, 1)):
            for name, change in (("enable", store.enable_action_version), ("disable", store.disable_action_version)):
                error = await catch(
                    VersionError, change(dsn, major, minor, self.start), f"{name} of {dsn} {major}.{minor}"
                )
                assert "no existing action version to update" in str(error), f"{name} must say so, found {error}"
        error_ = await catch(NotFoundError, store.action("unknown"), "action() of an unknown DSN")
        assert "unknown" in str(error_), f"the error must name the DSN, found {error_}"
        assert not list(await store.action_history("unknown")), "an unknown action has no history"

    @check
    async def test_constraints(self, store: DataStore) -> None:
        """None given, the newest live version; a major alone, its newest minor; both, that one."""
        await self.live(store, (1, 9), (1, 10), (2, 0), (1, 2), (10, 1), (9, 9))
        await self.live(store, (99, 99), dsn="other")
        wanted = {
            VersionConstraint(): "10.1",
            VersionConstraint(1): "1.10",
            VersionConstraint(2): "2.0",
            VersionConstraint(1, 2): "1.2",
            VersionConstraint(2, 0): "2.0",
        }
        for constraint, expected in wanted.items():
            found = (await store.action("f-step-a-test", constraint)).version
            assert found == expected, f"version {constraint} is {expected}, found {found}"
        assert (await store.action("f-step-a-test")).version == "10.1", "no constraint asks for the newest"
        for constraint in (VersionConstraint(3), VersionConstraint(1, 3), VersionConstraint(0)):
            error = await catch(NotFoundError, store.action("f-step-a-test", constraint), f"action {constraint}")
            for part in ("f-step-a-test", str(constraint)):
                assert part in str(error), f"the error must name {part!r}, found {error}"

    @check
    async def test_constraints_see_what_is_live(self, store: DataStore) -> None:
        """Versions that are not enabled, or have ended, are passed over, as soon as that is so."""
        await self.live(store, (1, 1), (1, 2))
        expected = [(1, "1.2"), (None, "1.2")]
        await self._expect_actions(store, expected)
        await store.create_action_version(self.action(major=2, minor=1))
        await self._expect_actions(store, expected)
        await store.enable_action_version("f-step-a-test", 2, 1, self.start)
        await self._expect_actions(store, [(1, "1.2"), (None, "2.1")])
        await store.disable_action_version("f-step-a-test", 1, 2, self.start)
        await self._expect_actions(store, [(1, "1.1"), (None, "2.1")])
        await store.disable_action_version("f-step-a-test", 2, 1, self.start)
        await self._expect_actions(store, [(1, "1.1"), (None, "1.1")])
        exact = store.action("f-step-a-test", VersionConstraint(2, 1))
        await catch(NotFoundError, exact, "action() of a version that has ended")

    async def _expect_actions(self, store: DataStore, expected: Sequence[tuple[int | None, str]]) -> None:
        found = [
            (major, (await store.action("f-step-a-test", VersionConstraint(major))).version) for major, _ in expected
        ]
        assert found == expected, f"expected {expected}, found {found}"

    @check
    async def test_action_history(self, store: DataStore) -> None:
        """Every version of an action comes in order of its numbers, live or not."""
        await self.live(store, (1, 10), (1, 9), (10, 0))
        await store.create_action_version(self.action(major=2, minor=0))
        await store.disable_action_version("f-step-a-test", 1, 9, self.start)
        await self.live(store, (5, 5), dsn="other")
        found = [(action.version, action.is_live) for action in await store.action_history("f-step-a-test")]
        expected = [("1.9", False), ("1.10", True), ("2.0", False), ("10.0", True)]
        assert found == expected, f"expected {expected}, found {found}"


def _names(versions: Sequence[FunctionVersion]) -> list[str]:
    return [version.function_id for version in versions]


def _shown(version: FunctionVersion) -> tuple[object, ...]:
    """What a store must keep of a version; a plan is compared by its function."""
    return (version.plan.function, version.version, version.created_at, version.valid_from, version.valid_to)
