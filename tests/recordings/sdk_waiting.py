"""Recordings that cannot be played yet, each with what it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .sdk_recording import SdkRecording

BATCHING = "flow control: batching"
CANCELLING = "cancelling on events"
CONCURRENCY = "flow control: concurrency"
DEBOUNCE = "flow control: debounce"
EVENT_API = "HTTP face: the event API"
IDEMPOTENCY = "flow control: idempotency keys"
PRIORITY = "flow control: priority"
RATE_LIMIT = "flow control: rate limit"
READS = "HTTP face: GraphQL and REST reads"
SINGLETON = "flow control: singleton"
THROTTLE = "flow control: throttle"
TIMEOUTS = "timeouts"

WAITS_FOR = {
    "batch_failing": BATCHING,
    "batch_size": BATCHING,
    "batch_timeout": BATCHING,
    "cancel_mid_step": CANCELLING,
    "cancel_on_event": CANCELLING,
    "cancel_timeout": CANCELLING,
    "concurrency_key": CONCURRENCY,
    "concurrency_one": CONCURRENCY,
    "concurrency_parallel_steps": CONCURRENCY,
    "concurrency_short_sleep": CONCURRENCY,
    "concurrency_sleep_long": CONCURRENCY,
    "debounce": DEBOUNCE,
    "debounce_flow": DEBOUNCE,
    "event_api": EVENT_API,
    "idempotency_key": IDEMPOTENCY,
    "invoke_cancelled_child": CANCELLING,
    "key_expressions": RATE_LIMIT,
    "priority": PRIORITY,
    "rate_limit": RATE_LIMIT,
    "rate_limit_burst": RATE_LIMIT,
    "rate_limit_twenty": RATE_LIMIT,
    "rest_reads": READS,
    "singleton_no_key": SINGLETON,
    "singleton_skip": SINGLETON,
    "throttle": THROTTLE,
    "throttle_limit_three": THROTTLE,
    "timeout_finish": TIMEOUTS,
    "use_api_batch": BATCHING,
}
#: Recordings that are replayed by other tests, and by which.
ELSEWHERE = {"register": "tests/sdk/test_registration.py"}


def _registers(option: str) -> Callable[[SdkRecording], bool]:
    return lambda recording: any(function.get(option) for function in recording.registered)


def _asks(method: str, path: str) -> Callable[[SdkRecording], bool]:
    def asks(recording: SdkRecording) -> bool:
        requests = [item["http"] for item in recording.script if "http" in item]
        return any(each["method"] == method and each["path"].startswith(path) for each in requests)

    return asks


#: How to tell that a recording uses a feature.
USES: dict[str, Callable[[SdkRecording], bool]] = {
    BATCHING: _registers("batchEvents"),
    CANCELLING: _registers("cancel"),
    CONCURRENCY: _registers("concurrency"),
    DEBOUNCE: _registers("debounce"),
    EVENT_API: _asks("POST", "/e/"),
    IDEMPOTENCY: _registers("idempotency"),
    PRIORITY: _registers("priority"),
    RATE_LIMIT: _registers("rateLimit"),
    READS: _asks("GET", "/v1/"),
    SINGLETON: _registers("singleton"),
    THROTTLE: _registers("throttle"),
    TIMEOUTS: _registers("timeouts"),
}
#: Features without which the engine says that it does not do what a function asks for.
SAID = {BATCHING, CANCELLING, CONCURRENCY, DEBOUNCE, IDEMPOTENCY, PRIORITY, RATE_LIMIT, SINGLETON, THROTTLE, TIMEOUTS}
