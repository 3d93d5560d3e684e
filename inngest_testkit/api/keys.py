"""The source registry: the keys that sources of events send with.

A key is made of 256 random bits, is shown once, and is kept as its SHA-256. That is enough for a key that nobody chose:
there is nothing to guess it from, so a slow hash, which is for passwords, would only slow down every event.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from inngest_testkit.data_store.base import SourceKey
from inngest_testkit.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from starlette.requests import Request

    from inngest_testkit.api.host import Host
    from inngest_testkit.api.settings import ApiSettings
    from inngest_testkit.data_store.base import DataStore

__all__ = ["KeyCheck", "NewKey", "create_key", "hash_of", "is_one_of", "list_keys", "revoke_key"]

_BYTES = 32
#: How every key begins: scanners for secrets find it by that, and no key begins with a dash.
_START = "evk_"
#: The characters of a key that are kept: they leave more than 200 bits unknown.
_SHOWN = 10
_LONGEST_NAME = 100
_REMEDY = "make one with `inngest-testkit keys create`"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made: `text` is the key itself, which nothing keeps; `key` is what the registry has of it."""

    key: SourceKey
    text: str = field(repr=False)


async def create_key(data: DataStore, name: str, now: datetime) -> NewKey:
    """Make a source key that is valid from `now`; `name` says whose it is, for people.

    Raises `SetupError` for a name that is no text of 1 to 100 printable characters.
    """
    if not isinstance(name, str) or not 0 < len(name.strip()) <= _LONGEST_NAME or not name.isprintable():
        raise SetupError(f"a source key's name is a text of 1 to {_LONGEST_NAME} printable characters, found {name!r}")
    text = _START + secrets.token_urlsafe(_BYTES)
    made = SourceKey(f"key_{secrets.token_hex(8)}", name.strip(), text[:_SHOWN], hash_of(text), now)
    return NewKey(await data.create_source_key(made), text)


async def list_keys(data: DataStore) -> Sequence[SourceKey]:
    """Return every source key, revoked ones too, oldest first."""
    return await data.source_keys()


async def revoke_key(data: DataStore, key_id: str, now: datetime) -> SourceKey:
    """End a source key at `now`; nothing changes for one that was revoked before.

    Raises `NotFoundError` for an id that no key has.
    """
    return await data.revoke_source_key(key_id, now)


class KeyCheck:
    """Says whether a key may send events: in strict mode it needs to be known, and not revoked."""

    def __init__(self, host: Host, settings: ApiSettings) -> None:
        self._host, self._is_strict = host, settings.strict
        self._hashes = tuple(hash_of(key) for key in settings.event_keys)

    async def problem(self, key: str) -> str:
        """Return what is wrong with a key; empty for one that will do. The key is not in the text."""
        if not key:
            return "Event key is required: send to /e/ and your key"
        if not self._is_strict:
            return ""
        hashed = hash_of(key)
        if is_one_of(hashed, self._hashes):
            return ""
        # What the store's look-up may tell of a hash by its time is of no use: nobody can make a key for a hash.
        found = await self._host.ask(lambda data: data.source_key_by_hash(hashed))
        if found is None or not is_one_of(hashed, [found.hash]):
            return f"Event key not found: {_REMEDY}"
        return "" if found.is_valid else f"Event key is revoked: {_REMEDY}"

    async def problem_of_header(self, request: Request) -> str:
        """As `problem`, of the key in `Authorization: Bearer KEY`."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            return "Event key is required: send it in the header Authorization: Bearer KEY"
        return await self.problem(key.strip())


def hash_of(key: str) -> str:
    """Return what a key is kept and found by: its SHA-256, in 64 hexadecimal digits."""
    return sha256(key.encode(errors="surrogatepass")).hexdigest()


def is_one_of(hashed: str, hashes: Iterable[str]) -> bool:
    """Whether a hash is among others, told in a time that depends on neither."""
    return bool(sum([hmac.compare_digest(hashed, one) for one in hashes]))
