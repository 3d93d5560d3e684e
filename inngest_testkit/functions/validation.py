"""What is wrong with a function, all at once: each problem with its place and its remedy.

Source: recordings/dag README, "Loading"; the server's words come first in a message, where it has some. Beyond the
server, cycles, unreachable steps, duplicate ids, durations and the conditions of awaited events are looked at.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from inngest_testkit.cron import Schedule, jitter_problem
from inngest_testkit.durations import parse_duration
from inngest_testkit.errors import CronError, DurationError, ExpressionSyntaxError, suggestion
from inngest_testkit.expressions import DAG, compile_expression
from inngest_testkit.functions.dsn import dsn, slug
from inngest_testkit.functions.flow_options import check_flow_control
from inngest_testkit.functions.model import TRIGGER, DockerRuntime
from inngest_testkit.functions.problems import Problem, describe
from inngest_testkit.functions.shape import find_cycles, find_unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from inngest_testkit.functions.model import After, EventDefinition, Function, Step, Trigger
    from inngest_testkit.functions.problems import Path

    #: Writes a place in one of the functions, by its number.
    Place: TypeAlias = Callable[[int, Path], str]

__all__ = ["Problem", "check_function", "check_functions", "find_problems"]

_FORMATS = ("cue", "json-schema")
_TRIGGER_READS = "a trigger's expression reads event (event.data.x, event.name) and user"
_CONDITION_READS = "the condition of an edge reads event, steps (steps.ID.x) and response (the parent's output)"
_MATCH_READS = "the match of an edge reads event, steps, response, and as async the event that arrives"


def check_functions(functions: Sequence[Function], *, place: Place | None = None) -> list[str]:
    """Say what is wrong with functions that are to run together, one text each.

    `place` writes a problem's place from the function's number and the path in its document; without it the place
    reads `function 'x', step 'a', after[0].if`.
    """

    def named(number: int, path: Path) -> str:
        return describe(str(functions[number].id), path)

    where = place or named
    return [f"{where(number, each.path)}: {each.message}" for number, each in find_problems(functions, where)]


def find_problems(functions: Sequence[Function], place: Place) -> list[tuple[int, Problem]]:
    """Give the problems with the number of their function, those between functions included."""
    found = [(number, problem) for number, function in enumerate(functions) for problem in check_function(function)]
    ids: dict[str, int] = {}
    actions: dict[str, tuple[int, str]] = {}
    for number, function in enumerate(functions):
        first = ids.setdefault(function.id, number)
        if first != number and function.id:
            other = place(first, ("id",))
            message = f"duplicate function id {function.id!r} (the other: {other}); give each function an id of its own"
            found.append((number, Problem(("id",), message)))
            continue
        for step in function.steps:
            name = dsn(function.id, str(step.id))
            owner = actions.setdefault(name, (number, step.id))
            if owner[0] != number:
                other = place(owner[0], ("steps", owner[1]))
                message = f"shares the DSN {name!r} with another step ({other}); rename one of the functions or steps"
                found.append((number, Problem(("steps", step.id), message)))
    return found


def check_function(function: Function) -> list[Problem]:
    """Say what is wrong with one function."""
    checker = _Checker(function)
    checker.head()
    for number, trigger in enumerate(function.triggers):
        checker.trigger(trigger, ("triggers", number))
    checker.step_ids()
    for step in function.steps:
        checker.step(step)
    checker.graph()
    return checker.problems


class _Checker:
    def __init__(self, function: Function) -> None:
        self.function = function
        self.ids = [step.id for step in function.steps]
        self.known = {TRIGGER, *self.ids}
        self.problems: list[Problem] = []

    def problem(self, path: Path, message: str) -> None:
        self.problems.append(Problem(path, message))

    # -- the head

    def head(self) -> None:
        function = self.function
        if not function.id or not isinstance(function.id, str):
            self.problem(("id",), f"A function ID is required; write an id as text, found {function.id!r}")
        if not function.name or not isinstance(function.name, str):
            self.problem(("name",), f"A function name is required; write a name as text, found {function.name!r}")
        if not function.triggers:
            self.problem(
                ("triggers",), "At least one trigger is required; write an event's name or a cron schedule in triggers"
            )
        self.problems.extend(check_flow_control(function.flow_control))

    # -- triggers

    def trigger(self, trigger: Trigger, path: Path) -> None:
        by_cron = trigger.cron is not None or trigger.jitter is not None
        if by_cron and trigger.event is not None:
            self.problem(path, "A trigger cannot have both an event and a cron trigger; write two triggers")
        elif by_cron:
            self.cron(trigger, path)
        elif not trigger.event:
            self.no_event(trigger, path)
        if trigger.expression:
            self.expression(trigger.expression, (*path, "expression"), _TRIGGER_READS)
        if trigger.definition is not None:
            self.definition(trigger.definition, (*path, "definition"))

    def no_event(self, trigger: Trigger, path: Path) -> None:
        if trigger.event is None and trigger.expression is None and trigger.definition is None:
            self.problem(
                path,
                "A trigger must supply an event name or a cron schedule; "
                'write {"event": "user/created"} or {"cron": "0 9 * * *"}',
            )
        else:
            self.problem(
                (*path, "event"), 'An event trigger must specify an event name; write the name, as "user/created"'
            )

    def cron(self, trigger: Trigger, path: Path) -> None:
        try:
            Schedule.parse("" if trigger.cron is None else str(trigger.cron))
        except CronError as error:
            self.problem((*path, "cron"), str(error))
        if trigger.jitter is not None and (problem := jitter_problem(trigger.jitter)):
            self.problem((*path, "jitter"), problem)
        if trigger.expression is not None:
            self.problem(
                (*path, "expression"),
                "a cron trigger has no event that an expression could read; remove the expression",
            )

    def definition(self, definition: EventDefinition, path: Path) -> None:
        if definition.format not in _FORMATS:
            known = suggestion(str(definition.format), _FORMATS, label="known formats")
            self.problem((*path, "format"), f"unknown event definition format: {definition.format}{known}")
        elif definition.format == "json-schema" and not isinstance(definition.definition, Mapping):
            reason = _not_a_schema(definition.definition)
            if reason:
                self.problem(
                    (*path, "def"),
                    f"error converting json-schema definition: {reason}; write the JSON of a schema's object",
                )

    # -- steps

    def step_ids(self) -> None:
        slugs: dict[str, str] = {}
        seen: set[str] = set()
        for step_id in self.ids:
            path = ("steps", step_id)
            if not step_id or not isinstance(step_id, str):
                self.problem(path, f"A step must have an ID defined; write it as text, found {step_id!r}")
            elif step_id == TRIGGER:
                self.problem(path, f"{TRIGGER!r} is the name of the function's trigger; give the step another id")
            elif step_id in seen:
                self.problem(path, f"duplicate step id {step_id!r}; give each step an id of its own")
            elif (other := slugs.setdefault(slug(step_id), step_id)) != step_id:
                name = dsn(str(self.function.id), step_id)
                self.problem(path, f"shares the DSN {name!r} with step {other!r}; rename one of them")
            seen.add(step_id)

    def step(self, step: Step) -> None:
        path = ("steps", step.id)
        if isinstance(step.runtime, DockerRuntime) and step.path and not step.path.startswith("file://"):
            self.problem(
                (*path, "path"),
                f"the provided path could not be parsed: {step.path!r}; "
                "write file:// and a folder below the function's, such as 'file://./steps/a'",
            )
        for number, entry in enumerate(step.after):
            self.edge(step.id, entry, (*path, "after", number))

    def edge(self, child: str, entry: After, path: Path) -> None:
        self.parents(child, entry, path)
        if entry.if_:
            self.expression(entry.if_, (*path, "if"), _CONDITION_READS)
        if entry.wait is not None:
            self.duration(entry.wait, (*path, "wait"), "invalid wait duration")
        if entry.is_async:
            self.awaited(entry, (*path, "async"))
        if entry.join:
            self.joined(entry, path)

    def parents(self, child: str, entry: After, path: Path) -> None:
        for number, parent in enumerate(entry.steps):
            at: Path = (*path, "steps", number) if entry.join else (*path, "step")
            if parent not in self.known:
                known = suggestion(str(parent), [str(each) for each in (*self.ids, TRIGGER)], label="known steps")
                self.problem(at, f"unknown step {parent!r} for edge '{{{parent} {child}}}'{known}")
            if parent in entry.steps[:number]:
                self.problem(at, f"step {parent!r} is named twice in one entry; name it once")
        if not entry.steps:
            self.problem(path, f"the entry names no parent; name the steps that must be done, or {TRIGGER!r}")

    def awaited(self, entry: After, path: Path) -> None:
        if not entry.event:
            self.problem(
                (*path, "event"), "no async edge event specified; write the name of the event that the step waits for"
            )
        if entry.ttl is None:
            self.problem(
                (*path, "ttl"), "no async edge ttl specified; write how long to wait at most, such as ttl '1h'"
            )
        else:
            self.duration(entry.ttl, (*path, "ttl"), "error parsing async edge ttl")
        if entry.match:
            self.expression(entry.match, (*path, "match"), _MATCH_READS)

    def joined(self, entry: After, path: Path) -> None:
        for text, inner in ((entry.if_, ("if",)), (entry.match, ("async", "match"))):
            if len(entry.steps) > 1 and text and "response" in _variables(text):
                which = ", ".join(f"steps.{parent}" for parent in entry.steps)
                self.problem(
                    (*path, *inner),
                    f"response is the output of one parent, and this edge joins {len(entry.steps)}; write {which}",
                )

    def graph(self) -> None:
        if TRIGGER in self.ids:
            return
        cycles = find_cycles(self.function.steps)
        unreachable = find_unreachable(self.function.steps)
        for cycle in cycles:
            lost = "; none of them can be reached from the trigger" if set(cycle) <= unreachable else ""
            entry = _entry(self.function.steps, cycle[0], cycle[-1])
            self.problem(
                ("steps", cycle[0], "after", entry),
                f"cycle: {' -> '.join([*cycle, cycle[0]])}{lost}; a step runs once in a run, so remove an edge",
            )
        in_cycles = {step_id for cycle in cycles for step_id in cycle}
        for step in self.function.steps:
            if step.id in unreachable and step.id not in in_cycles:
                parents = ", ".join(sorted({p for each in step.after for p in each.steps if p in unreachable}))
                self.problem(
                    ("steps", step.id, "after"),
                    f"unreachable: it only follows {parents}, which cannot be reached from the trigger; "
                    f"let one of them follow {TRIGGER!r} or a step that runs",
                )

    # -- texts

    def expression(self, text: object, path: Path, reads: str) -> None:
        if not isinstance(text, str):
            self.problem(path, f"expected an expression as text, found {text!r}; write it in quotes")
            return
        try:
            compile_expression(text, DAG)
        except ExpressionSyntaxError as error:
            hint = f"\n | {reads}" if error.reason.startswith("undeclared") else ""
            self.problem(path, f"error compiling expression: {error}{hint}")

    def duration(self, text: object, path: Path, reason: str) -> None:
        try:
            parse_duration(text)
        except (DurationError, TypeError) as error:
            self.problem(path, f"{reason}: {error}")


def _variables(text: str) -> set[str]:
    """Give the names that an expression reads, none when it does not compile."""
    try:
        return {path[0] for path in compile_expression(text, DAG).references}
    except ExpressionSyntaxError:
        return set()


def _entry(steps: Sequence[Step], child: str, parent: str) -> int:
    entries = next(step.after for step in steps if step.id == child)
    return next(number for number, entry in enumerate(entries) if parent in entry.steps)


def _not_a_schema(content: object) -> str:
    if not isinstance(content, (str, bytes)):
        return f"expected text or an object, found {type(content).__name__}"
    try:
        parsed = json.loads(content)
    except (ValueError, RecursionError) as error:
        return str(error) or "it is nested too deep"
    return "" if isinstance(parsed, dict) else f"expected an object, found {type(parsed).__name__}"
