"""The functions of an app as its SDK registers them: checked as the server checks them, and read.

Source: recordings/sdk README, "Registration" and "Limits", and the server's own code where a recording cannot show a
rule. The server refuses an app for one bad function and logs the reason; here the error has every reason. Nothing here
keeps functions or compiles them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from inngest_testkit.cron import Schedule, jitter_problem
from inngest_testkit.errors import CronError, InvalidFunctionsError
from inngest_testkit.functions.app import AppFunction
from inngest_testkit.functions.configuration import Section, shown
from inngest_testkit.functions.dsn import slug
from inngest_testkit.functions.model import Trigger
from inngest_testkit.functions.options import check_options
from inngest_testkit.functions.problems import Problem

__all__ = ["LONGEST_NAME", "MOST_TRIGGERS", "address_of", "read_functions"]

MOST_TRIGGERS = 10
#: Bytes of UTF-8 that the name of a trigger's event, or a schedule, may have.
LONGEST_NAME = 255

_SCHEMES = ("http", "https", "ws", "wss")
# With a field of either, a trigger is one of that kind, whatever the field holds.
_EVENT_FIELDS = ("event", "expression")
_CRON_FIELDS = ("cron", "jitter")


def read_functions(app_id: str, configs: Sequence[Mapping[str, Any]]) -> tuple[AppFunction, ...]:
    """Read the functions of an app. Of several with one id the last counts.

    Raises `InvalidFunctionsError` with every problem of every function, in the order of the configuration.
    """
    problems: list[Problem] = []
    if not app_id:
        problems.append(Problem((), "App ID required; give the app an id, such as 'shop'"))
    functions: dict[str, AppFunction] = {}
    for place, config in zip(_places(configs), configs, strict=True):
        if isinstance(config, Mapping):
            function = _read_function(app_id, Section(place, config, problems))
            functions[function.id] = function
        else:
            message = f"expected an object, found {shown(config)}; write the function's configuration"
            problems.append(Problem((), message, place))
    if problems:
        raise InvalidFunctionsError([str(problem) for problem in problems])
    return tuple(functions.values())


def _places(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name each function for readers: by its id, and by its number where the id does not tell it apart."""
    ids = [config.get("id") if isinstance(config, Mapping) else None for config in configs]
    counts = Counter(each for each in ids if isinstance(each, str))
    places = []
    for number, each in enumerate(ids, start=1):
        if not isinstance(each, str) or not each:
            places.append(f"function number {number}, which has no id")
        else:
            places.append(f"function {each!r}" + (f" (number {number})" if counts[each] > 1 else ""))
    return places


def _read_function(app_id: str, function: Section) -> AppFunction:
    name = function.text("name", missing="A function name is required; write a name as text") or ""
    triggers = _read_triggers(function)
    retries = _read_steps(function)
    check_options(function)
    return AppFunction(
        id=function.text("id") or slug(name),
        app_id=app_id,
        name=name,
        triggers=triggers,
        retries=retries,
        config=dict(function.content),
    )


def address_of(function: AppFunction) -> str:
    """Return where a function is called, without what the query says of function and step."""
    step = next(iter(function.config["steps"].values()))
    url = urlsplit(str(step["runtime"]["url"]))
    kept = [(name, value) for name, value in parse_qsl(url.query) if name not in ("fnId", "stepId")]
    return urlunsplit(url._replace(query=urlencode(kept)))


def _read_triggers(function: Section) -> tuple[Trigger, ...]:
    sections = function.each("triggers", "trigger")
    if len(sections) > MOST_TRIGGERS:
        function.problem(
            "triggers",
            f"This function exceeds the max number of triggers: {MOST_TRIGGERS}; "
            f"found {len(sections)}, split the function or remove some",
        )
    triggers: list[Trigger] = []
    first: dict[Trigger, Section] = {}
    for section in sections:
        trigger = _read_trigger(section)
        if trigger is None:
            continue
        triggers.append(trigger)
        # Two of one schedule are alike, however late their runs may be.
        if (other := first.setdefault(replace(trigger, jitter=None), section)) is not section:
            _repeated(trigger, section, other)
    return tuple(triggers)


def _repeated(trigger: Trigger, section: Section, other: Section) -> None:
    """Note a trigger like another. Not recorded: the server compares the expressions and the schedules as well."""
    remedy = f"it is that of {other.place.rpartition(', ')[2]}; remove one of them"
    if trigger.cron is not None:
        section.problem("", f"duplicate cron expression: {trigger.cron}; {remedy}")
    else:
        section.problem("", f"duplicate trigger event: {trigger.event}; {remedy}, or let their expressions differ")


