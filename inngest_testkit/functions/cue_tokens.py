"""The words of cue: a text becomes tokens, with the line ends that separate fields.

It knows strings in all their forms, numbers and comments; what it cannot read is a `CueError` at its place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import NoReturn

__all__ = ["CueError", "Token", "UnsupportedCueError", "tokenize"]

#: Digits beyond this are refused: no field of a function needs them, and reading them takes quadratic time.
_MAX_DIGITS = 1000

_SPACE = re.compile(r"(?:[ \t\r]|//[^\n]*)*")
_IDENTIFIER = re.compile(r"(?:_?#|#)?[^\W\d]?[\w$]*", re.UNICODE)
_IDENTIFIER_START = re.compile(r"[^\W\d]|[$#]", re.UNICODE)
_STRING_START = re.compile(r"""(#*)("{3}|'{3}|"|')""")
_NUMBER = re.compile(
    r"0[xX][0-9A-Fa-f_]+|0[bB][01_]+|0[oO][0-7_]+"
    r"|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*|[KMGTP]i?)?"
)
_OPERATOR = re.compile(r"_\|_|\.\.\.|&&|\|\||==|!=|<=|>=|=~|!~|[-+*/%&|<>=!?:,.(){}\[\]@;~`^\\]")
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
_SIMPLE_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "/": "/",
    "\\": "\\",
    '"': '"',
}
_MULTIPLIERS = {"K": 1, "M": 2, "G": 3, "T": 4, "P": 5}
_ENDS_A_VALUE = frozenset({")", "]", "}", "?", "...", "_|_"})


class CueError(Exception):
    """A text that is not cue. Attributes: `reason`, `offset` (characters from 0)."""

    def __init__(self, reason: str, offset: int) -> None:
        self.reason, self.offset = reason, offset
        super().__init__(reason)


class UnsupportedCueError(CueError):
    """Cue that this reader does not evaluate. Attributes: `construct`, `offset`."""

    def __init__(self, construct: str, offset: int) -> None:
        self.construct = construct
        super().__init__(f"{construct} is more than plain data", offset)


@dataclass(frozen=True, slots=True)
class Token:
    """One word: `kind` is `identifier`, `string`, `number`, `operator`, `newline` or `end`."""

    kind: str
    value: object
    offset: int

    def is_(self, *operators: str) -> bool:
        """Whether this is one of the operators."""
        return self.kind == "operator" and self.value in operators

    def __str__(self) -> str:
        if self.kind == "end":
            return "the end of the file"
        return "the end of the line" if self.kind == "newline" else repr(self.value)


def tokenize(text: str) -> list[Token]:
    """Split a text; a `newline` follows a line whose last word can end a field."""
    tokens: list[Token] = []
    at = 0
    while True:
        match = _SPACE.match(text, at)
        at = match.end() if match else at
        if at >= len(text):
            break
        if text[at] == "\n":
            _end_line(tokens, at)
            at += 1
            continue
        token, at = _next(text, at)
        tokens.append(token)
    _end_line(tokens, len(text))
    tokens.append(Token("end", None, len(text)))
    return tokens


def _end_line(tokens: list[Token], at: int) -> None:
    if tokens and (tokens[-1].kind in {"identifier", "string", "number"} or tokens[-1].value in _ENDS_A_VALUE):
        tokens.append(Token("newline", None, at))


def _next(text: str, at: int) -> tuple[Token, int]:
    opening = _STRING_START.match(text, at)
    if opening is not None:
        return _string(text, at, opening)
    if text[at].isascii() and (text[at].isdigit() or (text[at] == "." and text[at + 1 : at + 2] in set("0123456789"))):
        return _number(text, at)
    operator = _OPERATOR.match(text, at)
    if operator is not None:
        return Token("operator", operator[0], at), operator.end()
    word = _IDENTIFIER.match(text, at)
    if word is None or not word[0] or not _IDENTIFIER_START.match(text, at):
        raise CueError(f"unexpected character {text[at]!r}", at)
    return Token("identifier", word[0], at), word.end()


def _number(text: str, at: int) -> tuple[Token, int]:
    match = _NUMBER.match(text, at)
    written = match[0] if match else text[at]
    end = at + len(written)
    if re.match(r"[\w$]", text[end : end + 1] or " "):
        raise CueError(f"{text[at : end + 1]!r} is not a number", at)
    if len(written) > _MAX_DIGITS:
        raise CueError(f"a number of {len(written)} digits", at)
    return Token("number", _number_value(written, at), at), end


