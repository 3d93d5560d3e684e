"""The version of this package."""

from __future__ import annotations

import importlib.metadata

__all__ = ["installed_version"]


def installed_version() -> str:
    """Return the version that is installed, or `(not installed)` where the package is only on the path."""
    try:
        return importlib.metadata.version("inngest-testkit")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"
