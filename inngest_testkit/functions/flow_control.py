"""Flow control, compiled: the rules that decide when and whether a function's runs start, wait or end.

It reads a configuration that `options.check_options` accepts, in the shape in which an SDK registers it, and is the
same for both kinds of functions. Source: recordings/sdk README, the sections that are named as the rules. Nothing here
enforces a rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from inngest_testkit.durations import format_duration, parse_duration
from inngest_testkit.errors import DurationError, ExpressionEvaluationError, ExpressionSyntaxError
from inngest_testkit.expressions import SDK, Expression, compile_expression

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from typing import NoReturn

__all__ = [
    "CANCEL_TIMEOUT",
    "IDEMPOTENCY_PERIOD",
    "Batch",
    "BrokenKey",
    "CancelEvent",
    "ConcurrencyLimit",
    "Debounce",
    "FlowControl",
    "Key",
    "RateLimit",
    "Singleton",
    "Throttle",
    "read_flow_control",
]

#: How long an idempotency key keeps further runs from starting.
IDEMPOTENCY_PERIOD = timedelta(hours=24)
#: How long after a run's start an event may cancel it, when the configuration does not say.
CANCEL_TIMEOUT = timedelta(days=365)


class Key(Protocol):
    """What tells events apart: each value has a count, a queue or a run of its own."""

    @property
    def text(self) -> str:
        """The expression as it was written."""
        ...

    def evaluate(self, variables: Mapping[str, object], now: Callable[[], datetime]) -> object:
        """Return the value for these variables, or `MISSING`; raises `ExpressionEvaluationError`."""
        ...


@dataclass(frozen=True, slots=True)
class BrokenKey:
    """A key that a registration may have although it cannot be compiled: it has no value for any event.

    `reason` says what is wrong with it, with the place.
    """

    text: str
    reason: str

    def evaluate(self, variables: Mapping[str, object], now: Callable[[], datetime]) -> NoReturn:
        """Raise `ExpressionEvaluationError`."""
        raise ExpressionEvaluationError(self.text, self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """At most `limit` runs start in a `period`, for each value of `key`; other events start nothing.

    `rule` says how it was written: `idempotency` is a limit of 1 in 24 hours.
    """

    limit: int
    period: timedelta
    key: Key | None = None
    rule: Literal["rate_limit", "idempotency"] = "rate_limit"

    def __str__(self) -> str:
        return f"{self.rule.replace('_', ' ')} {self.limit} per {format_duration(self.period)}{_per(self.key)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """`limit` + `burst` runs start at once, then one every `period / limit`, for each value of `key`; others wait."""

    limit: int
    period: timedelta
    burst: int = 0
    key: Key | None = None

    def __str__(self) -> str:
        burst = f" (burst {self.burst})" if self.burst else ""
        return f"throttle {self.limit} per {format_duration(self.period)}{_per(self.key)}{burst}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcurrencyLimit:
    """At most `limit` steps are worked at the same time, for each value of `key`; others wait.

    `scope` says whose: the function's own, or those of all functions of the environment or the account with this key.
    With `run` whole runs are counted, from their start to their end.
    """

    limit: int
    key: Key | None = None
    scope: Literal["fn", "env", "account"] = "fn"
    run: bool = False

    def __str__(self) -> str:
        scope = "" if self.scope == "fn" else f" in the {'environment' if self.scope == 'env' else 'account'}"
        return f"concurrency {self.limit}{' runs' if self.run else ''}{_per(self.key)}{scope}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Debounce:
    """The run starts `period` after the last event, for each value of `key`, and `timeout` after the first at most."""

    period: timedelta
    timeout: timedelta | None = None
    key: Key | None = None

    def __str__(self) -> str:
        timeout = "" if self.timeout is None else f" (at most {format_duration(self.timeout)})"
        return f"debounce {format_duration(self.period)}{_per(self.key)}{timeout}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One run for `max_size` events, or for fewer `timeout` after the first, for each value of `key`.

    An event for which `condition` is not true starts a run of its own at once.
    """

    max_size: int
    timeout: timedelta
    key: Key | None = None
    condition: Expression | None = None

    def __str__(self) -> str:
        condition = "" if self.condition is None else f" if {self.condition.text}"
        return f"batch of {self.max_size} within {format_duration(self.timeout)}{_per(self.key)}{condition}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Singleton:
    """One run at a time, for each value of `key`: a further event starts nothing, or ends that run and starts one."""

    mode: Literal["skip", "cancel"] = "skip"
    key: Key | None = None

    def __str__(self) -> str:
        return f"singleton ({self.mode}){_per(self.key)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelEvent:
    """An event of this name ends a run, when `condition` is true and it comes within `timeout` of the run's start.

    `condition` reads the run's event as `event`, and the one that arrives as `async`.
    """

    event: str
    condition: Expression | None = None
    timeout: timedelta = CANCEL_TIMEOUT

    def __str__(self) -> str:
        condition = "" if self.condition is None else f" if {self.condition.text}"
        within = "" if self.timeout == CANCEL_TIMEOUT else f" within {format_duration(self.timeout)}"
        return f"cancel on {self.event!r}{condition}{within}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowControl:
    """The rules of one function. What it does not use is None, or empty.

    `priority` gives the seconds by which a run goes before others. A run whose first call has not begun
    `start_timeout` after its start is cancelled, as is one that goes on `finish_timeout` after its first call.
    """

    rate_limit: RateLimit | None = None
    throttle: Throttle | None = None
    #: The smallest first.
    concurrency: tuple[ConcurrencyLimit, ...] = ()
    debounce: Debounce | None = None
    batch: Batch | None = None
    priority: Key | None = None
    singleton: Singleton | None = None
    start_timeout: timedelta | None = None
    finish_timeout: timedelta | None = None
    cancel: tuple[CancelEvent, ...] = ()

    def broken(self) -> Iterator[str]:
        """Yield what is wrong with keys that the server takes although they can never be evaluated."""
        rules = (self.rate_limit, self.throttle, *self.concurrency, self.debounce, self.batch, self.singleton)
        for rule in rules:
            if rule is not None and isinstance(rule.key, BrokenKey):
                yield f"{rule}: the server takes its key, which has no value for any event: {rule.key.reason}"
        if isinstance(self.priority, BrokenKey):
            yield f"priority {self.priority.text}: the server takes it, and it has no effect: {self.priority.reason}"


