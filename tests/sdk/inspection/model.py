"""A model of handlers and of a server that calls them, written from the protocol alone.

A program is a tree. Playing it gives the entries of one run, in the order in which they end; calls of one run may be
under way at the same time, each with the memos that there were when it began.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from inngest_testkit.runs.entries import Entry, TracedStep

START = datetime(2026, 1, 1, tzinfo=UTC)
ATTEMPTS = 3


@dataclass(frozen=True)
class Step:
    """A step: how often it fails (in the step, or letting the error through), and what a failure leads to.

    `otherwise` is None where the failure is not caught.
    """

    id: str
    failures: int = 0
    lets_through: bool = False
    is_timed: bool = False
    otherwise: tuple[Any, ...] | None = ()


@dataclass(frozen=True)
class Group:
    """A parallel group; `few` is what the handler does when it gets too few results, None if it raises then."""

    branches: tuple[tuple[Any, ...], ...]
    is_race: bool = False
    few: tuple[Any, ...] | None = ()


@dataclass(frozen=True)
class Flaky:
    """Code between steps that raises so many times."""

    name: str
    times: int


class Answer(BaseException):
    def __init__(self, operations):
        self.operations = operations


class Skip(BaseException):
    pass


class Failure(Exception):
    def __init__(self, no_retry=False):
        self.no_retry = no_retry


@dataclass
class Walk:
    """One entry of a handler."""

    memos: dict[str, bool]  # by key: whether it succeeded
    target: str
    attempt: int
    failed: dict[str, int]  # how often has failed what fails for a time
    trace: list[TracedStep] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def enter(self, program):
        try:
            self.walk(program, ())
        except Answer as answer:
            return 206, answer.operations, False
        except (Failure, Skip) as failure:
            return 500, [], getattr(failure, "no_retry", False)
        return 200, [], False

    def walk(self, nodes, modes):
        for node in nodes:
            if isinstance(node, Flaky):
                if self.fails(node.name, node.times):
                    raise Failure
            elif isinstance(node, Group):
                self.group(node, modes)
            else:
                self.step(node, modes)

    def fails(self, name, times):
        self.failed[name] = self.failed.get(name, 0) + 1
        return self.failed[name] <= times

    def group(self, node, modes):
        operations, results = [], 0
        for branch in node.branches:
            try:
                self.walk(branch, (*modes, node.is_race))
                results += 1
            except Answer as answer:
                operations += answer.operations
            except Skip:
                pass
        if operations:
            raise Answer([(key, kind, race or node.is_race) for key, kind, race in operations])
        if results < len(node.branches):
            if node.few is None:
                raise Failure
            self.walk(node.few, modes)

    def step(self, node, modes):
        use = self.counts.get(node.id, 0)
        self.counts[node.id] = use + 1
        step = TracedStep(node.id, use, grouped=bool(modes))
        self.trace.append(step)
        if step.key not in self.memos:
            self.stop(node, step.key, is_planned=bool(modes))
        elif not self.memos[step.key]:
            if node.otherwise is None:
                raise Failure(no_retry=True)
            self.walk(node.otherwise, modes)

    def stop(self, node, key, *, is_planned):
        if self.target not in {"", key}:
            raise Skip
        if node.is_timed:
            raise Answer([(key, "timed", False)])
        if is_planned and not self.target:
            raise Answer([(key, "planned", False)])
        if not self.fails(key, node.failures):
            raise Answer([(key, "done", False)])
        if node.lets_through:
            raise Failure
        raise Answer([(key, "failed" if self.attempt + 1 >= ATTEMPTS else "error", False)])


class Play:
    """Plays a run, choosing by `random` what begins and what ends next."""

    def __init__(self, program, random):
        self.program, self.random = program, random
        self.memos, self.failed = {}, {}
        self.waiting = [("", 0)]  # calls and timers that have not begun
        self.going = []  # calls under way
        self.open = {}  # steps planned or timed, not done, and whether in race mode
        self.number = 0
        self.is_over = False

    def entries(self, most=60):
        ended = []
        while (self.waiting or self.going) and len(ended) < most and not self.is_over:
            if self.waiting and (not self.going or self.random.random() < 0.6):
                self.begin(self.waiting.pop(self.random.randrange(len(self.waiting))))
            else:
                ended.append(self.end(*self.going.pop(self.random.randrange(len(self.going)))))
        return ended

    def begin(self, item):
        target, attempt = item
        if attempt < 0:  # a timer
            self.finish(target, succeeded=True)
            return
        walk = Walk(dict(self.memos), target, attempt, self.failed)
        status, operations, no_retry = walk.enter(self.program)
        found = tuple(key for key, _, _ in operations)
        at = START + timedelta(seconds=self.number)
        entry = Entry(self.number, at, attempt, target, tuple(walk.trace), found, status)
        self.number += 1
        self.going.append((entry, operations, no_retry))

    def end(self, entry, operations, no_retry):
        again = (entry.target, entry.attempt + 1)
        if entry.status == 200 or (entry.status == 500 and (no_retry or again[1] >= ATTEMPTS)):
            self.is_over = True
        elif entry.status == 500:
            self.waiting.append(again)
        for key, kind, is_race in operations:
            if kind == "error":
                self.waiting.append(again)
            elif kind in {"done", "failed"}:
                self.finish(key, succeeded=kind == "done")
            elif key not in self.memos and key not in self.open:
                self.open[key] = is_race
                self.waiting.append((key, 0 if kind == "planned" else -1))
        return entry

    def finish(self, key, *, succeeded):
        if key in self.memos:
            return
        self.memos[key] = succeeded
        is_race = self.open.pop(key, False)
        if (is_race or not self.open) and ("", 0) not in self.waiting:
            self.waiting.append(("", 0))


@st.composite
def programs(draw, *, path="", depth=2):
    """Programs that are the same at each entry. Ids repeat along a path, never across branches."""
    nodes = []
    for index in range(draw(st.integers(0 if path else 2, 3))):
        at = f"{path}{index}"
        kind = draw(st.sampled_from(["step", "step", "step", "flaky", "group"] if depth else ["step", "flaky"]))
        if kind == "flaky":
            nodes.append(Flaky(at, draw(st.integers(1, 2))))
        elif kind == "step":
            nodes.append(draw(_steps(path, depth)))
        else:
            branches = [
                draw(programs(path=f"{at}{letter}", depth=depth - 1)) for letter in draw(st.sampled_from(_SIZES))
            ]
            few = draw(st.none() | st.just((Step(f"{at}few"),)) | st.just(()))
            nodes.append(Group(tuple(branches), draw(st.booleans()), few))
    return tuple(nodes)


_SIZES = ["b", "bc", "bc", "bcd"]


@st.composite
def _steps(draw, path, depth):
    otherwise = draw(st.none() | programs(path=path, depth=0)) if depth else None
    failures = draw(st.sampled_from([0, 0, 0, 1, ATTEMPTS]))
    name = f"{path}{draw(st.sampled_from('xyz'))}"
    return Step(name, failures, draw(st.booleans()) and failures < ATTEMPTS, draw(st.booleans()), otherwise)
