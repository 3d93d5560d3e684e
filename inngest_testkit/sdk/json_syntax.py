"""What is wrong with a text that is no JSON, in the words of the server's reader.

Source: recordings/sdk README, "The event API" (`unexpected end of JSON input`, `invalid character ... after top-level
value`), and the wording of Go's `encoding/json`, which the server passes on.
"""

from __future__ import annotations

import json
import re

__all__ = ["problem_of"]

#: Longer texts are not walked, only located: a walk takes about a second for each 4 MiB.
_WALKED = 256 * 1024
_SPACES = re.compile(r"[ \t\r\n]*")
_UNFINISHED = "unexpected end of JSON input"
_LITERALS = {"t": "true", "f": "false", "n": "null"}
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+')
_ESCAPES = {"'": "\\'", "\\": "\\\\"} | {chr(code): "\\" + name for code, name in enumerate("abtnvfr", 7)}
#: What is open, by how it is closed; an object or a list in which nothing has been read yet may be closed at once.
_CLOSING = {"object": "}", "new object": "}", "array": "]", "new array": "]"}
_FRESH = {"new object": "object", "new array": "array"}
_HEX = re.compile(r"\\u[0-9a-fA-F]{0,3}")
#: The parts of a number in order, and what a character is out of place in that does not go on with it.
_INTEGER, _FRACTION, _EXPONENT = re.compile(r"-?(?:0|[1-9][0-9]*)"), re.compile(r"\.[0-9]+"), re.compile(r"[eE]")
_DIGITS = re.compile(r"[+-]?[0-9]+")


class _MisfitError(Exception):
    """The place of the problem, from 0, and what was expected there."""

    def __init__(self, at: int, where: str) -> None:
        super().__init__(where)
        self.at, self.where = at, where


def problem_of(body: bytes) -> str:
    """Say what is wrong with a text that cannot be read as JSON; empty when nothing is."""
    if len(body) > _WALKED:
        return _located(body)
    text = body.decode("latin-1")  # the server looks at bytes
    try:
        _walk(text)
    except _MisfitError as found:
        if found.at >= len(text):
            return _UNFINISHED
        return f"invalid character {_quoted(text[found.at])} {found.where}"
    return ""


def _located(body: bytes) -> str:
    try:
        json.loads(body.decode(errors="replace"))
    except json.JSONDecodeError as error:
        return f"the request body is not JSON at line {error.lineno}, column {error.colno}: {error.msg}"
    except (ValueError, RecursionError):
        return ""
    return ""


def _quoted(char: str) -> str:
    if char in _ESCAPES:
        return f"'{_ESCAPES[char]}'"
    if char.isprintable():
        return f"'{char}'"
    return f"'\\x{ord(char):02x}'" if char < "\x80" else f"'\\u{ord(char):04x}'"


def _walk(text: str) -> None:
    """Go through one document, token by token; raises `_MisfitError` at the first character that does not fit."""
    opened: list[str] = []
    at = _value(text, _skip(text, 0), opened)
    while opened:
        at = _skip(text, at)
        char, inner = text[at : at + 1], opened[-1]
        if char == _CLOSING[inner]:
            opened.pop()
            at += 1
            continue
        if inner in _FRESH:
            opened[-1] = inner = _FRESH[inner]
        elif char == ",":
            at = _skip(text, at + 1)
        else:
            raise _MisfitError(at, "after object key:value pair" if inner == "object" else "after array element")
        if inner == "object":
            at = _key(text, at)
        at = _value(text, at, opened)
    at = _skip(text, at)
    if at < len(text):
        raise _MisfitError(at, "after top-level value")


def _skip(text: str, at: int) -> int:
    spaces = _SPACES.match(text, at)
    return at if spaces is None else spaces.end()


def _key(text: str, at: int) -> int:
    """Read `"key":` and return where its value begins."""
    if text[at : at + 1] != '"':
        raise _MisfitError(at, "looking for beginning of object key string")
    at = _skip(text, _string(text, at))
    if text[at : at + 1] != ":":
        raise _MisfitError(at, "after object key")
    return _skip(text, at + 1)


def _value(text: str, at: int, opened: list[str]) -> int:
    """Read a scalar, or the bracket that opens a list or an object; return where it ends."""
    char = text[at : at + 1]
    if char in ("[", "{"):
        opened.append("new array" if char == "[" else "new object")
        return at + 1
    if char == '"':
        return _string(text, at)
    if char in _LITERALS:
        return _literal(text, at, _LITERALS[char])
    if char == "-" or "0" <= char <= "9":
        return _number(text, at)
    raise _MisfitError(at, "looking for beginning of value")


def _string(text: str, at: int) -> int:
    matched = _STRING.match(text, at)
    end = at + 1 if matched is None else matched.end()
    char = text[end : end + 1]
    if char == '"':
        return end + 1
    if char != "\\":
        raise _MisfitError(end, "in string literal")
    digits = _HEX.match(text, end)
    if digits is not None:
        raise _MisfitError(digits.end(), "in \\u hexadecimal character escape")
    raise _MisfitError(end + 1, "in string escape code")


def _literal(text: str, at: int, word: str) -> int:
    for offset, char in enumerate(word):
        if text[at + offset : at + offset + 1] != char:
            raise _MisfitError(at + offset, f"in literal {word} (expecting {_quoted(char)})")
    return at + len(word)


def _number(text: str, at: int) -> int:
    whole = _INTEGER.match(text, at)
    if whole is None:
        raise _MisfitError(at + 1, "in numeric literal")
    at = whole.end()
    if text[at : at + 1] == ".":
        fraction = _FRACTION.match(text, at)
        if fraction is None:
            raise _MisfitError(at + 1, "after decimal point in numeric literal")
        at = fraction.end()
    if _EXPONENT.match(text, at):
        digits = _DIGITS.match(text, at + 1)
        if digits is None:
            raise _MisfitError(at + 1 + (text[at + 1 : at + 2] in ("+", "-")), "in exponent of numeric literal")
        at = digits.end()
    return at
