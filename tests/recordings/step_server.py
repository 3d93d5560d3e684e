"""What answers the steps' HTTP calls as `responders` of a recording says, and notes the calls."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import respx

from inngest_testkit import HistoryKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from inngest_testkit import Engine, Run


@dataclass(frozen=True)
class Received:
    """One HTTP request of a step."""

    at: datetime
    run: Run
    step: str
    request: httpx.Request


class StepServer:
    """Stands at http://steps.test; nobody listens on http://refused.test."""

    def __init__(self, engine: Engine, responders: Mapping[str, list[dict[str, Any]]]) -> None:
        self.received: list[Received] = []
        self._engine, self._responders = engine, responders
        self._answered: Counter[str] = Counter()
        self.router = respx.MockRouter(assert_all_called=False)
        self.router.route(host="steps.test", scheme__in=["http", "https"]).mock(side_effect=self._answer)
        self.router.route(host="refused.test").mock(side_effect=httpx.ConnectError("connection refused"))
        # What is no HTTP URL gets as far as the real transport, which refuses it.
        self.router.route().pass_through()

    def _answer(self, request: httpx.Request) -> httpx.Response:
        step = request.url.path.rsplit("/", 1)[1]
        self.received.append(Received(self._engine.now, self._run_at_work(), step, request))
        answers = self._responders.get(step, [{"body": {"ok": True, "step": step}}])
        answer = answers[min(self._answered[step], len(answers) - 1)]
        self._answered[step] += 1
        if answer.get("close"):
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        content, headers = _content(answer)
        return httpx.Response(
            answer.get("status", 200), headers={**headers, **answer.get("headers", {})}, content=content
        )

    def _run_at_work(self) -> Run:
        """Return the run whose newest transition is the start of a step: one step runs at a time."""
        (run,) = [run for run in self._engine.runs() if run.history[-1].kind is HistoryKind.STEP_STARTED]
        return run


def _content(answer: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
    if "body" in answer:
        return json.dumps(answer["body"]).encode(), {"Content-Type": "application/json"}
    if "raw_body_hex" in answer:
        return bytes.fromhex(answer["raw_body_hex"]), {}
    if "raw_body_repeat" in answer:
        return repeated(answer, "raw_body_repeat").encode(), {}
    return answer.get("raw_body", "").encode(), {}


def repeated(parts: Mapping[str, Any], key: str) -> str:
    """Write out a text that a recording holds as `[text, times]` between a prefix and a suffix."""
    text, times = parts[key]
    return parts.get("raw_prefix", "") + text * times + parts.get("raw_suffix", "")
