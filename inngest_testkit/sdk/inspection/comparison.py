"""Two traces side by side, as text."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from inngest_testkit.runs.entries import Entry, TracedStep

__all__ = ["side_by_side"]

_WIDEST = 48
_BEFORE, _AFTER = 4, 5


def side_by_side(earlier: Entry, later: Entry, index: int, later_index: int, *, gap: str = "") -> str:
    """Print both traces around the place where they part (`index` and `later_index`), which is marked with `>`.

    `gap` is "earlier" or "later" where that one has nothing at the place.
    """
    before = list(_paired(earlier.trace[:index], later.trace[:later_index]))
    left = ["-"] * (gap == "earlier") + _shown(earlier, index)
    right = ["-"] * (gap == "later") + _shown(later, later_index)
    after = list(zip_longest(left, right, fillvalue=""))
    rows = [(earlier.label, later.label), *before[-_BEFORE:], *after[: _AFTER + 1]]
    width = max(len(text) for text, _ in rows)
    lines = [f"    {one:<{width}}  {other}".rstrip() for one, other in rows]
    mark = len(rows) - len(after[: _AFTER + 1])
    lines[mark] = "  > " + lines[mark][4:] + "   <- the first difference"
    if len(before) > _BEFORE:
        lines.insert(1, f"    … {len(before) - _BEFORE} before")
    if len(after) > _AFTER + 1:
        lines.append(f"    … {len(after) - _AFTER - 1} after")
    return "\n".join(lines)


def _paired(earlier: Sequence[TracedStep], later: Sequence[TracedStep]) -> Iterator[tuple[str, str]]:
    """Yield lines of what both came to before the place; what only one came to stands alone."""
    known = {step.key for step in later}
    rest = iter(earlier)
    waiting = next(rest, None)
    for step in later:
        while waiting is not None and waiting.key not in known:
            yield _text(waiting), ""
            waiting = next(rest, None)
        if waiting is not None and waiting.key == step.key:
            yield _text(waiting), _text(step)
            waiting = next(rest, None)
        else:
            yield "", _text(step)
    for step in (waiting, *rest) if waiting is not None else ():
        yield _text(step), ""


def _shown(entry: Entry, index: int) -> list[str]:
    """Return the lines from a place on, the last of which says how the entry ended."""
    end = "(result)" if entry.has_result else f"(error {entry.status})" if entry.is_cut else "(answer)"
    return [*map(_text, entry.trace[index:]), end]


def _text(step: TracedStep) -> str:
    text = repr(step.key)
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"
