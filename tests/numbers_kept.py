"""What the servers make of numbers, for tests that compare values with what was sent."""

from __future__ import annotations

from decimal import Decimal


def kept(value):
    """Return a value as the servers keep it: numbers without a fraction are whole, up to 10**21."""
    if isinstance(value, dict):
        return {key: kept(each) for key, each in value.items()}
    if isinstance(value, list):
        return [kept(each) for each in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**21:
        return int(Decimal(repr(value)))
    return value
