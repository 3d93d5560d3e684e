r"""Regular expressions as the servers run them (RE2), on Python's `re`.

A pattern is translated piece by piece, since the two differ: `$` is the end of the text, classes
such as `\d` are ASCII, flags may stand anywhere. What RE2 has not is refused with a clear reason.
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["PatternError", "compile_pattern"]

_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\t\n\f\r "}
_NEGATED = {"D": r"[^0-9]", "W": r"[^0-9A-Za-z_]", "S": r"[^\t\n\f\r ]"}
# In groups, as everything of no width; `\B` matches empty text in RE2.
_EDGES = {"A": r"(?:\A)", "b": r"(?:\b)", "B": r"(?!\b)", "z": r"(?:\Z)"}
_CHARACTERS = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_HEX = re.compile(r"x(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]{1,6})\})")
_GROUP = re.compile(r"\(\?(?:P?<(?P<name>[A-Za-z_]\w*)>|(?P<on>[imsU]*)(?P<off>-[imsU]+)?(?P<end>[:)]))", re.ASCII)
_REPEAT = re.compile(r"\{(\d+)(?:,(\d*))?\}", re.ASCII)
_MAX_REPEAT = 1000


class PatternError(ValueError):
    """A pattern that RE2, or this translation, does not take."""


@lru_cache(maxsize=512)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The pattern, ready to search with. Raises PatternError with the reason."""
    try:
        return re.compile(_Translation(pattern).whole(), re.ASCII)
    except PatternError as error:
        raise PatternError(f"error parsing regexp: {error}: `{pattern}`") from None
    except re.error as error:
        raise PatternError(f"error parsing regexp: {error.msg}: `{pattern}`") from None
    except (OverflowError, RecursionError):
        raise PatternError(f"error parsing regexp: expression nests too deeply: `{pattern}`") from None


