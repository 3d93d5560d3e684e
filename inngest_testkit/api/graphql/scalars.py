"""The scalars of the server's GraphQL: moments, ids, JSON."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import ariadne
from graphql import GraphQLError

from inngest_testkit.api.reads.ids import is_ulid, rfc3339

__all__ = ["SCALARS"]

_time, _ulid = ariadne.ScalarType("Time"), ariadne.ScalarType("ULID")
_uuid, _map = ariadne.ScalarType("UUID"), ariadne.ScalarType("Map")


@_time.serializer
def _write_time(moment: datetime) -> str:
    return rfc3339(moment)


@_time.value_parser
def _read_time(given: object) -> datetime:
    try:
        moment = datetime.fromisoformat(given if isinstance(given, str) else "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise GraphQLError(f"{given!r} is no moment; write RFC 3339, such as 2024-01-31T09:00:00Z") from None


@_ulid.value_parser
def _read_ulid(given: object) -> str:
    if not isinstance(given, str) or not is_ulid(given):
        raise GraphQLError(f"{given!r} is no ULID: it has 26 characters, the first from 0 to 7")
    return given.upper()


@_uuid.value_parser
def _read_uuid(given: object) -> str:
    try:
        return str(uuid.UUID(given if isinstance(given, str) else ""))
    except ValueError:
        raise GraphQLError(f"{given!r} is no UUID") from None


@_map.value_parser
def _read_map(given: object) -> dict[str, object]:
    if not isinstance(given, dict):
        raise GraphQLError(f"{given!r} is no object")
    return given


SCALARS = (_time, _ulid, _uuid, _map)
