"""From text to tokens, after the CEL language definition. It knows no names and no grammar."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NoReturn

from inngest_testkit.errors import ExpressionSyntaxError
from inngest_testkit.expressions.values import Uint

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Token", "tokenize"]

_TOKEN = re.compile(
    r"""
      (?P<space>(?:[ \t\n\f\r]+|//[^\n]*)+)
    | (?P<text>[bB]?[rR]?(?:'''|\"\"\"|'|\"))
    | (?P<ident>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<float>(?:[0-9]+\.[0-9]+|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+)
    | (?P<int>0x[0-9a-fA-F]+|[0-9]+)(?P<uint>[uU])?
    | (?P<op>==|!=|<=|>=|&&|\|\||[-+*/%<>!?:.,()\[\]{}])
    """,
    re.VERBOSE,
)


@cache
def _body(quote: str, *, raw: bool) -> re.Pattern[str]:
    """What follows an opening quote, up to and with the closing one."""
    if len(quote) > 1:
        inner = "." if raw else r"(?:[^\\]|\\.)"
        return re.compile(rf"(?s:{inner}*?){quote}")
    plain = rf"[^{quote}\n\r]" if raw else rf"(?:[^\\{quote}\n\r]|\\[^\n\r])"
    return re.compile(rf"{plain}*{quote}")


_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\'\"`?])|x([0-9a-fA-F]{2})|X([0-9a-fA-F]{2})|([0-3][0-7]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))"
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}

_REMEDIES = {
    "=": "a single '=' means nothing here: write == to compare",
    "&": "a single '&' means nothing here: write && for 'and'",
    "|": "a single '|' means nothing here: write || for 'or'",
}


@dataclass(frozen=True, slots=True)
class Token:
    """One token: `kind` is ident, int, uint, float, text, bytes, op or end; `value` is a literal's value."""

    kind: str
    text: str
    offset: int
    value: object = None


def tokenize(text: str, *, literal_backslashes: bool = False) -> list[Token]:
    r"""Every token of `text`, ended by one of kind `end`. Raises ExpressionSyntaxError.

    With `literal_backslashes`, a backslash in a text literal stands for itself, unless `\'` or `\"`
    occurs anywhere in the expression (dialect SDK; see `Dialect.literal_backslashes`). Escapes must
    be well formed all the same.
    """
    literal = literal_backslashes and "\\'" not in text and '\\"' not in text
    return list(_tokens(text, literal=literal))


def _tokens(text: str, *, literal: bool) -> Iterator[Token]:
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            _refuse_character(text, position)
        if match["text"]:
            token, position = _quoted(text, match, literal=literal)
            yield token
            continue
        position = match.end()
        if not match["space"]:
            yield _plain(text, match)
    yield Token("end", "", len(text))


def _plain(text: str, match: re.Match[str]) -> Token:
    offset, word = match.start(), match.group()
    if match["ident"]:
        return Token("ident", word, offset)
    if match["float"]:
        return Token("float", word, offset, float(word))
    if match["int"]:
        return _integer(text, match)
    return Token("op", word, offset)


def _integer(text: str, match: re.Match[str]) -> Token:
    digits = match["int"]
    if len(digits) > 40:
        raise ExpressionSyntaxError(text, match.start(), "this number does not fit into 64 bits")
    value = int(digits, 16 if digits.startswith("0x") else 10)
    if not match["uint"]:
        return Token("int", match.group(), match.start(), value)  # the parser knows the sign, hence the range
    if value >= 2**64:
        raise ExpressionSyntaxError(text, match.start(), "this number does not fit into 64 bits (uint)")
    return Token("uint", match.group(), match.start(), Uint(value))


def _refuse_character(text: str, position: int) -> NoReturn:
    character = text[position]
    if character == "=" and text[position - 2 : position] in ("==", "!="):
        operator = text[position - 2 : position]
        raise ExpressionSyntaxError(
            text, position - 2, f"Syntax error: {operator}= is not an operator: write {operator} to compare"
        )
    reason = _REMEDIES.get(character, f"the character {character!r} means nothing here; text goes into quotes")
    raise ExpressionSyntaxError(text, position, f"Syntax error: {reason}")


def _quoted(text: str, opening: re.Match[str], *, literal: bool) -> tuple[Token, int]:
    mark = opening["text"]
    quote = mark.lstrip("bBrR")
    raw = "r" in mark.lower()
    body = _body(quote, raw=raw).match(text, opening.end())
    if body is None:
        raise ExpressionSyntaxError(text, opening.start(), f"Syntax error: this text is not closed: {quote} is missing")
    inner = body.group()[: -len(quote)].replace("\r\n", "\n").replace("\r", "\n")
    if mark[0] in "bB":
        value: object = inner.encode("utf-8", "surrogatepass") if raw else _bytes(text, opening.end(), inner)
        return Token("bytes", text[opening.start() : body.end()], opening.start(), value), body.end()
    if not raw:
        unescaped = _unescape(text, opening.end(), inner)
        inner = inner if literal else unescaped
    return Token("text", text[opening.start() : body.end()], opening.start(), inner), body.end()


def _pieces(text: str, start: int, inner: str) -> Iterator[str | re.Match[str]]:
    position = 0
    while (found := inner.find("\\", position)) >= 0:
        yield inner[position:found]
        escape = _ESCAPE.match(inner, found)
        if escape is None:
            raise ExpressionSyntaxError(
                text, start + found, f"Syntax error: {inner[found : found + 2]} is not an escape sequence: write \\\\"
            )
        yield escape
        position = escape.end()
    yield inner[position:]


def _code(escape: re.Match[str]) -> int:
    _, small_x, big_x, octal, short, long = escape.groups()
    return int(octal, 8) if octal else int(small_x or big_x or short or long, 16)


def _unescape(text: str, start: int, inner: str) -> str:
    if "\\" not in inner:
        return inner
    out: list[str] = []
    for piece in _pieces(text, start, inner):
        if isinstance(piece, str):
            out.append(piece)
        elif piece[1]:
            out.append(_SIMPLE.get(piece[1], piece[1]))
        else:
            code = _code(piece)
            if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
                raise ExpressionSyntaxError(text, start + piece.start(), "Syntax error: this is not a character's code")
            out.append(chr(code))
    return "".join(out)


def _bytes(text: str, start: int, inner: str) -> bytes:
    out = bytearray()
    for piece in _pieces(text, start, inner):
        if isinstance(piece, str):
            out += piece.encode("utf-8", "surrogatepass")
        elif piece[1]:
            out += _SIMPLE.get(piece[1], piece[1]).encode()
        elif piece[5] or piece[6]:
            raise ExpressionSyntaxError(text, start + piece.start(), "Syntax error: \\u is for text, not for bytes")
        else:
            out.append(_code(piece))
    return bytes(out)
