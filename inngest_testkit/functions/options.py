"""The options of a registered function: which values the server takes. Nothing here enforces one.

Source: recordings/sdk README, "Registration", and the server's own code where a recording cannot show a rule. What is
odd but accepted there (a limit of 0, timeouts that cannot be read) is accepted here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from inngest_testkit.errors import ExpressionSyntaxError
from inngest_testkit.expressions import tree
from inngest_testkit.functions.configuration import Section, parse_text, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FLOW_CONTROL", "MOST_CANCELLATIONS", "MOST_CONCURRENCY_LIMITS", "check_options"]

#: The options that decide when and whether a run starts or goes on, as they are registered.
FLOW_CONTROL = (
    "batchEvents",
    "cancel",
    "concurrency",
    "debounce",
    "idempotency",
    "priority",
    "rateLimit",
    "singleton",
    "throttle",
    "timeouts",
)
MOST_CONCURRENCY_LIMITS = 2
MOST_CANCELLATIONS = 5
_LONGEST_RATE_LIMIT = timedelta(hours=24)
_SHORTEST_DEBOUNCE, _LONGEST_DEBOUNCE = timedelta(seconds=1), timedelta(days=7)
_SHORTEST_BATCH = timedelta(seconds=1)

_SCOPES = ("fn", "env", "account")
_MODES = ("skip", "cancel")
# What a cancellation's condition may call.
_CONVERSIONS = ("int", "uint", "double")
_ARITHMETIC = ("+", "-", "*", "/", "%")
_BAD_CANCELLATION = "Cancellation expression is invalid"
_SIMPLER = "compare fields of event and async with ==, !=, <, >, in, && and ||"
_NO_PERIOD = "period must be specified; write one such as '5s'"


def check_options(function: Section) -> None:
    """Note what is wrong with the options of one function."""
    for check in (_concurrency, _batch, _debounce, _rate_limit, _throttle, _singleton, _priority, _cancel, _timeouts):
        check(function)


def _concurrency(function: Section) -> None:
    """Check the limits: a list, one object, or by scope `fn` and `step`. A bare number is a limit too.

    The server passes over any other value.
    """
    value = function.content.get("concurrency")
    if isinstance(value, (list, tuple)):
        _concurrency_limits(function, function.each("concurrency", "concurrency"))
    elif isinstance(value, Mapping) and (option := function.inner("concurrency")) is not None:
        if value.get("fn") or value.get("step"):
            _run_limits(option)
            _concurrency_limits(function, option.each("step", "step"))
        else:
            _concurrency_limits(function, [option])


def _concurrency_limits(function: Section, limits: list[Section]) -> None:
    if len(limits) > MOST_CONCURRENCY_LIMITS:
        function.problem(
            "concurrency",
            "There are more concurrency limits specified than the allowed max of: "
            f"{MOST_CONCURRENCY_LIMITS}; found {len(limits)}, remove some",
        )
    for limit in limits:
        limit.whole("limit")
        # The server does not ask here whether the key's names exist.
        words = f"Invalid concurrency key {shown(limit.content.get('key'))}"
        limit.expression("key", words=words, check=parse_text)
        scope = limit.choice("scope", _SCOPES, enumeration="ConcurrencyScope")
        if scope in {"env", "account"} and not limit.has("key"):
            limit.problem(
                "key",
                f"A concurrency key must be specified for {scope.capitalize()} scoped limits; "
                "write an expression such as 'event.data.account_id', or leave the scope out",
            )


def _run_limits(option: Section) -> None:
    limits = option.each("fn", "fn")
    if len(limits) > 1:
        option.problem("fn", f"Only one function concurrency limit is allowed; found {len(limits)}, remove some")
    for limit in limits:
        limit.whole("limit", least=1, words="function concurrency limit must be > 0")
        limit.expression("key", words="invalid function concurrency key", check=parse_text)
        scope = limit.text("scope")
        if scope not in {None, "", "fn"}:
            limit.problem("scope", f"invalid function concurrency scope: {scope}; write 'fn', or leave it out")


def _batch(function: Section) -> None:
    batch = function.inner("batchEvents")
    if batch is None:
        return
    batch.whole("maxSize", least=2, words="batch size cannot be smaller than 2")
    _batch_timeout(batch)
    batch.expression("key", words="batch key expression is invalid")
    batch.expression("if", words="conditional batch expression is invalid")
    priority = function.content.get("priority")
    if isinstance(priority, Mapping) and priority.get("run") is not None:
        batch.problem("", "A function cannot specify Priority.Run and Batch together; remove batchEvents or priority")
    for option, noun in (("cancel", "cancellation"), ("debounce", "debouncing"), ("singleton", "singletons")):
        if function.content.get(option) not in (None, [], ()):
            batch.problem("", f"Batching and {noun} are mutually exclusive; remove batchEvents or {option}")


def _batch_timeout(batch: Section) -> None:
    words = "failed to parse time duration"
    timeout = batch.duration("timeout", words=words, missing=f"{words}: there is none; write one such as '5s'")
    if timeout is None:
        return
    text = batch.content["timeout"]
    # Elsewhere the server reads durations with days and weeks.
    if "d" in text or "w" in text:
        batch.problem(
            "timeout", f"{words}: {text!r} has days or weeks; write it in hours (h), minutes (m) or seconds (s)"
        )
    elif timeout < _SHORTEST_BATCH:
        batch.problem("timeout", f"batch timeout should be more than 1s; found {text!r}, write at least '1s'")


def _debounce(function: Section) -> None:
    debounce = function.inner("debounce")
    if debounce is None:
        return
    if debounce.content.get("key") != "":
        debounce.expression("key", words="Debounce expression is invalid")
    debounce.text("timeout")
    text = debounce.content.get("period")
    invalid = f"The debounce period of {shown(text or '')} is invalid"
    period = debounce.duration("period", words=invalid, missing=f"{invalid}; write one such as '5s'")
    if period is None:
        return
    if period < _SHORTEST_DEBOUNCE:
        debounce.problem("period", f"The debounce period of {text!r} is less than the min of: 1s; write at least '1s'")
    if period > _LONGEST_DEBOUNCE:
        debounce.problem(
            "period", f"The debounce period of {text!r} is greater than the max of: 168h0m0s; write at most '7d'"
        )


def _rate_limit(function: Section) -> None:
    """Check `rateLimit` and `idempotency`, which replaces it: a rate limit then need only be readable."""
    function.expression("idempotency", words="key is invalid")
    limit = function.inner("rateLimit")
    if limit is None:
        return
    replaced = function.has("idempotency")
    limit.whole("limit", least=0 if replaced else 1, words="limit must be greater than 0")
    if replaced:
        limit.text("key")
        limit.text("period")
        return
    limit.expression("key", words="key is invalid")
    period = limit.duration("period", words="failed to parse time duration", missing=_NO_PERIOD)
    if period is not None and period > _LONGEST_RATE_LIMIT:
        found = limit.content["period"]
        limit.problem("period", f"period must be less than 24h0m0s; found {found!r}, write at most '24h'")


def _throttle(function: Section) -> None:
    """Check what the server must read of `throttle`. It asks no more: a limit of 0 is 1, and any key goes."""
    throttle = function.inner("throttle")
    if throttle is None:
        return
    for field in ("limit", "burst"):
        throttle.whole(field, least=0, words=f"{field} cannot be negative")
    throttle.text("key")
    throttle.duration("period", words="failed to parse time duration", missing=_NO_PERIOD)


def _singleton(function: Section) -> None:
    singleton = function.inner("singleton")
    if singleton is not None:
        singleton.text("key")
        singleton.choice("mode", _MODES, enumeration="SingletonMode")


def _priority(function: Section) -> None:
    priority = function.inner("priority")
    if priority is not None:
        # The server does not ask here whether the expression's names exist.
        priority.expression("run", words="Priority.Run expression is invalid", check=parse_text)


def _cancel(function: Section) -> None:
    cancels = function.each("cancel", "cancel")
    if len(cancels) > MOST_CANCELLATIONS:
        function.problem(
            "cancel",
            f"This function exceeds the max number of cancellation events: {MOST_CANCELLATIONS}; "
            f"found {len(cancels)}, remove some",
        )
    for cancel in cancels:
        cancel.text("event")
        cancel.text("timeout")
        text = cancel.expression("if", words=_BAD_CANCELLATION)
        if text is not None:
            _restrict(cancel, text)


def _restrict(cancel: Section, text: str) -> None:
    for node, reason in _forbidden(parse_text(text)):
        error = ExpressionSyntaxError(text, node.offset, reason)
        cancel.problem("if", f"{_BAD_CANCELLATION}: {error}\n | {_SIMPLER}")


def _forbidden(node: tree.Node) -> Iterator[tuple[tree.Node, str]]:
    """Give what a cancellation's condition may not use: macros, functions and arithmetic.

    The server does not look into lists and maps that the expression makes, nor into a macro.
    """
    match node:
        case tree.ListNode() | tree.MapNode():
            return
        case tree.Macro(kind=name):
            yield node, f"macros are disallowed (uses {name!r})"
            return
        case tree.Has():
            yield node, "macros are disallowed (uses 'has')"
        case tree.Call(name=name) if name not in _CONVERSIONS:
            yield node, f"function calls are disallowed (uses {name!r})"
        case tree.Binary(operator=operator) if operator in _ARITHMETIC:
            yield node, f"function calls are disallowed (uses '_{operator}_')"
        case tree.Unary(operator="-"):
            yield node, "function calls are disallowed (uses '-_')"
    for child in tree.children(node):
        yield from _forbidden(child)


def _timeouts(function: Section) -> None:
    """Check the kinds only: the server takes timeouts that it cannot read for none."""
    timeouts = function.inner("timeouts")
    if timeouts is not None:
        timeouts.text("start")
        timeouts.text("finish")
