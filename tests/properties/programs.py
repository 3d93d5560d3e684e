"""Programs of an SDK function: drawn, built as real functions, and foretold without the engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

import inngest
from hypothesis import strategies as st

__all__ = ["Crash", "Foretold", "Group", "Run", "Sleep", "foretell", "handler_of", "programs"]

DELAYS = (15, 30, 60, 120)


@dataclass(frozen=True)
class Run:
    """A step with code that fails so many times; `rescue`, if any, is what the function does when it has failed."""

    key: str
    fails: int = 0
    rescue: tuple | None = None


@dataclass(frozen=True)
class Sleep:
    key: str
    seconds: int


@dataclass(frozen=True)
class Crash:
    """Code between steps that raises so many times."""

    key: str
    times: int


@dataclass(frozen=True)
class Group:
    """A parallel group; no branch of it fails for good."""

    branches: tuple[tuple, ...]


@st.composite
def programs(draw, *, retries=2):
    """A sequence of nodes, with ids and sleeps of their own: no two things of a group end at one moment."""
    number = count()

    def runs(most, *, rescued=False):
        rescue = sequences if rescued else st.none
        return st.builds(
            lambda fails, then: Run(f"run-{next(number)}", fails, then), st.integers(0, most), st.none() | rescue()
        )

    def sleeps():
        return st.builds(lambda: Sleep(f"sleep-{next(number)}", 0))

    def sequences():
        return st.lists(st.one_of(runs(retries), sleeps()), max_size=2).map(tuple)

    branch = st.lists(st.one_of(runs(retries), sleeps()), min_size=1, max_size=3).map(tuple)
    groups = st.lists(branch | st.just(()), min_size=2, max_size=3).map(tuple).map(Group)
    crashes = st.builds(lambda times: Crash(f"crash-{next(number)}", times), st.integers(1, retries + 1))
    steps = runs(retries + 1, rescued=True)
    node = st.one_of(steps, sleeps(), groups, crashes, groups, steps)
    return _distinct(draw(st.lists(node, min_size=draw(st.sampled_from([0, 3])), max_size=5).map(tuple)))


def _distinct(nodes):
    """Give each sleep a length of its own, so that what ends last is never left to chance."""
    lengths = iter(seconds for seconds in range(16, 100) if seconds != sum(DELAYS[:2]))

    def renewed(node):
        if isinstance(node, Sleep):
            return Sleep(node.key, next(lengths))
        if isinstance(node, Group):
            return Group(tuple(tuple(map(renewed, branch)) for branch in node.branches))
        if isinstance(node, Run) and node.rescue is not None:
            return Run(node.key, node.fails, tuple(map(renewed, node.rescue)))
        return node

    return tuple(map(renewed, nodes))


def handler_of(program):
    """Build the function: what fails counts for itself how often it did."""
    failures = {}

    def fail(key, times):
        if failures.setdefault(key, 0) < times:
            failures[key] += 1
            raise ValueError(key)

    def work(key, times):
        fail(key, times)
        return f"did {key}"

    def walk(ctx, nodes):
        return [one(ctx, node) for node in nodes]

    def one(ctx, node):
        match node:
            case Run(key, times, None):
                return ctx.step.run(key, work, key, times)
            case Run(key, times, rescue):
                try:
                    return ctx.step.run(key, work, key, times)
                except inngest.StepError as error:
                    return [error.message, *walk(ctx, rescue)]
            case Sleep(key, seconds):
                return ctx.step.sleep(key, timedelta(seconds=seconds))
            case Crash(key, times):
                return fail(key, times)
            case Group(branches):
                return list(ctx.group.parallel(tuple(lambda b=branch: walk(ctx, b) for branch in branches)))

    return lambda ctx: walk(ctx, program)


class Ended(Exception):
    """The run has failed."""


@dataclass
class Foretold:
    """What becomes of a program: its output (None when it fails), attempts by step, seconds, and entries."""

    retries: int
    output: list | None = None
    attempts: dict = field(default_factory=dict)
    seconds: int = 0
    entries: int = 0
    #: The attempt of the call in which the function is, and whether a new step is run in that call.
    attempt: int = 0
    at_once: bool = True

    def tries(self, node, first=0):
        """The attempts of a step whose first has this number, how long they take, and whether it succeeds."""
        made = min(node.fails, self.retries - first) + 1
        self.attempts[node.key] = made
        return made, sum(DELAYS[first : first + made - 1]), made > node.fails

    def walk(self, nodes):
        return [self.one(node) for node in nodes]

    def one(self, node):
        match node:
            case Run():
                return self.run(node)
            case Sleep(key, seconds):
                self.answer(seconds)
                self.attempts[key] = 1
                return None
            case Crash(_, times):
                return self.crash(times)
        return self.group(node)

    def answer(self, seconds):
        """One call answers, and the next comes so much later."""
        self.entries += 1
        self.seconds += seconds
        self.attempt, self.at_once = 0, True

    def run(self, node):
        if not self.at_once:
            self.answer(0)
        made, seconds, succeeds = self.tries(node, self.attempt)
        self.entries += made - 1
        self.answer(seconds)
        if succeeds:
            return f"did {node.key}"
        if node.rescue is None:
            raise Ended
        return [node.key, *self.walk(node.rescue)]

    def crash(self, times):
        made = min(times, self.retries - self.attempt)
        self.entries += made
        self.seconds += sum(DELAYS[self.attempt : self.attempt + made])
        self.attempt += made
        if made < times:
            raise Ended

    def group(self, node):
        left = [list(branch) for branch in node.branches]
        while opened := [branch.pop(0) for branch in left if branch]:
            marked = self.at_once and len(opened) > 1
            ends = [self.member(each) for each in opened]
            self.entries += sum(calls for calls, _, _ in ends)
            self.answer(max(seconds for _, seconds, _ in ends))
            last_is_sleep = max(ends, key=lambda end: end[1])[2]
            self.at_once = not (marked and last_is_sleep)
        return [[None if isinstance(n, Sleep) else f"did {n.key}" for n in branch] for branch in node.branches]

    def member(self, node):
        """The calls that a step of a group costs, how long it takes, and whether it is a sleep."""
        if isinstance(node, Sleep):
            self.attempts[node.key] = 1
            return 0, node.seconds, True
        made, seconds, _ = self.tries(node)
        return made, seconds, False


def foretell(program, retries):
    """Say what becomes of a program."""
    told = Foretold(retries)
    try:
        told.output = told.walk(program)
    except Ended:
        told.output = None
    told.entries += 1
    return told
