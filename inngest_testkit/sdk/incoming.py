"""Events as clients send them: read from the body of a request, checked in the server's order, in its words.

Source: recordings/sdk README, "The event API", and `event_api`. A list with a bad event in it is refused as a whole.
"""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qs

from pydantic_core import from_json

from inngest_testkit.clock import FakeClock, epoch_ms, unfrozen_now
from inngest_testkit.errors import EventError
from inngest_testkit.events import INVOKED, Event
from inngest_testkit.sdk.json_syntax import problem_of
from inngest_testkit.sdk.limits import Limits, exceeds
from inngest_testkit.values import DEEPEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from inngest_testkit.clock import Clock

__all__ = ["MOST_EVENTS", "Incoming", "refused", "taken"]

#: The events that one request may carry. Source: the server's `consts.MaxEvents`.
MOST_EVENTS = 5_000

_RESERVED = "inngest/"
_NO_EVENTS = "Request body must contain an event object or an array of event objects"
_EARLIEST_MS, _LATEST_MS = epoch_ms(datetime(1980, 1, 1, tzinfo=UTC)), epoch_ms(datetime(2100, 1, 1, tzinfo=UTC))
#: A `ts` this near to the wall clock's now was filled in by the SDK: where the engine's clock shows another time, also
#: one that has come late.
_NOW_MS, _LATE_MS = 2_000, 60_000
_OBJECT = "map[string]interface {}"
#: The fields of an event, and their types as the server names them.
_TYPES = {"name": "string", "data": _OBJECT, "user": _OBJECT, "id": "string", "ts": "int64", "v": "string"}
_KINDS = {str: "string", int: "number", float: "number", bool: "bool", list: "array", dict: "object"}
#: An exponent with which a number may be beyond 64 bits.
_HUGE = re.compile(rb"[0-9][eE]\+?[0-9]*[1-9][0-9]{2}")
_SPACES = b" \t\r\n"
_FORM = "application/x-www-form-urlencoded"


