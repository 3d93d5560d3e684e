"""Signatures of the calls between server and app.

A signature is `t=<unix seconds>&s=<hex>`: HMAC-SHA256 over the body followed by the seconds, keyed with the signing
key without its `signkey-<env>-` prefix. A request's body is signed in its canonical form (RFC 8785), a response's as
it is. Source: the SDK's `net` and `transforms` modules (0.5.19). It checks no age: a signature of any time passes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from inngest_testkit.errors import MissingExtraError
from inngest_testkit.sdk.protocol import Header

if TYPE_CHECKING:
    from datetime import datetime

    from inngest_testkit.sdk.protocol import CallRequest

__all__ = ["is_hash_of", "is_signing_key", "sign", "signed_headers", "verify"]

_PREFIX = re.compile(r"signkey-\w+-")


def sign(body: bytes, key: str, at: datetime) -> str:
    """Return the value of a request's signature header. Raises `ValueError` for a body that is not JSON."""
    seconds = str(int(at.timestamp()))
    return f"t={seconds}&s={_digest(_canonical(body), key, seconds)}"


def signed_headers(request: CallRequest) -> dict[str, str]:
    """Return a call's headers, with a signature if the call has a key."""
    headers = dict(request.headers)
    if request.signing_key is not None:
        headers[Header.SIGNATURE] = sign(request.body, request.signing_key, request.now)
    return headers


def verify(body: bytes, key: str, signature: str) -> bool:
    """Return whether a response's signature header was made for this body with this key."""
    fields = parse_qs(signature)
    seconds, digest = fields.get("t", [""])[0], fields.get("s", [""])[0]
    return hmac.compare_digest(digest.encode(), _digest(body, key, seconds).encode())


def is_signing_key(text: str) -> bool:
    """Whether a text is a signing key: hexadecimal, after a prefix or none."""
    return re.fullmatch(r"([0-9a-fA-F]{2})+", _secret(text)) is not None


def is_hash_of(given: str, key: str) -> bool:
    """Whether `given` is what an SDK proves with that it knows the key: SHA-256 of its bytes, in hex.

    Some SDKs (JavaScript's) leave the key's prefix before the hash. Compared in constant time.
    """
    known = hashlib.sha256(bytes.fromhex(_secret(key))).hexdigest()
    return hmac.compare_digest(_secret(given).encode(), known.encode())


def _canonical(body: bytes) -> bytes:
    try:
        from jcs import canonicalize  # type: ignore[import-untyped]
    except ImportError:
        raise MissingExtraError("signed calls", "sdk") from None
    canonical: bytes = canonicalize(json.loads(body)) if body else body
    return canonical


def _digest(body: bytes, key: str, seconds: str) -> str:
    return hmac.new(_secret(key).encode(), body + seconds.encode(), hashlib.sha256).hexdigest()


def _secret(key: str) -> str:
    return key.removeprefix(match.group() if (match := _PREFIX.match(key)) else "")
