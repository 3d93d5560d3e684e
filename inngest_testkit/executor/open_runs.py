"""Whether a run is still there for what a step came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inngest_testkit.errors import NotFoundError

if TYPE_CHECKING:
    from inngest_testkit.state.base import StateStore

__all__ = ["is_open"]


async def is_open(state: StateStore, run_id: str) -> bool:
    """Whether a run is not over, and was not dropped."""
    try:
        return not (await state.load(run_id)).is_over
    except NotFoundError:
        return False
