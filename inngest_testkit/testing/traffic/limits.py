"""How far the limits of functions are used: concurrency by time, throttles by starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inngest_testkit.flow.keys import key_text
from inngest_testkit.flow.throttle import pace_of
from inngest_testkit.functions.flow_control import ConcurrencyLimit, Throttle
from inngest_testkit.testing.traffic.gauges import Gauge
from inngest_testkit.testing.traffic.rates import MICROSECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from inngest_testkit.functions.app import Plan
    from inngest_testkit.values import JsonValue

__all__ = ["KEYS_KEPT", "LimitUse", "Usage", "usages_of"]

#: Keys of a limit that are told apart. When there are more, those that are idle and were used least are forgotten.
KEYS_KEPT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitUse:
    """How far a limit was used, over the simulated time.

    `rule` is `concurrency` or `throttle`, `text` the limit as a person writes it. `mean` is the share that was used:
    of concurrency, what was executing, weighted by time, by what may; of a throttle, the runs that started by those
    that might have. `full` is the share of the time in which all places of a concurrency limit were taken, so that it
    was what others waited for; None of a throttle. Of a limit with a `key`, `mean` is over the keys that came up, and
    `busiest`, `busiest_key` and `full` tell of the one that used it most; without one they are `mean` and the empty
    text.
    """

    rule: str
    text: str
    limit: int
    key: str | None
    keys: int
    mean: float
    full: float | None
    busiest: float
    busiest_key: str

    def to_dict(self) -> dict[str, JsonValue]:
        """Return the figures as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __repr__(self) -> str:
        return f"<LimitUse {self.text}: {self.mean:.0%}>"


class Usage:
    """Counts how far one limit is used, by key; limits of one scope that is wider than a function share `gauges`.

    `counts` says what of a run counts: each `step`, the `run`, or its `start`.
    """

    def __init__(
        self,
        rule: ConcurrencyLimit | Throttle,
        length: int,
        gauges: dict[str, Gauge] | None = None,
    ) -> None:
        self._rule, self._length = rule, length
        self.counts = "start" if isinstance(rule, Throttle) else "run" if rule.run else "step"
        self._gauges = {} if gauges is None else gauges

    def key_of(self, variables: Callable[[], Mapping[str, Any]], now: Callable[[], datetime]) -> str:
        """Return the key that a run falls under."""
        key = self._rule.key
        return "" if key is None else key_text(key, variables(), now)

    def change(self, key: str, by: int, now: int) -> None:
        """Count work that begins or ends; of a throttle, a start."""
        gauge = self._gauges.get(key)
        if gauge is None:
            if len(self._gauges) >= 2 * KEYS_KEPT:
                self._forget()
            gauge = self._gauges[key] = Gauge(self._length, most=self._rule.limit)
        if self.counts == "start":
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
        rule, most = self._rule, self._most()
        used = {key: self._area(gauge) / most for key, gauge in self._gauges.items()}
        busiest = max(used, key=used.__getitem__, default="")
        return LimitUse(
            rule="throttle" if isinstance(rule, Throttle) else "concurrency",
            text=str(rule),
            limit=rule.limit,
            key=None if rule.key is None else rule.key.text,
            keys=len(used),
            mean=sum(used.values()) / max(1, len(used)),
            full=None if self.counts == "start" else self._full(busiest),
            busiest=used.get(busiest, 0.0),
            busiest_key=busiest,
        )

    def _full(self, key: str) -> float:
        return self._gauges[key].full / self._length if key in self._gauges else 0.0

    def _area(self, gauge: Gauge) -> int:
        return gauge.area if self.counts == "start" else gauge.finish()

    def _most(self) -> float:
        """What one key may use in all."""
        rule = self._rule
        if isinstance(rule, Throttle):
            pace = pace_of(rule)
            return pace.at_once + pace.limit * self._length / (pace.period // MICROSECOND)
        return float(rule.limit * self._length)


def usages_of(plan: Plan, length: int, shared: dict[tuple[str, bool], dict[str, Gauge]]) -> tuple[Usage, ...]:
    """Return what counts the limits of a function; those of the environment or the account are of all functions."""
    if plan.flow is None:
        return ()
    found = []
    for limit in plan.flow.concurrency:
        gauges = None if limit.scope == "fn" else shared.setdefault((limit.scope, limit.run), {})
        found.append(Usage(limit, length, gauges))
    if plan.flow.throttle is not None:
        found.append(Usage(plan.flow.throttle, length))
    return tuple(found)
