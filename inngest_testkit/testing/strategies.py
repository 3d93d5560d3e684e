"""Hypothesis strategies for tests of workflows: functions, events, scripts, outcomes. Needs the extra [hypothesis].

::

    @given(st.data())
    def test_every_order_ends(data):
        engine = Engine()
        engine.register(ORDERS)
        for delay, event in data.draw(event_scripts(ORDERS)):
            engine.advance(delay)
            engine.send(event)
        engine.run_until_complete()
"""

from __future__ import annotations

from inngest_testkit.testing._broken import DEFECTS, Defect, broken_functions
from inngest_testkit.testing._conditions import conditions, matches
from inngest_testkit.testing._events import events, events_for
from inngest_testkit.testing._functions import FunctionOptions, Returns, function_sets, functions
from inngest_testkit.testing._outcomes import Failure, Outcome, StepOutcomes, step_outcomes
from inngest_testkit.testing._scripts import EventScript, event_scripts
from inngest_testkit.testing._values import json_objects, json_values
from inngest_testkit.testing.conditions import Condition

__all__ = [
    "DEFECTS",
    "Condition",
    "Defect",
    "EventScript",
    "Failure",
    "FunctionOptions",
    "Outcome",
    "Returns",
    "StepOutcomes",
    "broken_functions",
    "conditions",
    "event_scripts",
    "events",
    "events_for",
    "function_sets",
    "functions",
    "json_objects",
    "json_values",
    "matches",
    "step_outcomes",
]