_NONE = FlowControl()


def read_flow_control(config: Mapping[str, Any]) -> FlowControl | None:
    """Compile the rules of a function's checked configuration; None when it has none that does anything."""
    timeouts = config.get("timeouts") or {}
    found = FlowControl(
        rate_limit=_rate_limit(config),
        throttle=_throttle(config.get("throttle")),
        concurrency=tuple(sorted(_concurrency(config.get("concurrency")), key=lambda limit: limit.limit)),
        debounce=_debounce(config.get("debounce")),
        batch=_batch(config.get("batchEvents")),
        priority=_priority((config.get("priority") or {}).get("run")),
        singleton=_singleton(config.get("singleton")),
        start_timeout=_span(timeouts.get("start")),
        finish_timeout=_span(timeouts.get("finish")),
        cancel=tuple(_cancel(each or {}) for each in config.get("cancel") or ()),
    )
    return None if found == _NONE else found


def _rate_limit(config: Mapping[str, Any]) -> RateLimit | None:
    """Read `idempotency`, or `rateLimit`, which it replaces.

    Source: recordings/sdk README, "Event ids and idempotency".
    """
    idempotency, limit = config.get("idempotency"), config.get("rateLimit")
    if idempotency is not None:
        return RateLimit(limit=1, period=IDEMPOTENCY_PERIOD, key=_key(idempotency), rule="idempotency")
    period = _span(limit["period"]) if limit is not None else None
    if limit is None or period is None:
        return None
    return RateLimit(limit=limit["limit"], period=period, key=_key(limit.get("key")))


