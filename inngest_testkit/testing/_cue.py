"""Generate what a definition in cue describes: structs and lists of types and values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from inngest_testkit.errors import SetupError
from inngest_testkit.functions.cue import parse_cue
from inngest_testkit.functions.cue_tokens import CueError
from inngest_testkit.testing._extra import st
from inngest_testkit.testing._values import json_values

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from inngest_testkit.functions.cue_values import Value

__all__ = ["from_cue"]

_REMEDY = "write the definition in the format 'json-schema', or give events(data=...)"


def from_cue(definition: object) -> SearchStrategy[dict[str, Any]]:
    """Generate the objects that a definition describes; raises `SetupError` for what is not plain types and values."""
    text = definition if isinstance(definition, str) else json.dumps(definition)
    try:
        value = parse_cue(text).value
    except CueError as error:
        raise SetupError(f"no events can be generated from the cue definition {text!r}: {error}; {_REMEDY}") from None
    if value.kind != "struct":
        raise SetupError(f"the cue definition {text!r} is no struct; {_REMEDY}")
    return _generate(value)


def _generate(value: Value) -> SearchStrategy[Any]:
    if value.kind == "struct":
        return st.fixed_dictionaries({key: _generate(item) for key, item in value.data.items()})
    if value.kind == "list":
        return st.tuples(*map(_generate, value.data)).map(list)
    return _of_type(value.data) if value.kind == "type" else st.just(value.data)


def _of_type(name: str) -> SearchStrategy[Any]:
    whole, floats = st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False)
    by_name: dict[str, SearchStrategy[Any]] = {
        "string": st.text(max_size=20),
        "int": whole,
        "float": floats,
        "number": whole | floats,
        "bool": st.booleans(),
        "_": json_values(),
    }
    return by_name[name]
