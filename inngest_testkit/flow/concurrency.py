"""Concurrency: at most `limit` steps execute at the same time for each key; the others wait in line.

A step, or a call of an app's function, has a place from its beginning to its end; between them, while its run sleeps or
waits, it has none. Steps of older runs come before those of younger ones, moved by the run's priority. A limit is of
one function, or with a key and a wider scope of all functions whose keys have that value. Limits of whole runs (`fn` in
the long form) keep the place until the run is over.

Source: recordings/sdk README, "Concurrency"; concurrency_one, concurrency_key, concurrency_parallel_steps. A place that
becomes free is taken at once: that the server looks only every few seconds is an artefact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inngest_testkit.flow.base import Slot

if TYPE_CHECKING:
    from inngest_testkit.functions.flow_control import ConcurrencyLimit

__all__ = ["slot_of"]


def slot_of(limit: ConcurrencyLimit, function_id: str, key: str) -> Slot:
    """Return the places that a limit gives to those with this key."""
    # Two limits of one function count apart, also where their keys happen to have the same value.
    own = f"{function_id}/{'' if limit.key is None else limit.key.text}/" if limit.scope == "fn" else ""
    scope = f"{limit.scope}/{own}"
    return Slot(f"concurrency/{'run/' if limit.run else ''}{scope}{key}", limit.limit, limit.run, key)
