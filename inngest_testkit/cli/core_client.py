"""The Core API of a server elsewhere, as the commands ask it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from inngest_testkit.cli.output import CommandFailedError
from inngest_testkit.errors import SetupError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = ["CoreClient"]

_PATH = "/gql"
_FORBIDDEN = 403
_TIMEOUT_S = 30.0
_SERVE = "start one with: inngest-testkit serve event-api runner executor core-api"


class CoreClient:
    """Asks the Core API at an address such as `http://127.0.0.1:8300`; raises `SetupError` for what is none."""

    def __init__(self, url: str) -> None:
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL:
            parsed = httpx.URL()
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise SetupError(f"--api-url {url!r} is no address; write one such as http://127.0.0.1:8300")
        path = parsed.path.rstrip("/")
        self._url = parsed.copy_with(path=path if path.endswith(_PATH) else path + _PATH, query=None)
        self._client = httpx.Client(timeout=_TIMEOUT_S)

    def ask(self, document: str, **variables: object) -> Any:  # noqa: ANN401 - what was asked for
        """Return the only field of a document's answer.

        Raises `CommandFailedError` when no Core API is there, and with what it says when it refuses.
        """
        try:
            answer = self._client.post(self._url, json={"query": document, "variables": variables})
            said = answer.json()
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise CommandFailedError(f"there is no Core API at {self._url}: {reason}; {_SERVE}") from None
        except ValueError:
            raise CommandFailedError(
                f"what answers at {self._url} is no Core API (status {answer.status_code}); {_SERVE}"
            ) from None
        data = said.get("data") if isinstance(said, dict) else None
        errors = said.get("errors") if isinstance(said, dict) else None
        if errors:
            raise CommandFailedError("\n".join(str(each.get("message")) for each in errors))
        if not isinstance(data, dict) or len(data) != 1:
            detail = said.get("error") if isinstance(said, dict) else ""
            if detail and answer.status_code == _FORBIDDEN:
                raise CommandFailedError(f"the Core API at {self._url} refuses: {detail}")
            raise CommandFailedError(
                f"what answers at {self._url} is no Core API (status {answer.status_code})"
                + (f": {detail}" if detail else f"; {_SERVE}")
            )
        return next(iter(data.values()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