def _number_value(written: str, at: int) -> int | float:
    plain = written.replace("_", "")
    if plain[:2].lower() in {"0x", "0b", "0o"}:
        if len(plain) == 2:
            raise CueError(f"{written!r} is not a number", at)
        return int(plain, 0)
    if re.match(r"0\d", plain):
        raise CueError(f"{written!r} has a leading zero; write 0o{plain.lstrip('0') or '0'} for an octal number", at)
    unit = re.search(r"([KMGTP])(i?)$", plain)
    if unit is not None:
        factor = (1024 if unit[2] else 1000) ** _MULTIPLIERS[unit[1]]
        scaled = Fraction(plain[: unit.start()]) * factor
        return int(scaled) if scaled.denominator == 1 else float(scaled)
    if plain.isdigit():
        return int(plain)
    value = float(plain)
    if value == float("inf"):
        raise CueError(f"{written!r} is too large for a number", at)
    return value


def _string(text: str, at: int, opening: re.Match[str]) -> tuple[Token, int]:
    hashes, quote = opening[1], opening[2]
    start = opening.end()
    end = _closing(text, start, hashes, quote)
    body = text[start:end]
    if quote[0] == "'":
        raise UnsupportedCueError("a bytes literal ('...')", at)
    if len(quote) == 3:
        body = _dedent(body, at)
    value = _unescape(body, hashes, start)
    return Token("string", value, at), end + len(quote) + len(hashes)


def _closing(text: str, start: int, hashes: str, quote: str) -> int:
    interesting = re.compile(rf"{quote}{hashes}|\\{hashes}" + ("" if len(quote) == 3 else r"|\n"))
    at = start
    while (found := interesting.search(text, at)) is not None:
        if found[0] == quote + hashes:
            return found.start()
        if found[0] == "\n":
            break
        if text[found.end() : found.end() + 1] == "(":
            raise UnsupportedCueError(f"an interpolation (\\{hashes}(...))", found.start())
        at = found.end() + 1
    raise CueError("the text is not closed: its end quote is missing", start - len(quote) - len(hashes))


def _dedent(body: str, at: int) -> str:
    lines = body.replace("\r\n", "\n").split("\n")
    first, rest, last = lines[0], lines[1:-1], lines[-1]
    if len(lines) < 2 or first.strip() or last.strip():
        raise CueError("the quotes of a text of several lines stand on lines of their own", at)
    for line in rest:
        if line and not line.startswith(last):
            raise CueError("a line of the text is indented less than its end quote", at)
    return "\n".join(line[len(last) :] for line in rest)


def _unescape(body: str, hashes: str, start: int) -> str:
    if "\\" not in body:
        return body
    parts: list[str] = []
    at = 0
    marker = "\\" + hashes
    while (found := body.find(marker, at)) >= 0:
        parts.append(body[at:found])
        value, at = _escape(body, found + len(marker), start)
        parts.append(value)
    parts.append(body[at:])
    return "".join(parts)


def _escape(body: str, at: int, start: int) -> tuple[str, int]:
    letter = body[at : at + 1]
    if letter in _SIMPLE_ESCAPES:
        return _SIMPLE_ESCAPES[letter], at + 1
    if letter == "u":
        return _utf16(body, at + 1, start)
    if letter == "U":
        return _character(_hex(body, at + 1, 8, start), start + at), at + 9
    raise CueError(f"unknown escape \\{letter} in a text", start + at)


def _utf16(body: str, at: int, start: int) -> tuple[str, int]:
    first = _hex(body, at, 4, start)
    after = at + 4
    if 0xD800 <= first < 0xDC00 and body[after : after + 2] == "\\u":
        second = _hex(body, after + 2, 4, start)
        if 0xDC00 <= second < 0xE000:
            return chr(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)), after + 6
    return _character(first, start + at), after


def _hex(body: str, at: int, digits: int, start: int) -> int:
    written = body[at : at + digits]
    if len(written) < digits or not re.fullmatch(r"[0-9A-Fa-f]+", written):
        _refuse_code(written, start + at, f"expected {digits} hexadecimal digits")
    return int(written, 16)


def _character(code: int, offset: int) -> str:
    if 0xD800 <= code < 0xE000:
        _refuse_code(f"{code:04x}", offset, "it is one half of a pair")
    if code > 0x10FFFF:
        _refuse_code(f"{code:08x}", offset, "there is no such character")
    return chr(code)


def _refuse_code(written: str, offset: int, reason: str) -> NoReturn:
    raise CueError(f"{written!r} is not a character's code: {reason}", offset)
