"""What a recording and a replay of it are compared by, and how a recording says it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from .step_server import repeated

if TYPE_CHECKING:
    from .recording import Recording

#: Where the virtual time of a replay begins.
START = datetime(2024, 1, 1, tzinfo=UTC)
#: The body of a call that the recording left out.
NOT_RECORDED: Any = "<not recorded>"
_STAGES = re.compile(
    r"(The function is not valid|function is not valid|error decoding function|error loading instance): "
    r"(\d+ errors? occurred:)?"
)
_EDGE_PATH = re.compile(r"function\.steps\.(\w+)\.after\.(\d+)\.(\w+): ")


@dataclass(frozen=True)
class Call:
    """A request to a step: `step` is the last part of the URL, `body` what it was sent, `raw` the exact text."""

    at: float
    run: int
    step: str
    method: str = "POST"
    body: Any = NOT_RECORDED
    raw: str | None = None


@dataclass(frozen=True)
class Fact:
    """Something that happened inside: its kind, the run, and what it was about; `span` is a time to wait."""

    kind: str
    run: int | None
    about: str
    at: float
    span: float | None = None


@dataclass(frozen=True)
class Behaviour:
    """All that is compared.

    `problems` are the texts with which the functions were refused, `replies` says of each request whether its events
    were taken, `facts` is None where they were not recorded.
    """

    problems: tuple[str, ...] = ()
    replies: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    facts: tuple[Fact, ...] | None = ()
    ordered: bool = True
    #: Runs that are not over although they wait for nothing.
    stuck: tuple[int, ...] = ()
    #: Step ids by (workflow id, last part of the URL), with the ids of the parents.
    parents: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def change(self, **parts: Any) -> Self:
        return replace(self, **parts)

    def without_calls(self, *steps: str, run: int | None = None) -> Self:
        kept = [call for call in self.calls if not (call.step in steps and run in (None, call.run))]
        assert len(kept) < len(self.calls), steps
        return self.change(calls=tuple(kept))

    def with_calls(self, *calls: Call) -> Self:
        return self.change(calls=tuple(sorted((*self.calls, *calls), key=lambda call: call.at)))

    def moved(self, seconds: float, which: Callable[[Call | Fact], bool]) -> Self:
        """Move calls and facts in time."""
        calls = [replace(call, at=call.at + seconds) if which(call) else call for call in self.calls]
        facts = [replace(fact, at=fact.at + seconds) if which(fact) else fact for fact in self.facts or ()]
        return self.change(calls=tuple(sorted(calls, key=lambda call: call.at)), facts=tuple(facts))

    def with_copy_of_run(self, run: int, seconds: float) -> Self:
        """Add a run that does later what another did."""
        number = 1 + max(call.run for call in self.calls)
        calls = [replace(call, run=number, at=call.at + seconds) for call in self.calls if call.run == run]
        facts = [replace(fact, run=number, at=fact.at + seconds) for fact in self.facts or () if fact.run == run]
        return self.with_calls(*calls).with_facts(*facts)

    def change_outputs(self, change: Callable[[Call, dict[str, Any]], dict[str, Any]]) -> Self:
        """Replace the outputs that calls carry."""
        return self.change(
            calls=tuple(
                replace(call, body={**call.body, "steps": change(call, call.body["steps"])})
                if isinstance(call.body, dict)
                else call
                for call in self.calls
            )
        )

    def without_facts(self, kind: str, about: str | None = None, run: int | None = None) -> Self:
        """Drop facts of a kind, about the given thing or (an output) one that begins with it; there must be some."""
        assert self.facts is not None
        kept = [f for f in self.facts if not (f.kind == kind and run in (None, f.run) and _is_about(f, about))]
        assert len(kept) < len(self.facts), (kind, about, run)
        return self.change(facts=tuple(kept))

    def with_facts(self, *facts: Fact) -> Self:
        return self.change(facts=(*(self.facts or ()), *facts))

    def call(self, step: str, run: int | None = None) -> Call:
        """Return the first call of a step."""
        return next(call for call in self.calls if call.step == step and run in (None, call.run))


def _is_about(fact: Fact, about: str | None) -> bool:
    return about is None or fact.about == about or fact.about.startswith(f"{about} ")


def recorded(recording: Recording) -> Behaviour:
    """Read what a recording says."""
    facts = None if not recording.log and recording.calls else tuple(_facts(recording))
    return Behaviour(
        problems=tuple(_problems(recording.server)),
        replies=tuple(_reply(item) for item in playable(recording)),
        calls=tuple(_calls(recording.calls)),
        facts=facts,
        ordered=recording.has_one_order,
    )


# -- requests


def playable(recording: Recording) -> list[dict[str, Any]]:
    """Return the requests that can be played without HTTP: those whose event was looked at, and was JSON."""
    return [item for item in recording.script if _reaches_events(item) and isinstance(sent(item), dict | list)]


def sent(item: Mapping[str, Any]) -> Any:
    """Return the JSON that a request sends; None when it is none."""
    if "send" in item:
        return item["send"]
    try:
        return json.loads(raw_text(item))
    except ValueError:
        return None


def raw_text(item: Mapping[str, Any]) -> str:
    """Return the text that a request sends."""
    return repeated(item, "raw_repeat") if "raw_repeat" in item else item.get("raw", "")


def _reaches_events(item: Mapping[str, Any]) -> bool:
    reply = item.get("reply") or {"error": "the server never started"}
    if "error" in reply:
        return True
    body = reply["body"]
    if not isinstance(body, dict):
        return False
    return body["message"].startswith("Received") or body.get("error") == "Unable to process event payload"


def _reply(item: Mapping[str, Any]) -> str:
    reply = item.get("reply") or {}
    if "status" not in reply:
        return "no server"
    return "taken" if reply["status"] == 200 else "refused"


# -- calls


def _calls(calls: Iterable[Mapping[str, Any]]) -> Iterable[Call]:
    run = 0
    for call in calls:
        # The recorder does not know the run of a redirect's target, which is called while its step is.
        run = run if call["run"] is None else _number(call["run"])
        yield Call(
            at=call["at_s"],
            run=run,
            step=call["step"],
            method=call.get("method", "POST"),
            body=call.get("body", NOT_RECORDED),
            raw=call.get("raw"),
        )


def _number(run: int | str) -> int:
    return run if isinstance(run, int) else int(run.removeprefix("run-"))


# -- the log


def _facts(recording: Recording) -> Iterable[Fact]:
    for line in recording.log:
        read = _LOG.get(line["message"])
        if read is not None:
            run = line.get("run")
            kind, about, span = read(line)
            yield Fact(kind, None if run is None else _number(run), about, line["at_s"], span)
    if recording.started and recording.server["exit_status"] is not None:
        yield Fact("server stopped", None, "", 0.0)


def _edge(line: Mapping[str, Any]) -> str:
    return f"{line['edge']['outgoing']}->{line['edge']['incoming']}"


def _consuming(line: Mapping[str, Any]) -> tuple[str, str, None]:
    if line["error"] == "pause not found":
        return "lease failed", line["event"], None
    return "match failed", line["event"], None


def _scheduling(line: Mapping[str, Any]) -> tuple[str, str, None]:
    duplicate = "identifier already exists" in line["error"]
    return "skipped" if duplicate else "trigger failed", line["event"], None


def _retry(line: Mapping[str, Any]) -> tuple[str, str, float]:
    item = line["edge"]
    return "retry", f"{item['payload']['edge']['incoming']} {item['errorCount']}", line["at"]


def canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True)


_LOG: dict[str, Callable[[Mapping[str, Any]], tuple[str, str, float | None]]] = {
    "scheduling next step": lambda line: ("scheduled", line["outgoing"], max(0, line["at"])),
    "step already executed": lambda line: ("visited again", line["step"], None),
    "step output": lambda line: ("output", f"{line['step']} {canonical(line['output'])}", None),
    "error executing step": lambda line: ("attempt failed", line["step"], None),
    "enqueueing retry": _retry,
    "step permanently failed": lambda line: ("failed for good", line["edge"]["incoming"], None),
    "resuming function": lambda line: ("resumed", line["event"], None),
    "ignoring pause timeout": lambda line: ("timed out, not taken", _edge(line), None),
    "scheduling pause timeout step": lambda line: ("timed out, taken", _edge(line), None),
    "error consuming pauses": _consuming,
    "error scheduling functions": _scheduling,
}


# -- refusals


def _problems(server: Mapping[str, Any]) -> Iterable[str]:
    """Return the texts that a message of the library must contain, one for each problem."""
    if server["started"]:
        return
    text = server.get("stdout") or "; ".join(server["panic"])
    for problem in _STAGES.sub("", text).split("\n\t* "):
        if problem:
            yield _wording(problem)


def _wording(problem: str) -> str:
    """Take the server's own names of things out of a problem, where the library has others; … stands for any text."""
    if problem.startswith("error compiling expression"):
        source = next(line for line in problem.splitlines() if line.startswith(" | "))
        return f"error compiling expression: …\n{source}\n"
    problem = _EDGE_PATH.sub(r"step '\1', after[\2].\3: ", problem)
    return problem.replace(" <nil>}", "}").replace("found 'IDENT' is", "found 'is'")