def _read_trigger(section: Section) -> Trigger | None:
    by_event = any(field in section.content for field in _EVENT_FIELDS)
    by_cron = any(field in section.content for field in _CRON_FIELDS)
    if by_event and by_cron:
        section.problem("", "A trigger cannot have both an event and a cron trigger; write two triggers")
        return None
    if by_event:
        return _read_event(section)
    if by_cron:
        return _read_cron(section)
    section.problem(
        "",
        "A trigger must supply an event name or a cron schedule; "
        'write {"event": "user/created"} or {"cron": "0 9 * * *"}',
    )
    return None


def _read_event(section: Section) -> Trigger | None:
    missing = "An event trigger must specify an event name; write the name, such as 'user/created'"
    event = section.text("event", missing=missing)
    expression = section.expression("expression", words=f"invalid trigger expression on {shown(event or '')}")
    if event is None or (expression is None and section.has("expression")):
        return None
    if _is_too_long(event):
        section.problem(
            "event", f"event name is too long. maximum length is {LONGEST_NAME} characters; shorten {shown(event)}"
        )
    return Trigger(event=event, expression=expression)


def _read_cron(section: Section) -> Trigger | None:
    jitter = _read_jitter(section)
    missing = "'' isn't a valid cron schedule; write five fields (minute hour day month weekday), such as '0 9 * * *'"
    cron = section.text("cron", missing=missing)
    if cron is None:
        return None
    if _is_too_long(cron):
        section.problem("cron", f"cron is too long. maximum length is {LONGEST_NAME} characters; shorten {shown(cron)}")
    try:
        Schedule.parse(cron)
    except CronError as error:
        section.problem("cron", str(error))
    return Trigger(cron=cron, jitter=jitter)


def _read_jitter(section: Section) -> str | None:
    """Read by how much the runs of a schedule may be late. Not recorded: the server's own rule."""
    text = section.text("jitter")
    if text is not None and (problem := jitter_problem(text)):
        section.problem("jitter", problem)
    return text


def _is_too_long(text: str) -> bool:
    return len(text.encode("utf-8", "surrogatepass")) > LONGEST_NAME


def _read_steps(function: Section) -> int | None:
    """Check the one step that an SDK registers, which is the function's address, and give its retries."""
    steps = function.inner("steps")
    if steps is None and function.has("steps"):
        return None  # of the wrong kind, which is noted
    contents = {} if steps is None else steps.content
    if len(contents) != 1:
        found = ", ".join(shown(name) for name in contents) or "none"
        function.problem("steps", f"Functions must contain one step; found {found}, write one called 'step'")
    retries = None
    for name, content in contents.items():
        place = f"{function.place}, step {shown(name)}"
        known = content if isinstance(content, Mapping) else {}
        step = Section(place, known, function.problems, path=("steps", name))
        if content is None or isinstance(content, Mapping):
            _check_step(function, step)
            retries = _read_retries(function, step)
        else:
            step.problem("", f"expected an object, found {shown(content)}; write {{...}}")
    return retries


def _check_step(function: Section, step: Section) -> None:
    step.text("id")
    step.text("name", missing="All steps must have a name; write one, such as 'step'")
    place = f"{step.place}, runtime"
    runtime = step.inner("runtime") or Section(place, {}, step.problems, ".", (*step.path, "runtime"))
    if not isinstance(url := runtime.content.get("url"), str):
        name = function.content.get("name")
        found = "" if url is None else f"found {shown(url)}, "
        runtime.problem(
            "url",
            f"No SDK URL provided for function '{name if isinstance(name, str) else ''}'; "
            f"{found}write the app's address, such as 'http://localhost:8000/api/inngest?fnId=shop-a&stepId=step'",
        )
        return
    try:
        scheme = urlsplit(url).scheme
    except ValueError as error:
        runtime.problem("url", f"Steps must have a valid URI; found {shown(url)}: {error}")
        return
    if scheme not in _SCHEMES:
        known = ", ".join(_SCHEMES)
        runtime.problem("url", f"Non-supported step schema: {scheme}; found {shown(url)}, write one of {known}")


def _read_retries(function: Section, step: Section) -> int | None:
    """Read the retries of the step, or of the function when the step does not say."""
    if step.has("retries"):
        retries = step.inner("retries")
        return None if retries is None else retries.whole("attempts")
    return function.whole("retries") if function.has("retries") else None
