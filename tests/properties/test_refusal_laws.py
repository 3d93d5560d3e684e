"""Functions with a defect are refused, by name, and leave no trace."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inngest_testkit import Engine, Function, Step, on_event
from inngest_testkit.errors import InvalidFunctionsError
from inngest_testkit.functions import check_functions
from inngest_testkit.testing.strategies import DEFECTS, Returns, broken_functions, function_sets

from .profile import law

KEPT = Function("kept", on_event("kept"), steps=[Step("only", Returns(None))])


@pytest.mark.parametrize("kind", DEFECTS)
def test_a_defect_is_refused(kind):
    """A function with one defect is refused with a message that names the function and the step that has it."""

    @law(examples=10)
    @given(broken_functions(kind, max_steps=4))
    def refuse(broken):
        function, defect = broken
        assert defect.kind == kind
        engine = Engine()
        with pytest.raises(InvalidFunctionsError) as refused:
            engine.register(function)
        text = str(refused.value)
        assert (f"function {function.id!r}" if function.id else "without an id") in text
        if defect.step:
            assert f"step {defect.step!r}" in text
        assert engine.functions == ()

    refuse()


@law(examples=40)
@given(broken_functions(max_steps=4), function_sets(max_functions=2, max_steps=2), st.integers(0, 2))
def test_nothing_of_a_call_is_registered(broken, sound, place):
    """One broken function among sound ones: none of the call is registered, what was there stays and runs."""
    function, _ = broken
    engine = Engine()
    engine.register(KEPT)
    named = [Function(f"{each.id}-sound", *each.triggers, steps=each.steps) for each in sound]
    named.insert(place, function)
    with pytest.raises(InvalidFunctionsError):
        engine.register(*named)
    assert engine.functions == (KEPT,)
    assert engine.next_due is None
    assert len(engine.send("start", {"n": 0, "flag": False, "kind": "a"}).runs) == 0
    assert engine.send("kept").run.is_over


@law(examples=60)
@given(function_sets())
def test_sound_functions_are_accepted(functions):
    """What `function_sets` generates has no problem."""
    assert check_functions(functions) == []
    Engine().register(*functions)
