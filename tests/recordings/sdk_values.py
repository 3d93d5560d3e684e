"""Compare a value with the pattern that a recording has of it.

The recordings stand for what differs between two plays: `run-0` for a run's id, `<generated>` and the like for any id,
`@ms:+12` and `@iso:+0.012` for a moment, in milliseconds or seconds after the script's start. Of a traceback, only the
lines in the recorded module and the error count: those in the SDK differ between its versions. Of an expression that
cannot be compiled, the server's wording does not count.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

#: What is for tracing only.
TRACING = {"gid", "isr", "tc"}
#: Seconds by which moments are off because the recorder, the server and the app read the clock at different places.
NOISE = 0.06

_SPECIAL = re.compile(r"@iso:[+-]\d+\.\d+|<(?:generated|uuid|trace|job|queue-item|seed)>|\brun-\d+\b|\b\d+d\b")
_ISO = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?)"
_MS = re.compile(r"@ms:([+-]\d+)")
_NAMED = re.compile(r"(?:fn|app):.*")
_NUMBER = re.compile(r":\d+$")
_LONG = re.compile(r"<string of (\d+) characters, starts '(.*)'>", re.DOTALL)
_COUNTED = re.compile(r"<(\d+) ids>")
_FRAME = re.compile(r'  File "(?:[^"\n]*/)?([^"/\n]+)"(, line .*\n)((?:    .*\n)*)')
_MARKS = re.compile(r" *[\^~]+ *")
#: The server's parser words what is wrong with an expression in its own way.
_COMPILING = "error compiling expression: "
_REASON = re.compile(_COMPILING + r".*?(?= \| )| \| [. ]*\^", re.DOTALL)
_NOT_JSON = {"<NaN>": "NaN", "<Infinity>": "Infinity"}
_TRACEBACK = "Traceback (most recent call last)"


@dataclass
class Reader:
    """Knows which of our runs each recorded one is, and by how much things may be late.

    `module` is the recorded module's file name, `lateness` says for a recorded moment by how many seconds it may be
    later than ours, and `named` keeps which of our ids each named one (`fn:shop-a`) is.
    """

    start: datetime
    module: str
    runs: dict[str, str] = field(default_factory=dict)
    lateness: Callable[[float], float] = lambda moment: float("inf")
    named: dict[str, str] = field(default_factory=dict)

    def differences(self, pattern: Any, value: Any, where: str) -> Iterator[str]:
        """Say where a value is not what a pattern asks for."""
        if isinstance(pattern, dict) and isinstance(value, dict):
            yield from self._in_mapping(pattern, value, where)
        elif isinstance(pattern, list) and isinstance(value, list):
            yield from self._in_list(pattern, value, where)
        elif isinstance(pattern, str) and not self._is_text(pattern, value):
            yield f"{where}: {shown(pattern)}, got {shown(self._relative(value))}"
        elif not isinstance(pattern, str) and json.dumps(pattern) != json.dumps(value):
            yield f"{where}: {shown(pattern)}, got {shown(value)}"

    def fits(self, pattern: Any, value: Any) -> bool:
        """Whether a value is what a pattern asks for."""
        return next(self.differences(pattern, value, ""), None) is None

    def seconds(self, moment: datetime) -> float:
        """Return a moment as the recordings count."""
        return (moment - self.start).total_seconds()

    def _in_mapping(self, pattern: Mapping[str, Any], value: Mapping[str, Any], where: str) -> Iterator[str]:
        if pattern.keys() == {"<count>"}:
            if len(value) != pattern["<count>"]:
                yield f"{where}: {pattern['<count>']} entries, got {len(value)}"
            return
        for key in sorted(pattern.keys() | value.keys()):
            if key in TRACING:
                continue
            if key not in value:
                yield f"{where}.{key}: {shown(pattern[key])}, got nothing"
            elif key not in pattern:
                yield f"{where}.{key}: nothing, got {shown(value[key])}"
            elif f"{where}.{key}".endswith("._inngest.name"):
                # Older SDKs number a step whose id was used before.
                yield from self.differences(pattern[key], _NUMBER.sub("", value[key]), f"{where}.{key}")
            else:
                yield from self.differences(pattern[key], value[key], f"{where}.{key}")

    def _in_list(self, pattern: list[Any], value: list[Any], where: str) -> Iterator[str]:
        counted = _COUNTED.fullmatch(pattern[0]) if len(pattern) == 1 and isinstance(pattern[0], str) else None
        if len(value) != (int(counted[1]) if counted else len(pattern)):
            yield f"{where}: {shown(pattern)}, got {shown(value)}"
        elif not counted:
            for index, (one, other) in enumerate(zip(pattern, value, strict=True)):
                yield from self.differences(one, other, f"{where}[{index}]")

    def _is_text(self, pattern: str, value: Any) -> bool:
        if moment := _MS.fullmatch(pattern):
            is_moment = isinstance(value, int) and not isinstance(value, bool)
            return is_moment and self.same_time(int(moment[1]) / 1000, value / 1000 - self.start.timestamp())
        if pattern in _NOT_JSON:
            # Also as text, which the recorder read as if it were JSON.
            return value == _NOT_JSON[pattern] or repr(value) == repr(float(_NOT_JSON[pattern]))
        if not isinstance(value, str):
            return False
        if long := _LONG.fullmatch(pattern):
            return len(value) == int(long[1]) and value.startswith(long[2])
        if _NAMED.fullmatch(pattern):
            return value == pattern or self.named.setdefault(pattern, value) == value
        if _TRACEBACK in pattern:
            pattern, value = own_lines(pattern, self.module), own_lines(value, self.module)
        if _COMPILING in pattern:
            pattern, value = _REASON.sub(_COMPILING, pattern), _REASON.sub(_COMPILING, value)
        return self._is_filled_in(pattern, value)

    def _is_filled_in(self, pattern: str, value: str) -> bool:
        parts, moments, end = [], [], 0
        for special in _SPECIAL.finditer(pattern):
            parts += [re.escape(pattern[end : special.start()]), self._any_of(special[0])]
            moments += [float(special[0].removeprefix("@iso:"))] if special[0].startswith("@iso:") else []
            end = special.end()
        found = re.fullmatch("".join([*parts, re.escape(pattern[end:])]), value, re.DOTALL)
        return found is not None and all(
            self.same_time(moment, self.seconds(datetime.fromisoformat(text)))
            for moment, text in zip(moments, found.groups(), strict=True)
        )

    def _any_of(self, special: str) -> str:
        if special.startswith("@iso:"):
            return _ISO
        if special.startswith("<"):
            return r"[^\s\"]+"
        if special.endswith("d"):
            # Older SDKs write whole weeks.
            return f"(?:{special}|{int(special[:-1]) // 7}w)"
        return re.escape(self.runs.get(special, special))

    def same_time(self, recorded: float, ours: float) -> bool:
        """Whether something comes when it was recorded, both in seconds after the start."""
        return -NOISE <= recorded - ours <= self.lateness(recorded) + NOISE

    def _relative(self, value: Any) -> Any:
        """Write a moment of ours as the recordings do."""
        if isinstance(value, int) and abs(value / 1000 - self.start.timestamp()) < 2e8:
            return f"@ms:{value - round(self.start.timestamp() * 1000):+}"
        return value


def own_lines(text: str, module: str) -> str:
    """Return a traceback without the lines of other modules, directories and marks under the code."""
    text = "\n".join(line for line in text.split("\n") if not _MARKS.fullmatch(line))
    return _FRAME.sub(lambda frame: f'  File "{frame[1]}"{frame[2]}{frame[3]}' if frame[1] == module else "", text)


def shown(value: Any) -> str:
    """Write a value for people."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 400 else f"{text[:300]}… ({len(text)} characters)"
