"""Recordings that cannot be played yet, each with what it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .sdk_recording import SdkRecording

EVENT_API = "HTTP face: the event API"

WAITS_FOR = {"event_api": EVENT_API}
#: Recordings that are replayed by other tests, and by which.
ELSEWHERE = {
    "register": "tests/sdk/test_registration.py",
    "rest_reads": "tests/recordings/test_recordings_reads.py",
}


def _asks(method: str, path: str) -> Callable[[SdkRecording], bool]:
    def asks(recording: SdkRecording) -> bool:
        requests = [item["http"] for item in recording.script if "http" in item]
        return any(each["method"] == method and each["path"].startswith(path) for each in requests)

    return asks


#: How to tell that a recording uses a feature.
USES: dict[str, Callable[[SdkRecording], bool]] = {EVENT_API: _asks("POST", "/e/")}
