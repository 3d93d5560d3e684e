from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, replace

import pytest

from inngest_testkit.records import quick


@quick
@dataclass(frozen=True, slots=True)
class Point:
    """A record with every kind of field."""

    x: int
    y: int = 2
    tags: list[str] = field(default_factory=list)
    label: str = field(default="", kw_only=True)

    def __post_init__(self):
        if self.x < 0:
            raise ValueError("x is negative")
        if not self.label:
            object.__setattr__(self, "label", f"at {self.x}")


def test_a_quick_record_is_made_as_a_dataclass_is():
    """Arguments by position and by name, defaults, fresh factories, and `__post_init__`."""
    point = Point(1)
    assert (point.x, point.y, point.tags, point.label) == (1, 2, [], "at 1")
    assert point.tags is not Point(1).tags
    assert Point(x=1, y=3, tags=["a"], label="b") == replace(Point(1), y=3, tags=["a"], label="b")
    assert repr(point) == "Point(x=1, y=2, tags=[], label='at 1')"
    with pytest.raises(ValueError, match="x is negative"):
        Point(-1)


@pytest.mark.parametrize("arguments", [(), (1, 2, [], "b")])
def test_a_quick_record_refuses_what_a_dataclass_refuses(arguments):
    """Too few and too many arguments."""
    with pytest.raises(TypeError):
        Point(*arguments)


def test_a_quick_record_does_not_change():
    """It is frozen once it is made, has no further attributes, and is of its own class."""
    point = Point(1)
    assert type(point) is Point
    for name in ("x", "other"):
        with pytest.raises((FrozenInstanceError, TypeError)):
            setattr(point, name, 5)
    with pytest.raises(FrozenInstanceError):
        del point.x


def test_a_quick_record_can_be_copied_and_pickled():
    """Copies are equal."""
    point = Point(1, tags=["a"])
    assert copy.copy(point) == copy.deepcopy(point) == pickle.loads(pickle.dumps(point)) == point
