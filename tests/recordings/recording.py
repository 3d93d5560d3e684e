"""A recorded scenario as its file describes it; the format is explained in data/dag/README.md."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Recording:
    """One file of data/dag."""

    name: str
    content: dict[str, Any] = field(repr=False)

    @classmethod
    def read(cls, name: str) -> Recording:
        return cls(name, json.loads((DATA / "dag" / f"{name}.json").read_text(encoding="utf-8")))

    def __getattr__(self, field: str) -> Any:
        try:
            return self.content[field]
        except KeyError:
            raise AttributeError(field) from None

    @property
    def started(self) -> bool:
        return self.server["started"]

    @property
    def needs_containers(self) -> bool:
        return "docker_api" in self.content or ("images" in self.content and self.started)

    @property
    def has_one_order(self) -> bool:
        """Whether the calls came in the same order each time that the scenario was recorded."""
        return self.stability.get("calls_same_order", False)

    @property
    def files(self) -> list[str]:
        """Where each function was written, in order."""
        given = self.content.get("files")
        if given is not None:
            return given
        return [
            f"fn{number}/inngest.{'cue' if 'cue' in function else 'json'}"
            for number, function in enumerate(self.functions)
        ]

    def write(self, folder: Path) -> None:
        """Write the functions, and what lay beside them, into a folder."""
        for file, function in zip(self.files, self.functions, strict=True):
            _write(folder / file, _text(function))
        for file, text in self.content.get("extra_files", {}).items():
            _write(folder / file, text)


def names() -> list[str]:
    """Return the names of all recordings."""
    return sorted(path.stem for path in (DATA / "dag").glob("*.json"))


def _text(function: dict[str, Any]) -> str:
    for key in ("cue", "raw_json"):
        if key in function:
            return function[key]
    return json.dumps(function, ensure_ascii=False, indent=2)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())
