"""Generate conditions over what an edge, a trigger or a wait can read."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from inngest_testkit.testing._extra import st
from inngest_testkit.testing._values import KNOWN
from inngest_testkit.testing.conditions import Both, Comparison, Condition, Either, Not, Reference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import SearchStrategy

    from inngest_testkit.testing.conditions import Tree

__all__ = ["conditions", "matches"]

_EVENT = ("event", "data")
_AWAITED = ("async", "data")
_OPERATORS = {"n": ("==", "!=", "<", ">="), "flag": ("==", "!="), "kind": ("==", "!=")}


@lru_cache(1024)
def conditions(*steps: str, response: bool = False) -> SearchStrategy[Condition]:
    """Generate conditions over the event's data, the outputs of `steps`, and (with `response`) the parent's output.

    They read the fields `n`, `flag` and `kind`; each knows whether it holds (`Condition.holds`).
    """
    return _over(_comparisons([*_roots(steps), *([("response",)] if response else [])]))


@lru_cache(1024)
def matches(*steps: str) -> SearchStrategy[Condition]:
    """Generate conditions over the event that arrives (`async`) as well as what `conditions` reads."""
    return _over([*_same_field(), *_comparisons([_AWAITED, *_roots(steps)])])


def _roots(steps: Sequence[str]) -> list[tuple[str, ...]]:
    return [_EVENT, *(("steps", step) for step in steps)]


def _same_field() -> list[Tree]:
    return [Comparison(Reference((*_AWAITED, name)), "==", Reference((*_EVENT, name))) for name in KNOWN]


def _comparisons(roots: Sequence[tuple[str, ...]]) -> list[Tree]:
    return [
        Comparison(Reference((*root, name)), operator, value)  # type: ignore[arg-type]  # the known values are scalars
        for root in roots
        for name, values in KNOWN.items()
        for operator in _OPERATORS[name]
        for value in values
    ]


def _over(comparisons: Sequence[Tree]) -> SearchStrategy[Condition]:
    leaves = st.sampled_from(comparisons)
    trees: SearchStrategy[Tree] = st.one_of(
        leaves, st.builds(Not, leaves), st.builds(Both, leaves, leaves), st.builds(Either, leaves, leaves)
    )
    return trees.map(Condition)
