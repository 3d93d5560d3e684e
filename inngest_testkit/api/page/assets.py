"""The files of the page, as they stand beside this module: no build step, nothing from elsewhere."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["HEADERS", "POLICY", "asset_routes"]

#: What the page may do: run and show its own files, ask its own server, and nothing else.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

#: With every answer of the page. Nothing is cached, so that a newer version of the server shows its own page.
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": POLICY,
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


def asset_routes() -> list[Route]:
    """Return a route for each file, and `/` for the page itself."""
    folder = resources.files("inngest_testkit.api.page") / "static"
    files = {file.name: file.read_bytes() for file in folder.iterdir() if _kind(file.name) in _TYPES}
    return [
        _route("/", "index.html", files["index.html"]),
        *(_route(f"/page/{name}", name, content) for name, content in sorted(files.items())),
    ]


def _kind(name: str) -> str:
    return name.rpartition(".")[2]


def _route(path: str, name: str, content: bytes) -> Route:
    async def endpoint(_: Request) -> Response:
        return Response(content, headers={**HEADERS, "content-type": _TYPES[_kind(name)]})

    return Route(path, endpoint, methods=["GET"])
