"""Events: what is sent, and what a run sees of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from inngest_testkit.errors import EventError, NotJsonError
from inngest_testkit.records import quick
from inngest_testkit.values import WRAPPED, Json, JsonValue, decode, encode

if TYPE_CHECKING:
    from typing import Self

__all__ = ["CANCELLED", "FAILED", "FINISHED", "INVOKED", "SCHEDULED_TIMER", "Event", "SdkEvent", "to_event"]

#: The name of the event that a cron trigger starts a run with.
SCHEDULED_TIMER = "inngest/scheduled.timer"
#: The names of the events that tell of a run: a step invokes it, it is over, it failed, it was cancelled.
INVOKED = "inngest/function.invoked"
FINISHED = "inngest/function.finished"
FAILED = "inngest/function.failed"
CANCELLED = "inngest/function.cancelled"

_FIELDS = ("name", "data", "user", "id", "ts", "v")


class SdkEvent(Protocol):
    """The part of the official SDK's event object that is read; `user`, `id`, `ts` and `v` are read if there."""

    name: str
    data: Any


@quick
@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    `name` is not empty; `data` and `user` are objects that JSON can hold; `id` is the sender's own id, the
    idempotency key of the runs that the event starts; `ts` is in milliseconds since 1970; `v` is the version of
    the event's shape. The engine fills in a missing `id` and `ts` when it receives the event.

    Raises `EventError` for anything else (source: recordings/dag README, "Events in").
    """

    name: str
    data: Mapping[str, JsonValue] = field(default_factory=dict)
    _: KW_ONLY
    user: Mapping[str, JsonValue] = field(default_factory=dict)
    id: str | None = None
    ts: int | None = None
    v: str | None = None

    def __post_init__(self) -> None:
        if (
            type(self.name) is str
            and self.name
            and type(self.data) is type(self.user) is dict
            and (self.id is None or type(self.id) is str)
            and (self.ts is None or type(self.ts) is int)
            and self.v is None
        ):
            return  # as nearly all are
        if not isinstance(self.name, str) or not self.name:
            raise EventError(f"an event needs a name, a text such as 'user/signed.up', found {self.name!r}")
        for key in ("data", "user"):
            value = getattr(self, key)
            if value is None:
                object.__setattr__(self, key, {})
            elif not isinstance(value, Mapping):
                raise _wrong(self.name, key, "an object (a mapping with text keys)", value)
        for key in ("id", "v"):
            value = getattr(self, key)
            if value is not None and not isinstance(value, str):
                raise _wrong(self.name, key, "text", value)
        if self.ts is not None and (isinstance(self.ts, bool) or not isinstance(self.ts, int)):
            raise _wrong(self.name, "ts", "a whole number of milliseconds since 1970", self.ts)

    @classmethod
    def from_mapping(cls, fields: Mapping[str, object]) -> Self:
        """Read an event as it stands in JSON; `null` counts as absent and unknown fields are dropped."""
        known = {k: v for k, v in fields.items() if k in _FIELDS and v is not None}
        if "name" not in known:
            raise EventError(f"an event needs a name, a text such as 'user/signed.up', found {dict(fields)!r}")
        return cls(**known)  # type: ignore[arg-type]

    def plain(self) -> Event:
        """Return the event with nothing but JSON values in it, apart from what it was made of.

        Raises `EventError` with the path of what JSON cannot hold.
        """
        return self._plain(id=self.id, ts=self.ts)

    def _plain(self, *, id: str | None, ts: int | None) -> Event:  # noqa: A002 - the field's name
        name, v = self.name, self.v
        if not (name.isascii() and (id is None or id.isascii()) and (v is None or v.isascii())):
            for part, text in (("name", name), ("id", id), ("v", v)):
                _check_text(name, part, text or "")
        if ts is not None and abs(ts) >= 2**63:
            raise _wrong(name, "ts", "within 64 bits", ts)
        data, user = _plain(name, "data", self.data), _plain(name, "user", self.user)
        return Event(name, data, user=user, id=id, ts=ts, v=v)

    def received(self, *, id: str, ts: int) -> Event:  # noqa: A002 - the field's name
        """Return the event as the engine keeps it: plain, with `id` and `ts` filled in if absent."""
        return self._plain(id=self.id or id, ts=ts if self.ts is None else self.ts)

    def to_dict(self) -> dict[str, JsonValue]:
        """Return what steps and expressions see: data, id, name, ts and user always, `v` only when not empty."""
        seen: dict[str, JsonValue] = {
            "data": dict(self.data),
            "id": self.id or "",
            "name": self.name,
            "ts": self.ts or 0,
            "user": dict(self.user),
        }
        if self.v:
            seen["v"] = self.v
        return seen

    def to_json(self) -> Json:
        """Return `to_dict()` encoded."""
        return encode(self.to_dict(), root="event", deepest=WRAPPED)

    def __repr__(self) -> str:
        return f"Event({self.name!r}, {dict(self.data)!r})"


def to_event(event: object, data: object = None, user: object = None, id: object = None, ts: object = None) -> Event:  # noqa: A002
    """Read what `send` takes as one event: a name with its parts, an `Event`, a mapping, or an SDK's event object.

    Raises `EventError` for anything else, and for parts given beside a whole event.
    """
    if isinstance(event, str):
        return Event(name=event, data=data, user=user, id=id, ts=ts)  # type: ignore[arg-type]
    if any(part is not None for part in (data, user, id, ts)):
        raise EventError("data, user, id and ts go with an event's name; a whole event has them inside")
    if isinstance(event, Event):
        return event
    if isinstance(event, Mapping):
        return Event.from_mapping(event)
    if isinstance(getattr(event, "name", None), str) and hasattr(event, "data"):
        # The official SDK's event keeps 0 and "" for parts that were not given.
        parts = {key: getattr(event, key, None) or None for key in _FIELDS}
        return Event.from_mapping(parts)
    raise EventError(
        f"expected an event (a name, an Event, a mapping, or a list of them), found {type(event).__name__}: {event!r}"
    )


def _wrong(name: str, key: str, expected: str, found: object) -> EventError:
    return EventError(f"event {name!r}: {key} must be {expected}, found {type(found).__name__}: {found!r}")


def _check_text(name: str, key: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise EventError(f"event {name!r}: {key} has half a surrogate pair, which UTF-8 cannot hold") from None


def _plain(name: str, key: str, value: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    if not value:
        return {}
    try:
        return decode(encode(value, root=f"event {name!r}: {key}").raw)  # type: ignore[return-value]
    except NotJsonError as error:
        raise EventError(str(error)) from None
