"""A worker that is lost at an operation of a store."""

from __future__ import annotations

__all__ = ["CountingGate", "Fault"]


class Fault(Exception):
    """The worker is lost."""


class CountingGate:
    """Lets everything pass and writes the operations down; loses the worker at some of them once it is armed."""

    def __init__(self, *at, after=False):
        self.at, self.after, self.operations, self.armed = at, after, [], False

    def __repr__(self):
        return f"CountingGate({', '.join(map(str, self.at))}, after={self.after})"

    async def pass_through(self, store, operation, call):
        if not self.armed:
            return await call()
        hit = len(self.operations) in self.at
        self.operations.append(f"{store}.{operation}")
        if hit and not self.after:
            raise Fault
        try:
            return await call()
        finally:
            if hit:
                raise Fault
