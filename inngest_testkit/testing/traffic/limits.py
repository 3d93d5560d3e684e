"""How far the limits of functions are used: concurrency by time, throttles by starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inngest_testkit.durations import format_duration
from inngest_testkit.errors import ExpressionError
from inngest_testkit.expressions import SDK, compile_expression
from inngest_testkit.testing.traffic.gauges import Gauge
from inngest_testkit.testing.traffic.rates import MICROSECOND
from inngest_testkit.values import JsonValue, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from inngest_testkit.functions.app import Plan

__all__ = ["KEYS_KEPT", "LimitUse", "Usage", "usages_of"]

#: Keys of a limit that are told apart. When there are more, those that are idle and were used least are forgotten.
KEYS_KEPT = 10_000

#: The key of a limit that has none.
_ALL = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitUse:
    """How far a limit was used, over the simulated time.

    `rule` is `concurrency` or `throttle`, `text` the limit as a person writes it. `mean` is the share that was used:
    of concurrency, what was executing, weighted by time, by what may; of a throttle, the runs that started by those
    that might have. Of a limit with a `key`, `mean` is over the keys that came up, and `busiest` and `busiest_key`
    tell of the one that used it most; without one they are `mean` and the empty text.
    """

    rule: str
    text: str
    limit: int
    key: str | None
    keys: int
    mean: float
    busiest: float
    busiest_key: str

    def to_dict(self) -> dict[str, JsonValue]:
        """Return the figures as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __repr__(self) -> str:
        return f"<LimitUse {self.text}: {self.mean:.0%}>"


class Usage:
    """Counts how far one limit is used. `counts` says what of a run counts: its `steps`, the `run` or its `start`."""

    def __init__(self, rule: Any, kind: str, length: int) -> None:  # noqa: ANN401 - a rule of the flow control
        self._rule, self._length = rule, length
        self.kind, self.shared = kind, getattr(rule, "scope", "fn") != "fn"
        self.counts = "start" if kind == "throttle" else "run" if getattr(rule, "run", False) else "step"
        self._key = getattr(rule, "key", None)
        self._gauges: dict[str, Gauge] = {}

    def key_of(self, variables: Callable[[], Mapping[str, object]], now: Callable[[], datetime]) -> str:
        """Return the key that a run falls under."""
        if self._key is None:
            return _ALL
        try:
            key = compile_expression(self._key, SDK) if isinstance(self._key, str) else self._key
            value = key.evaluate(variables(), now)
        except ExpressionError:
            return "(no value)"
        return value if isinstance(value, str) else _text(value)

    def change(self, key: str, by: int, now: int) -> None:
        """Count work that begins or ends; of a throttle, a start."""
        gauge = self._gauges.get(key)
        if gauge is None:
            if len(self._gauges) >= 2 * KEYS_KEPT:
                self._forget()
            gauge = self._gauges[key] = Gauge(self._length)
        if self.kind == "throttle":
            gauge.area += by
        else:
            gauge.change(by, now)

    def _forget(self) -> None:
        idle = sorted((gauge.area, key) for key, gauge in self._gauges.items() if not gauge.value)
        for _, key in idle[: len(self._gauges) - KEYS_KEPT]:
            del self._gauges[key]

    def __len__(self) -> int:
        """How many keys are told apart."""
        return len(self._gauges)

    def figures(self) -> LimitUse:
        """Return what was counted up to the end."""
        most = self._most()
        used = {key: self._area(gauge) / most for key, gauge in self._gauges.items()}
        busiest = max(used, key=used.__getitem__, default=_ALL)
        return LimitUse(
            rule=self.kind,
            text=self._text(),
            limit=self._rule.limit,
            key=getattr(self._key, "text", self._key),
            keys=len(used),
            mean=sum(used.values()) / max(1, len(used)),
            busiest=used.get(busiest, 0.0),
            busiest_key=busiest,
        )

    def _area(self, gauge: Gauge) -> int:
        return gauge.area if self.kind == "throttle" else gauge.finish()

    def _most(self) -> float:
        """What one key may use in all."""
        rule = self._rule
        if self.kind == "throttle":
            # Source: recordings/sdk README, "Throttle": limit + burst at once, then one every period / limit.
            return float(rule.limit + rule.burst + rule.limit * self._length / (rule.period // MICROSECOND))
        return float(rule.limit * self._length)

    def _text(self) -> str:
        rule = self._rule
        per = f" per {format_duration(rule.period)}" if self.kind == "throttle" else ""
        runs = " runs" if self.counts == "run" else ""
        by = "" if self._key is None else f" by {getattr(self._key, 'text', self._key)}"
        return f"{self.kind} {rule.limit}{runs}{per}{by}"


def usages_of(plan: Plan, length: int, shared: dict[object, Usage]) -> tuple[Usage, ...]:
    """Return what counts the limits of a function; those of the environment or the account are of all functions."""
    flow = getattr(plan, "flow", None)
    if flow is None:
        return ()
    found = []
    for limit in flow.concurrency:
        usage = Usage(limit, "concurrency", length)
        if usage.shared:
            key = getattr(limit.key, "text", limit.key)
            usage = shared.setdefault((limit.scope, limit.limit, key, limit.run), usage)
        found.append(usage)
    if flow.throttle is not None:
        found.append(Usage(flow.throttle, "throttle", length))
    return tuple(found)


def _text(value: object) -> str:
    try:
        return encode(value).raw.decode()
    except TypeError:
        return "(no value)"