class Incoming:
    """Reads requests to the event API for an engine with these limits and this clock."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._limits, self._clock = limits, clock

    def events(self, body: bytes, content_type: str = "") -> list[Event]:
        """Return the events of a request, none for an empty body or list.

        `ts` is None where the engine is to fill it in: where it is absent, 0 or null, and where an SDK wrote the wall
        clock's now while the engine has another. Raises `EventError` with the server's text; nothing is to be taken.
        """
        given = self._parsed(body, content_type)
        if type(given) is dict:
            return [self._event(given)]
        if len(given) > MOST_EVENTS:
            raise EventError(f"Cannot have more than {MOST_EVENTS} events in a batch")
        if exceeds(len(body), self._limits.event):
            for size in _sizes(body):
                self._check_size(size)
        return [self._event(fields) for fields in given]

    def _parsed(self, body: bytes, content_type: str) -> Any:  # noqa: ANN401 - an object, or a list of anything
        start = body.lstrip(_SPACES)
        if start[:1] not in (b"{", b"["):
            return _not_json(body, content_type) if start else []
        if start[:1] == b"{":
            self._check_size(len(start))
        if _HUGE.search(body) is None:
            try:
                return from_json(body, allow_inf_nan=False)
            except ValueError:
                pass
        return _parsed_slowly(body)

    def _check_size(self, size: int) -> None:
        if exceeds(size, self._limits.event):
            raise EventError(f"Event is over the max size: Max {self._limits.event} bytes / Size {size} bytes")

    def _event(self, given: object) -> Event:
        fields = _checked(given)
        name = fields.get("name") or ""
        if name[: len(_RESERVED)].lower() == _RESERVED:
            raise EventError(f"event name is reserved for internal use: {name}")
        if not name:
            raise EventError("event name is empty")
        if exceeds(len(name), self._limits.name):
            raise EventError(f"event name is too long: Max {self._limits.name} / Size {len(name)} characters")
        return self._made(name, fields)

    def invocation(self, body: bytes) -> Event:
        """Return the event that a request to invoke a function stands for; what else it has is read as of any event.

        Raises `EventError` with the server's text.
        """
        given = self._parsed(body, "")
        if type(given) is not dict:
            raise EventError("Request body must contain an object with the function's data")
        return self._made(INVOKED, _checked(given))

    def _made(self, name: str, fields: Mapping[str, Any]) -> Event:
        ts = fields.get("ts") or None
        if ts is not None:
            ts = self._moment(ts)
        data = fields.get("data") or {}
        if "_inngest" in data:
            del data["_inngest"]
        return Event(name, data, user=fields.get("user") or {}, id=fields.get("id"), ts=ts, v=fields.get("v"))

    def _moment(self, ts: int) -> int | None:
        if not -(2**63) <= ts < 2**63:
            _mistyped("ts", ts)
        if isinstance(self._clock, FakeClock):
            # An SDK in this process sees a frozen clock while the engine works; one elsewhere never does.
            walls = (time.time() * 1000, epoch_ms(unfrozen_now()))
            now = epoch_ms(self._clock.now())
            if any(abs(ts - wall) < (_LATE_MS if abs(now - wall) > 2 * _LATE_MS else _NOW_MS) for wall in walls):
                return None
        if ts < _EARLIEST_MS:
            raise EventError("timestamp is before Jan 1, 1980")
        if ts > _LATEST_MS:
            raise EventError("timestamp is after Jan 1, 2100")
        return ts


def taken(ids: Sequence[str]) -> dict[str, Any]:
    """Return the reply to a request whose events were taken; of one without events, as the server gives it."""
    return {"ids": list(ids) or [""], "status": 200}


def refused(body: bytes, error: EventError) -> dict[str, Any]:
    """Return the reply to a request that is refused; nothing of it is taken, so a list has no ids."""
    ids = [] if body.lstrip(_SPACES)[:1] == b"[" else [""]
    return {"ids": ids, "status": 400, "error": str(error)}


def _checked(given: object) -> dict[str, Any]:
    """Return the fields of an event; raises `EventError` for the first that has a wrong type."""
    return given if type(given) is dict and _is_plain(given) else _fields(given)


def _is_plain(fields: Mapping[str, object]) -> bool:
    """Whether each field of an event is written and typed as it should be."""
    for key, value in fields.items():
        expected = _PLAIN.get(key)
        if expected is None:
            if key.lower() in _TYPES:
                return False
        elif type(value) is not expected and value is not None:
            return False
    return True


_PLAIN = {"name": str, "data": dict, "user": dict, "id": str, "ts": int, "v": str}


def _fields(given: object) -> dict[str, Any]:
    """Return the fields of an event by their own names, which are matched without case; the last one counts.

    Raises `EventError` for the first that has a wrong type.
    """
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise EventError(f"json: cannot unmarshal {_KINDS[type(given)]} into Go value of type event.raw")
    fields = {}
    for key, value in given.items():
        field = key.lower()
        if field not in _TYPES:
            continue
        if value is not None and type(value) is not _PLAIN[field]:
            _mistyped(field, value)
        fields[field] = value
    return fields


def _mistyped(field: str, value: object) -> NoReturn:
    kind = _KINDS[type(value)]
    if kind == "number" and field == "ts":
        kind += f" {value!r}"
    raise EventError(f"json: cannot unmarshal {kind} into Go struct field raw.{field} of type {_TYPES[field]}")


def _not_json(body: bytes, content_type: str) -> dict[str, Any]:
    """Read a form, whose values are lists of texts; raises `EventError` for all else."""
    if content_type.partition(";")[0].strip().lower() != _FORM:
        raise EventError(_NO_EVENTS)
    try:
        fields = parse_qs(body.decode(errors="replace"), keep_blank_values=True)
    except ValueError as error:
        raise EventError(str(error)) from None
    return dict(sorted(fields.items()))


def _parsed_slowly(body: bytes) -> Any:  # noqa: ANN401 - an object, or a list of anything
    """Read what the quick reader does not, as the server does: bytes and surrogates that mean nothing become U+FFFD."""
    try:
        given = json.loads(body.decode(errors="replace"), parse_float=_number, parse_constant=_no_constant)
        text = json.dumps(given, ensure_ascii=False)
        text.encode()
    except EventError:
        raise
    except UnicodeEncodeError:
        return json.loads(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))
    except RecursionError:
        raise EventError(f"Event is nested too deeply: Max {DEEPEST} levels") from None
    except ValueError:
        raise EventError(problem_of(body) or "Event has a number with too many digits") from None
    return given


def _number(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise EventError(f"Event has a number that is too large for 64 bits: {text[:40]}")
    return number


def _no_constant(_: str) -> NoReturn:
    raise ValueError


def _sizes(body: bytes) -> Iterator[int]:
    """Yield the bytes of each element of a list."""
    text = body.decode(errors="replace")
    decoder, at = json.JSONDecoder(), text.index("[") + 1
    while True:
        at = _next(text, at)
        if text[at] == "]":
            return
        _, end = decoder.raw_decode(text, at)
        yield len(text[at:end].encode())
        at = _next(text, end)
        if text[at] == ",":
            at += 1


_GAP = re.compile(r"[ \t\r\n]*")


def _next(text: str, at: int) -> int:
    gap = _GAP.match(text, at)
    return at if gap is None else gap.end()