def _throttle(throttle: Mapping[str, Any] | None) -> Throttle | None:
    """Read a throttle. As the server, it takes a limit of 0 for one of 1."""
    period = _span(throttle["period"]) if throttle is not None else None
    if throttle is None or period is None:
        return None
    return Throttle(
        limit=throttle.get("limit") or 1,
        burst=throttle.get("burst") or 0,
        period=period,
        key=_key(throttle.get("key")),
    )


def _concurrency(value: object) -> Iterator[ConcurrencyLimit]:
    """Read the limits in any of their shapes: a number, one object, a list, or by `fn` (of runs) and `step`."""
    runs: Any = ()
    limits: Any = ()
    if isinstance(value, int) and not isinstance(value, bool):
        limits = [{"limit": value}]
    elif isinstance(value, (list, tuple)):
        limits = value
    elif isinstance(value, Mapping) and (value.get("fn") or value.get("step")):
        runs, limits = value.get("fn") or (), value.get("step") or ()
    elif isinstance(value, Mapping):
        limits = [value]
    for run, each in [*((True, each) for each in runs), *((False, each) for each in limits)]:
        # One of 0 or less is no limit. Source: recordings/sdk README, "Registration": it is accepted.
        if each is not None and (each.get("limit") or 0) > 0:
            scope = cast("Literal['fn', 'env', 'account']", (each.get("scope") or "fn").lower())
            yield ConcurrencyLimit(limit=each["limit"], key=_key(each.get("key")), scope=scope, run=run)


def _debounce(debounce: Mapping[str, Any] | None) -> Debounce | None:
    if debounce is None:
        return None
    period = parse_duration(debounce["period"])
    return Debounce(period=period, timeout=_span(debounce.get("timeout")), key=_key(debounce.get("key") or None))


def _batch(batch: Mapping[str, Any] | None) -> Batch | None:
    if batch is None:
        return None
    return Batch(
        max_size=batch["maxSize"],
        timeout=parse_duration(batch["timeout"]),
        key=_key(batch.get("key")),
        condition=_condition(batch.get("if")),
    )


def _singleton(singleton: Mapping[str, Any] | None) -> Singleton | None:
    if singleton is None:
        return None
    mode = cast("Literal['skip', 'cancel']", singleton.get("mode", "skip").lower())
    return Singleton(mode=mode, key=_key(singleton.get("key")))


def _cancel(cancel: Mapping[str, Any]) -> CancelEvent:
    return CancelEvent(
        event=cancel.get("event") or "",
        condition=_condition(cancel.get("if")),
        timeout=_duration(cancel.get("timeout"), CANCEL_TIMEOUT),
    )


def _condition(text: str | None) -> Expression | None:
    return None if text is None else compile_expression(text, SDK)


def _key(text: str | None) -> Key | None:
    """Compile a key. Some are registered without a look at their names, or without any look."""
    if text is None:
        return None
    try:
        return compile_expression(text, SDK)
    except ExpressionSyntaxError as error:
        return BrokenKey(text, f"it does not compile: {error}")


def _priority(text: str | None) -> Key | None:
    """Compile a priority. With branches of different types it is none. Source: recordings/sdk README, "Priority"."""
    key = _key(text)
    if isinstance(key, Expression) and key.mixes_branches:
        return BrokenKey(key.text, "the branches of ?: have different types")
    return key


def _span(text: str | None) -> timedelta | None:
    """Read how long something may take; None for no limit, which is also what cannot be read, and 0 or less."""
    span = _duration(text, timedelta())
    return span if span > timedelta() else None


def _duration(text: str | None, otherwise: timedelta) -> timedelta:
    try:
        return otherwise if text is None else parse_duration(text)
    except DurationError:
        return otherwise


def _per(key: Key | None) -> str:
    return "" if key is None else f" per {key.text}"