class _Translation:
    """Walks a pattern once. Flags set in the middle become groups, closed and opened again around `|`."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._out: list[str] = []
        self._flags: list[list[str]] = [[]]  # by open group: the flag groups opened within it
        self._multiline = [False]

    def whole(self) -> str:
        while self._at < len(self._pattern):
            self._piece()
        if len(self._flags) > 1:
            raise PatternError("missing closing )")
        return "".join((*self._out, ")" * len(self._flags[-1])))

    def _piece(self) -> None:
        character = self._pattern[self._at]
        step = {
            "\\": self._escape,
            "[": self._class,
            "(": self._open,
            ")": self._close,
            "|": self._alternative,
            "$": self._end,
            "*": self._repeat,
            "+": self._repeat,
            "?": self._repeat,
            "{": self._repeat,
        }.get(character)
        if step is not None:
            step()
            return
        self._at += 1
        # In a group, since RE2 lets an empty-width piece be repeated and `re` does not.
        self._out.append("(?:^)" if character == "^" else character if character == "." else re.escape(character))

    def _end(self) -> None:
        self._at += 1
        self._out.append("(?:$)" if self._multiline[-1] else r"(?:\Z)")

    def _repeat(self) -> None:
        text = self._pattern[self._at]
        if text == "{":
            counted = _REPEAT.match(self._pattern, self._at)
            if counted is None:
                self._at += 1
                self._out.append(r"\{")
                return
            if max(int(n) for n in counted.groups() if n) > _MAX_REPEAT:
                raise PatternError("invalid repeat count")
            text = counted.group()
        self._at += len(text)
        if self._pattern.startswith("?", self._at):
            text += "?"
            self._at += 1
        if self._pattern.startswith(("+", "*", "?"), self._at):
            raise PatternError("invalid nested repetition operator")
        self._out.append(text)

    def _alternative(self) -> None:
        self._at += 1
        flags = self._flags[-1]
        self._out.append(")" * len(flags) + "|" + "".join(flags))

    def _open(self) -> None:
        if not self._pattern.startswith("(?", self._at):
            self._at += 1
            self._enter("(", multiline=self._multiline[-1])
            return
        group = _GROUP.match(self._pattern, self._at)
        if group is None:
            raise PatternError("invalid or unsupported Perl syntax (RE2 has no lookaround): `(?`")
        self._at = group.end()
        if group["name"]:
            self._enter(f"(?P<{group['name']}>", multiline=self._multiline[-1])
        else:
            self._flagged(group["on"], group["off"] or "", only_flags=group["end"] == ")")

    def _flagged(self, on: str, off: str, *, only_flags: bool) -> None:
        if "U" in on:
            raise PatternError("the flag U is not supported here")
        turned_off = "".join(sorted(set(off) & set("ims")))
        multiline = "m" not in off and ("m" in on or self._multiline[-1])
        kept = "".join(sorted(set(on) - set(off)))
        opening = f"(?{kept}{'-' if turned_off else ''}{turned_off}:"
        if not only_flags:
            self._enter(opening, multiline=multiline)
            return
        self._flags[-1].append(opening)
        self._multiline[-1] = multiline
        self._out.append(opening)

    def _enter(self, opening: str, *, multiline: bool) -> None:
        self._out.append(opening)
        self._flags.append([])
        self._multiline.append(multiline)

    def _close(self) -> None:
        if len(self._flags) == 1:
            raise PatternError("unexpected )")
        self._at += 1
        self._out.append(")" * (len(self._flags.pop()) + 1))
        self._multiline.pop()

    def _escape(self) -> None:
        self._at += 1
        letter = self._pattern[self._at : self._at + 1]
        if letter and letter in _EDGES:
            self._at += 1
            self._out.append(_EDGES[letter])
        elif letter == "Q":
            end = self._pattern.find(r"\E", self._at)
            quoted = self._pattern[self._at + 1 : end if end >= 0 else None]
            self._at = end + 2 if end >= 0 else len(self._pattern)
            self._out.append(re.escape(quoted))
        elif letter and letter in _NEGATED:
            self._at += 1
            self._out.append(_NEGATED[letter])
        else:
            self._out.append(f"[{self._character_escape()}]")

    def _character_escape(self) -> str:
        """What follows a backslash, as the inside of a class."""
        letter = self._pattern[self._at : self._at + 1]
        if letter and letter in _CLASSES:
            self._at += 1
            return _CLASSES[letter]
        return re.escape(self._escaped_character(letter))

    def _escaped_character(self, letter: str) -> str:
        if hexadecimal := _HEX.match(self._pattern, self._at):
            self._at = hexadecimal.end()
            code = int(hexadecimal[1] or hexadecimal[2], 16)
            if code <= 0x10FFFF:
                return chr(code)
        elif octal := re.compile(r"0[0-7]{0,2}|[1-7][0-7]{1,2}").match(self._pattern, self._at):
            self._at = octal.end()
            return chr(int(octal[0], 8))
        elif letter and letter in _CHARACTERS:
            self._at += 1
            return _CHARACTERS[letter]
        elif letter and letter.isascii() and not letter.isalnum():
            self._at += 1
            return letter
        raise PatternError(self._bad_escape(letter))

    def _bad_escape(self, letter: str) -> str:
        if not letter:
            return "trailing backslash at end of expression"
        if letter in "123456789":
            return f"invalid escape sequence: `\\{letter}` (RE2 has no backreferences)"
        if letter in "pP":
            return "Unicode classes (\\p) are not supported here"
        return f"invalid escape sequence: `\\{letter}`"

    def _class(self) -> None:
        self._at += 1
        negated = self._pattern.startswith("^", self._at)
        self._at += negated
        parts: list[str] = []
        while not self._pattern.startswith("]", self._at) or not parts:
            if self._at >= len(self._pattern):
                raise PatternError("missing closing ]")
            parts.append(self._class_item())
        self._at += 1
        self._out.append(f"[{'^' if negated else ''}{''.join(parts)}]")

    def _class_item(self) -> str:
        named = re.compile(r"\[:(\^?)([a-z]+):\]").match(self._pattern, self._at)
        if named:
            if named[1] or named[2] not in _POSIX:
                raise PatternError(f"invalid character class range: `{named.group()}`")
            self._at = named.end()
            return _POSIX[named[2]]
        low = self._class_character()
        following = self._pattern[self._at + 1 : self._at + 2]
        if not self._pattern.startswith("-", self._at) or following in ("", "]"):
            return low
        self._at += 1
        high = self._class_character()
        if max(len(low.lstrip("\\")), len(high.lstrip("\\"))) > 1:
            raise PatternError("invalid character class range")
        return f"{low}-{high}"

    def _class_character(self) -> str:
        character = self._pattern[self._at : self._at + 1]
        self._at += 1
        if character != "\\":
            return re.escape(character)
        if self._pattern[self._at : self._at + 1] in _NEGATED:
            letter = self._pattern[self._at]
            self._at += 1
            return "\\" + letter
        return self._character_escape()
