"""Generate what becomes of steps: outputs, failures, retries and durations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from inngest_testkit.durations import to_timedelta
from inngest_testkit.failures import NonRetriableError, RetryAfterError
from inngest_testkit.testing._extra import st
from inngest_testkit.testing._values import known_objects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import SearchStrategy

    from inngest_testkit.engine.surface import Surface
    from inngest_testkit.functions.model import Function
    from inngest_testkit.values import JsonValue

__all__ = ["Failure", "Outcome", "StepOutcomes", "step_outcomes"]


@dataclass(frozen=True)
class Failure:
    """One failed attempt: `final` says that no other follows, `retry_after` when the next one comes."""

    message: str = "failed"
    final: bool = False
    retry_after: timedelta | None = None

    def exception(self) -> Exception:
        """Return what the step raises."""
        if self.final:
            return NonRetriableError(self.message)
        if self.retry_after is not None:
            return RetryAfterError(self.message, self.retry_after)
        return RuntimeError(self.message)


@dataclass(frozen=True)
class Outcome:
    """What becomes of one step: it fails so often, then gives `output`; each attempt `takes` that virtual time."""

    failures: tuple[Failure, ...] = ()
    output: JsonValue = None
    takes: timedelta | None = None

    def results(self) -> list[object]:
        """Return one result for each attempt, as the `side_effect` of a mock takes them."""
        return [*(failure.exception() for failure in self.failures), self.output]


@dataclass(frozen=True)
class StepOutcomes:
    """Outcomes by function id and step id; steps that are not in it run their own code."""

    by_step: Mapping[tuple[str, str], Outcome]

    def apply(self, engine: Surface) -> None:
        """Mock the steps of an engine that has the functions registered."""
        for (function_id, step_id), outcome in self.by_step.items():
            engine.mock(function_id, step_id, side_effect=outcome.results(), takes=outcome.takes)


def step_outcomes(
    *functions: Function,
    failures: bool = True,
    takes: Sequence[str] = ("1s", "1m", "1h"),
    retry_after: Sequence[str] = ("1s", "1m"),
    outputs: SearchStrategy[JsonValue] | None = None,
) -> SearchStrategy[StepOutcomes]:
    """Generate outcomes for some of the functions' steps: outputs, errors, retry sequences, virtual durations.

    Apply them with `StepOutcomes.apply(engine)`. `takes` and `retry_after` are the texts to choose from, `outputs`
    (none given: objects with the fields that generated conditions read) the values that steps return. They shrink
    to nothing, in which case every step runs its own code.
    """
    outcome = st.none() | _outcomes(_failures(retry_after) if failures else st.just(()), takes, outputs)
    places = [(function.id, step.id) for function in functions for step in function.steps]
    return st.tuples(*(outcome for _ in places)).map(
        lambda drawn: StepOutcomes({place: each for place, each in zip(places, drawn, strict=True) if each})
    )


def _outcomes(
    failures: SearchStrategy[tuple[Failure, ...]],
    takes: Sequence[str],
    outputs: SearchStrategy[JsonValue] | None,
) -> SearchStrategy[Outcome]:
    spans = st.none() | st.sampled_from([to_timedelta(text) for text in takes]) if takes else st.none()
    return st.builds(Outcome, failures, known_objects() if outputs is None else outputs, spans)


def _failures(retry_after: Sequence[str]) -> SearchStrategy[tuple[Failure, ...]]:
    spans = [to_timedelta(text) for text in retry_after]
    kinds = [Failure(), Failure(final=True), *(Failure(retry_after=span) for span in spans)]
    return st.lists(st.sampled_from(kinds), max_size=3).map(tuple)
