"""A recorded scenario of the SDK as its file describes it; the format is explained in data/sdk/README.md."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from .recording import DATA

FOLDER = DATA / "sdk"


@dataclass(frozen=True)
class SdkRecording:
    """One file of data/sdk, and the module with its functions."""

    name: str
    content: dict[str, Any] = field(repr=False)

    @classmethod
    def read(cls, name: str) -> SdkRecording:
        return cls(name, json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))

    def __getattr__(self, field: str) -> Any:
        try:
            return self.content[field]
        except KeyError:
            raise AttributeError(field) from None

    @property
    def retry_interval(self) -> float | None:
        """The fixed wait between attempts that the server was told, in seconds."""
        flags = self.server_flags
        return float(flags[flags.index("--retry-interval") + 1]) if "--retry-interval" in flags else None

    @property
    def left_out(self) -> int:
        """How many calls are not in the file."""
        return self.request_count - sum("body" in request for request in self.requests)

    @cached_property
    def registered(self) -> list[dict[str, Any]]:
        """The functions' configurations, as the SDK registered them."""
        registrations = [call for call in self.sdk_calls if call["path"].startswith("/fn/register")]
        return [function for call in registrations for function in call["body"]["functions"]]

    def load(self) -> ModuleType:
        """Run the module anew, so that what it keeps is not shared between replays."""
        file = FOLDER / self.module
        module = ModuleType(f"recorded_{file.stem}")
        module.__file__ = str(file)
        # Compiled here, because an import would leave its cache among the recordings.
        exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), vars(module))
        return module


def names() -> list[str]:
    """Return the names of all recordings."""
    return sorted(path.stem for path in Path(FOLDER).glob("*.json"))
