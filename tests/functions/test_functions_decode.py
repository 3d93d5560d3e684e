"""Any configuration is decoded to a function, or to problems that each have their place."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from inngest_testkit.functions import TRIGGER, check_function
from inngest_testkit.functions.decode import FIELDS, decode_function
from inngest_testkit.functions.document import parse_document
from inngest_testkit.functions.flow_options import FIELDS as FLOW_FIELDS

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["", "a", "b", "1h", "e", "docker", "http", "file://x", TRIGGER])
)


def objects(kind, inner):
    """Objects with the fields of this kind, mostly of the kind that they should have."""
    parts = {
        ("Function", "triggers"): st.lists(inner["Trigger"], max_size=2) if "Trigger" in inner else SCALARS,
        ("Function", "steps"): st.dictionaries(st.sampled_from("ab"), inner["Step"]) if "Step" in inner else SCALARS,
        ("Step", "after"): st.lists(inner["After"], max_size=2) if "After" in inner else SCALARS,
        ("After", "steps"): st.lists(SCALARS, max_size=2),
    }
    nested = {"definition": "EventDefinition", "runtime": "Runtime"}
    fields = {
        name: parts.get((kind, name), SCALARS | inner.get(nested.get(name, name), SCALARS)) for name in FIELDS[kind]
    }
    for name in ("cancel", "concurrency"):
        if kind == "Function" and name in inner:
            fields[name] = inner[name] | st.lists(inner[name], max_size=2)
    return SCALARS | st.lists(SCALARS, max_size=1) | st.fixed_dictionaries({}, optional=fields)


def configurations():
    made = {}
    for kind in ("EventDefinition", "Runtime", "async", "Trigger", "After", "Step", *FLOW_FIELDS, "Function"):
        made[kind] = objects(kind, made)
    return made["Function"]


@given(configurations(), st.booleans())
def test_any_configuration_gives_problems_or_a_function(value, strict):
    header = 'import d "inngest.com/defs/v1"\nfunction: d.#Function & ' if strict and isinstance(value, dict) else ""
    document = parse_document(header + json.dumps(value), file="inngest.cue")
    function, found = decode_function(document, Path("/nowhere"))
    for problem in [*found, *check_function(function)]:
        assert document.position(problem.path) >= (1, 1)
        assert "; " in problem.message or ". " in problem.message or ": " in problem.message
