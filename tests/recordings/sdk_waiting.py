"""Recordings that cannot be played yet, each with what it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .sdk_recording import SdkRecording

READS = "HTTP face: GraphQL and REST reads"

WAITS_FOR = {"rest_reads": READS}
#: Recordings that are replayed by other tests, and by which.
ELSEWHERE = {"register": "tests/sdk/test_registration.py"}


def _asks(method: str, path: str) -> Callable[[SdkRecording], bool]:
    def asks(recording: SdkRecording) -> bool:
        requests = [item["http"] for item in recording.script if "http" in item]
        return any(each["method"] == method and each["path"].startswith(path) for each in requests)

    return asks


#: How to tell that a recording uses a feature.
USES: dict[str, Callable[[SdkRecording], bool]] = {READS: _asks("GET", "/v1/")}
