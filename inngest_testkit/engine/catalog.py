"""The functions of an engine, of both kinds: registered, loaded, served."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inngest_testkit.data_store.base import ActionVersion
from inngest_testkit.drivers.python import check_callable
from inngest_testkit.errors import InvalidFunctionsError, NotFoundError, SetupError, VersionError
from inngest_testkit.functions.app import AppPlan, plan_app_function
from inngest_testkit.functions.dsn import dsn
from inngest_testkit.functions.loader import load_functions
from inngest_testkit.functions.model import Function, PythonRuntime
from inngest_testkit.functions.plan import FunctionPlan, plan_function
from inngest_testkit.functions.validation import check_functions
from inngest_testkit.lifecycle import FlowControlWarning, UnknownFieldWarning
from inngest_testkit.queue.base import ItemKind

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from inngest_testkit.data_store.base import FunctionVersion
    from inngest_testkit.engine.components import Components
    from inngest_testkit.engine.serving import Served
    from inngest_testkit.functions.app import Plan
    from inngest_testkit.functions.model import Step

__all__ = ["Catalog"]


class Catalog:
    """Adds functions; `plans` holds the newest version of each, by id."""

    def __init__(self, parts: Components) -> None:
        self._parts, self._clock, self._warner = parts, parts.clock, parts.warner
        self._data, self._queue, self._runner = parts.data, parts.queue, parts.runner
        self.plans: dict[str, Plan] = {}
        #: The function that an action belongs to, by DSN.
        self._owners: dict[str, str] = {}

    async def register(self, *functions: Function) -> None:
        """Add functions, or new versions of those that are there; nothing is added when one has a problem."""
        for function in functions:
            if not isinstance(function, Function):
                hint = "; functions of an SDK are served: engine.serve(client, [...])" if _is_of_sdk(function) else ""
                raise SetupError(
                    f"register takes inngest_testkit.Function objects, found {type(function).__name__}: "
                    f"{function!r}{hint}"
                )
            for step in function.steps:
                if isinstance(step.runtime, PythonRuntime):
                    check_callable(step.runtime.run, f"function {function.id!r}, step {step.id!r}")
        await self.replace(functions)

    async def replace(self, functions: Sequence[Function], retired: Iterable[str] = ()) -> None:
        """Add checked functions in the place of those with the `retired` ids, which nothing starts from then on.

        Runs under way go on in the version that they began with. Nothing changes when one has a problem.
        """
        self._check(functions)
        plans = [plan_function(function) for function in functions]
        for function_id in [each for each in retired if each in self.plans]:
            await self._retire(function_id)
        for plan in plans:
            await self._add(plan)

    async def deploy(self, function: Function, *, live: bool, env: str) -> FunctionVersion:
        """Add the next version of a function; one that is not live is a draft, which nothing starts.

        The actions of its steps get the version 1.N for the function's version N; those that were created before are
        taken as they are. Raises `InvalidFunctionsError`, and `VersionError` for such an action of another runtime.
        Source: recordings/dag README, "Defaults, ids, DSN" and "Postgres tables".
        """
        self._check([function], env)
        return await self._add(plan_function(function, env), live=live)

    def _check(self, functions: Sequence[Function], env: str = "test") -> None:
        problems = check_functions(functions) or [*self._taken_ids(functions), *self._shared_actions(functions, env)]
        if problems:
            raise InvalidFunctionsError(problems)

    def _taken_ids(self, functions: Sequence[Function]) -> list[str]:
        """Find the functions whose id a function of an app has."""
        return [
            f"function {function.id!r}: another function has this id, of an app that is served; rename one of them"
            for function in functions
            if isinstance(self.plans.get(function.id), AppPlan)
        ]

    def _shared_actions(self, functions: Sequence[Function], env: str) -> list[str]:
        """Find the steps whose action is that of a function which is there already."""
        problems = []
        for function in functions:
            for step in function.steps:
                action = dsn(function.id, step.id, env)
                owner = self._owners.get(action, function.id)
                if owner != function.id:
                    problems.append(
                        f"function {function.id!r}, step {step.id!r}: its action {action!r} is that of function "
                        f"{owner!r}, which is registered; rename one of them"
                    )
        return problems

    async def load(self, path: str | os.PathLike[str]) -> tuple[Function, ...]:
        """Add every function found below a folder, or in one file."""
        loaded = load_functions(path)
        await self.register(*(each.function for each in loaded))
        for each in loaded:
            for field in each.ignored:
                self._warner.collect(field, UnknownFieldWarning)
        return tuple(each.function for each in loaded)

    async def add_app(self, served: Served) -> None:
        """Let a served app have these functions and no others; nothing changes when one has a problem."""
        self._check_ids(served)
        there = {function.id for function in served.functions}
        for function_id, plan in list(self.plans.items()):
            is_of_app = isinstance(plan, AppPlan) and plan.function.app_id == served.app_id
            if is_of_app and function_id not in there:
                await self._retire(function_id)
        for function, app in zip(served.functions, served.apps, strict=True):
            self._parts.apps.add(app, [function.id])
        for function in served.functions:
            await self._make_live(plan_app_function(function))

    def _check_ids(self, served: Served) -> None:
        problems = []
        for function in served.functions:
            other = self.plans.get(function.id)
            owner = other.function.app_id if isinstance(other, AppPlan) else ""
            if other is not None and owner != function.app_id:
                problems.append(f"function {function.id!r}: another function has this id; rename one of them")
        if problems:
            raise InvalidFunctionsError(problems)

    async def _retire(self, function_id: str) -> None:
        await self._data.retire_function(function_id, self._clock.now())
        await self._drop_crons(function_id)
        del self.plans[function_id]

    async def _add(self, plan: FunctionPlan, *, live: bool = True) -> FunctionVersion:
        now, function_id = self._clock.now(), plan.function.id
        minor = len(await self._data.function_history(function_id)) + 1
        steps = {plan.actions[step.id].dsn: step for step in plan.function.steps}
        there = {name: await self._created(name, minor, step) for name, step in steps.items()}
        for name, step in steps.items():
            self._owners[name] = function_id
            if not there[name]:
                await self._data.create_action_version(ActionVersion(name, 1, minor, step.name, step.runtime, now))
            if live:
                await self._data.enable_action_version(name, 1, minor, now)
        if live:
            return await self._make_live(plan)
        return await self._data.create_function_version(plan, now, live=False)

    async def _created(self, name: str, minor: int, step: Step) -> bool:
        """Whether a step's action was created before its function's version; it must run where the step does."""
        for action in await self._data.action_history(name):
            if (action.major, action.minor) == (1, minor):
                if getattr(action.runtime, "type", None) != getattr(step.runtime, "type", None):
                    raise VersionError(
                        f"action {name} 1.{minor} was created with another runtime than that of step {step.id!r}; "
                        "create it with the step's, or leave it to the function's deployment"
                    )
                return True
        return False

    async def _make_live(self, plan: Plan) -> FunctionVersion:
        version = await self._data.create_function_version(plan, self._clock.now())
        await self._drop_crons(plan.function.id)
        self.plans[plan.function.id] = plan
        for text in () if plan.flow is None else plan.flow.broken():
            self._warner.collect(f"function {plan.function.id!r}: {text}", FlowControlWarning)
        await self._runner.schedule_crons(version)
        return version

    async def _drop_crons(self, function_id: str) -> None:
        for pending in self._queue.snapshot():
            if pending.item.kind is ItemKind.CRON and pending.item.function_id == function_id:
                await self._queue.discard(item_id=pending.item.id)

    def id_of(self, given: object) -> str:
        """Return the id of a function that is given as its id, its id within its app, or the function itself."""
        name = given if isinstance(given, str) else getattr(given, "id", None)
        if isinstance(name, str):
            if name in self.plans:
                return name
            local = [
                function_id
                for function_id, plan in self.plans.items()
                if isinstance(plan, AppPlan) and function_id == f"{plan.function.app_id}-{name}"
            ]
            if len(local) == 1:
                return local[0]
            if local:
                raise NotFoundError("function", name, local, reason="several apps have a function of this id")
        reason = "it is not served: engine.serve(client, [...])" if _is_of_sdk(given) else ""
        raise NotFoundError("function", str(name or given), self.plans, reason=reason)


def _is_of_sdk(function: object) -> bool:
    return hasattr(function, "is_handler_async")
