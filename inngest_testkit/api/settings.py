"""What an HTTP face can be told."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from inngest_testkit.errors import SetupError
from inngest_testkit.sdk.signatures import is_signing_key

__all__ = ["ApiSettings"]

#: What can stand in the path of a URL as it is. Source: recordings/dag README, "Events in".
_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """The settings of an HTTP face; the defaults are those of a dev server on loopback.

    `strict`: an event or invocation is taken only with a key that the source registry knows; otherwise any will do.
    `event_keys` are keys that it knows from the start; like those that are made later, nothing shows them.
    `signing_key` signs the calls to apps that register over HTTP, and checks their registrations; none is the dev mode.
    `max_body` bounds the bytes of a request, `body_timeout_s` the seconds in which it has to arrive. `hosts` are names
    besides those of the loopback interface by which the server may be called. `control` opens `/testkit` and the page.
    They, the Core API, and what tells of or changes runs are for callers on this machine, unless `remote_control` opens
    them to all; see `api.callers`.
    Raises `SetupError` for what makes no sense.
    """

    strict: bool = False
    event_keys: tuple[str, ...] = field(default=(), repr=False)
    signing_key: str | None = field(default=None, repr=False)
    max_body: int = 16 * 1024 * 1024
    body_timeout_s: float = 10.0
    hosts: tuple[str, ...] = ()
    control: bool = True
    remote_control: bool = False

    @property
    def server_kind(self) -> str:
        """What the server says it is: `dev`, or, when it signs, `cloud`."""
        return "dev" if self.signing_key is None else "cloud"

    def __post_init__(self) -> None:
        if self.signing_key is not None and not is_signing_key(self.signing_key):
            raise SetupError("signing_key is hexadecimal, after a prefix such as signkey-prod-; found something else")
        if isinstance(self.event_keys, str) or not all(_KEY.fullmatch(key) for key in self.event_keys):
            raise SetupError("event_keys is a tuple of keys; a key has letters, digits, '-' and '_'")
        if self.max_body < 1:
            raise SetupError(f"max_body is a number of bytes from 1, found {self.max_body!r}")
        if self.body_timeout_s <= 0:
            raise SetupError(f"body_timeout_s is a number of seconds above 0, found {self.body_timeout_s!r}")
