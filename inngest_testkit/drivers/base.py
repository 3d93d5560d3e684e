"""The contract of a driver: run one step in its runtime."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from inngest_testkit.events import Event
from inngest_testkit.records import quick
from inngest_testkit.runs.model import ErrorInfo
from inngest_testkit.values import WRAPPED, Json, JsonValue, decode, encode

if TYPE_CHECKING:
    from inngest_testkit.data_store.base import ActionVersion
    from inngest_testkit.functions.model import Runtime

__all__ = ["Bridge", "Driver", "StepOutputs", "StepRequest", "StepResponse", "direct"]

T = TypeVar("T")

#: Awaits what needs an event loop, wherever the engine has one.
Bridge: TypeAlias = Callable[[Awaitable[T]], Awaitable[T]]


async def direct(awaitable: Awaitable[T]) -> T:
    """The bridge of an engine that itself runs on an event loop."""
    return await awaitable


class StepOutputs(Mapping[str, JsonValue]):
    """The outputs of the steps that are done, by id; read-only, decoded when read."""

    __slots__ = ("encoded",)

    def __init__(self, encoded: Mapping[str, Json]) -> None:
        #: The same outputs as they are stored.
        self.encoded = encoded

    def __getitem__(self, key: str) -> JsonValue:
        try:
            return self.encoded[key].value
        except KeyError:
            done = ", ".join(repr(step) for step in self.encoded) or "none"
            raise KeyError(f"no output of step {key!r}; steps that are done: {done}") from None

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - as in Mapping
        """Return the step's output, or `default` when the step is not done."""
        return self.encoded[key].value if key in self.encoded else default

    def __contains__(self, key: object) -> bool:
        return key in self.encoded

    def __iter__(self) -> Iterator[str]:
        return iter(self.encoded)

    def __len__(self) -> int:
        return len(self.encoded)

    def __repr__(self) -> str:
        return f"StepOutputs({dict(self.encoded)!r})"


class MemoOutputs(StepOutputs):
    """The same, of an app's function: what each step gave its function."""

    __slots__ = ()

    def __getitem__(self, key: str) -> JsonValue:
        memo = super().__getitem__(key)
        return memo["data"] if isinstance(memo, dict) and set(memo) == {"data"} else memo

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - as in Mapping
        """Return what the step gave, or `default` when it is not done."""
        return self[key] if key in self.encoded else default


@quick
@dataclass(frozen=True, slots=True)
class StepRequest:
    """What a driver is asked to run: `attempt` counts from 0, `now` is the engine's time.

    Of a step of an app's function, `operation` is what the step was called with, as far as the protocol tells it, and
    `outputs` are memos.
    """

    run_id: str
    function_id: str
    workflow_id: str
    step_id: str
    attempt: int
    event: Json
    outputs: Mapping[str, Json]
    now: datetime
    action: ActionVersion | None = None
    operation: Mapping[str, Any] = field(default_factory=dict)
    memos: bool = False
    #: The engine that asks.
    owner: object = None
    #: The events of the run after the first.
    batch: tuple[Json, ...] = ()

    @property
    def steps(self) -> StepOutputs:
        """The outputs of the steps that are done."""
        return MemoOutputs(self.outputs) if self.memos else StepOutputs(self.outputs)

    def __repr__(self) -> str:
        attempt = f" attempt {self.attempt}" if self.attempt else ""
        return f"<StepRequest {self.step_id} of {self.function_id}{attempt}>"

    @property
    def runtime(self) -> Runtime | None:
        """Where the step's code runs; None when it has none."""
        return None if self.action is None else self.action.runtime

    @property
    def opts(self) -> Mapping[str, Any]:
        """What a step of an app's function was called with, as far as the protocol tells it."""
        opts: Mapping[str, Any] = self.operation.get("opts", {})
        return opts


@quick
@dataclass(frozen=True, slots=True)
class StepResponse:
    """What became of the step: an `output`, or an `error` and whether it may be tried again.

    `retry_after` is a span or a moment, and overrides the delay before the next attempt. `takes` is the virtual time
    between the step's start and its finish. `events` are sent when the step is finished.
    """

    output: Json | None = None
    error: ErrorInfo | None = None
    retryable: bool = True
    retry_after: timedelta | datetime | None = None
    takes: timedelta | None = None
    events: tuple[Event, ...] = field(default=())

    def taking(self, span: timedelta) -> StepResponse:
        """Return the same outcome of a step that takes virtual time."""
        return StepResponse(self.output, self.error, self.retryable, self.retry_after, span, self.events)

    def to_json(self) -> Json:
        """Return the outcome as a queue item carries it; `takes` is over by then."""
        return _Carried(self)

    def encoded(self) -> Json:
        """Return the outcome in bytes."""
        retry_after = self.retry_after
        return encode(
            {
                "output": None if self.output is None else self.output.raw.decode(),
                "error": None if self.error is None else self.error.to_dict(),
                "retryable": self.retryable,
                "retry_after_s": retry_after.total_seconds() if isinstance(retry_after, timedelta) else None,
                "retry_at": retry_after.isoformat() if isinstance(retry_after, datetime) else None,
                "events": [{**event.to_dict(), "id": event.id, "ts": event.ts} for event in self.events],
            },
            deepest=WRAPPED,
        )

    @classmethod
    def from_json(cls, stored: Json) -> StepResponse:
        """Read what `to_json` wrote."""
        if isinstance(stored, _Carried):
            return stored.response
        fields: dict[str, JsonValue] = decode(stored.raw)  # type: ignore[assignment]
        output, error = fields["output"], fields["error"]
        span, moment = fields["retry_after_s"], fields["retry_at"]
        retry_after = datetime.fromisoformat(moment) if isinstance(moment, str) else None
        return cls(
            output=Json(output.encode()) if isinstance(output, str) else None,
            error=ErrorInfo(**error) if isinstance(error, dict) else None,  # type: ignore[arg-type]
            retryable=bool(fields["retryable"]),
            retry_after=timedelta(seconds=span) if isinstance(span, (int, float)) else retry_after,
            events=tuple(Event.from_mapping(e) for e in fields["events"]),  # type: ignore[union-attr,arg-type]
        )


class _Carried(Json):
    """A response as a queue item carries it; encoded when a queue asks for the bytes, which one in memory does not."""

    __slots__ = ("response",)

    def __init__(self, response: StepResponse) -> None:
        self.response = response

    @property
    def raw(self) -> bytes:  # type: ignore[override]
        return self.response.encoded().raw


class Driver(Protocol):
    """Runs the steps of one runtime. A driver never raises for what a step does: that is an `error`."""

    @property
    def runtime(self) -> str:
        """The type of runtime, such as `python` or `http`."""
        ...

    async def execute(self, request: StepRequest) -> StepResponse:
        """Run one attempt of a step."""
        ...
