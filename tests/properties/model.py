"""A run as a page of Python: no stores, no leases, no ids. What the engine does is to agree with it."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from inngest_testkit.durations import parse_duration
from inngest_testkit.functions.model import TRIGGER
from inngest_testkit.testing.strategies import Outcome

from .worlds import condition_holds, leaving, truth

ATTEMPTS = 3


def starts(function, event):
    """Whether one of the function's triggers lets an event start it."""
    fields = event.to_dict()
    return any(
        trigger.event == event.name and (not trigger.expression or truth(trigger.expression.tree, {"event": fields}))
        for trigger in function.triggers
    )


def outcomes_of(function, outcomes):
    """What becomes of each step: as told, or else what its own code returns."""
    return {
        step.id: outcomes.by_step.get((function.id, step.id), Outcome(output=step.runtime.run.output))
        for step in function.steps
    }


@dataclass
class ModelRun:
    """One run of a function, from `start` on, with the later events as (moment, event)."""

    function: object
    event: dict
    start: datetime
    later: list
    outcomes: dict
    outputs: dict = field(default_factory=dict)
    attempts: dict = field(default_factory=dict)
    taken: list = field(default_factory=list)
    failed: list = field(default_factory=list)
    ended: datetime | None = None

    def __post_init__(self):
        self._due, self._sequence, self._pauses, self._claimed, self._pending = [], count(), {}, set(), 1
        self.now = self.start
        self._at(self.start, lambda: self._visit(TRIGGER))
        for moment, event in self.later:
            self._work(until=moment)
            self._arrive(moment, event)
        self._work()

    def _at(self, moment, action):
        heapq.heappush(self._due, (moment, next(self._sequence), action))

    def _work(self, until=None):
        while self._due and (until is None or self._due[0][0] <= until):
            self.now, _, action = heapq.heappop(self._due)
            action()

    def _done(self):
        self._pending -= 1
        if self._pending == 0:
            self.ended = self.now

    def _visit(self, child):
        if child == TRIGGER or child in self.outputs:
            self._expand(child)
            self._done()
        elif child in self._claimed:
            self._done()
        else:
            self._claimed.add(child)
            self._attempt(child)

    def _attempt(self, step):
        self.attempts.setdefault(step, []).append([self.now, None])
        takes = self.outcomes[step].takes
        if takes:
            self._at(self.now + takes, lambda: self._finish(step))
        else:
            self._finish(step)

    def _finish(self, step):
        outcome, made = self.outcomes[step], self.attempts[step]
        made[-1][1] = self.now
        if len(made) > len(outcome.failures):
            self.outputs[step] = outcome.output
            self._expand(step)
            self._done()
            return
        failure = outcome.failures[len(made) - 1]
        if failure.final or len(made) == ATTEMPTS:
            self.failed.append(step)
            self._done()
        else:
            delay = failure.retry_after or timedelta(seconds=10 * 2 ** (len(made) - 1))
            self._at(self.now + delay, lambda: self._attempt(step))

    def _expand(self, parent):
        for name, child, entry in leaving(self.function, parent):
            ready = {TRIGGER, *self.outputs}.issuperset(entry.steps)
            if name not in self.taken and ready and condition_holds(entry, self.event, self.outputs):
                self.taken.append(name)
                self._pending += 1
                self._take(name, child, entry)

    def _take(self, name, child, entry):
        if entry.event is None:
            wait = parse_duration(entry.wait) if entry.wait else timedelta()
            self._at(self.now + wait, lambda: self._visit(child))
            return
        self._pauses[name] = (child, entry)
        self._at(self.now + parse_duration(entry.ttl), lambda: self._time_out(name))

    def _time_out(self, name):
        child, entry = self._pauses.pop(name, (None, None))
        if entry is None:
            return
        if entry.on_timeout:
            self._at(self.now, lambda: self._visit(child))
        else:
            self._done()

    def _arrive(self, moment, event):
        for name, (child, entry) in list(self._pauses.items()):
            variables = {"event": self.event, "steps": self.outputs, "async": event.to_dict()}
            if entry.event == event.name and (entry.match is None or truth(entry.match.tree, variables)):
                self.now = moment
                del self._pauses[name]
                if entry.on_timeout:
                    self._done()
                else:
                    self._at(moment, lambda child=child: self._visit(child))
