"""A reader for the data that people write in cue, JSON included.

It evaluates structs, lists, scalars, their conjunction (`&`), merged labels, and the definitions of the server's
packages. It computes nothing: whatever needs cue's evaluator is an `UnsupportedCueError`.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from inngest_testkit.functions.cue_tokens import CueError, Token, UnsupportedCueError, tokenize
from inngest_testkit.functions.cue_values import TYPES, Value, unify

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DEFINITIONS", "DEFINITIONS_PACKAGE", "PACKAGES", "CueFile", "parse_cue"]

#: The package of functions.
DEFINITIONS_PACKAGE = "inngest.com/defs/v1"

#: Its definitions, and the fields that each gives by itself.
DEFINITIONS: dict[str, dict[str, str]] = {
    "Function": {},
    "Trigger": {},
    "EventTrigger": {},
    "CronTrigger": {},
    "EventDefinition": {},
    "Step": {},
    "After": {},
    "Runtime": {},
    "RuntimeHTTP": {"type": "http"},
    "RuntimeDocker": {"type": "docker"},
}

#: Every package whose definitions are known, those of actions and of the services' configuration among them.
PACKAGES: dict[str, dict[str, dict[str, str]]] = {
    DEFINITIONS_PACKAGE: DEFINITIONS,
    "inngest.com/actions": {"Action": {}},
    "inngest.com/defs/config": {"Config": {}},
}

#: Deeper nesting is refused, long before Python's own limit.
MAX_DEPTH = 64

_CONSTANTS = {"true": True, "false": False, "null": None}
_BINARY = {
    "|": "a disjunction (a | b)",
    "+": "arithmetic (a + b)",
    "-": "arithmetic (a - b)",
    "*": "arithmetic (a * b)",
    "/": "arithmetic (a / b)",
    "%": "arithmetic (a % b)",
    "&&": "logic (a && b)",
    "||": "logic (a || b)",
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "=~", "!~"), "a comparison"),
}
_PREFIX = {
    "*": "a default (*a | b)",
    "!": "logic (!a)",
    "_|_": "an error value (_|_)",
    "...": "an open list ([...])",
    **dict.fromkeys(("<", "<=", ">", ">=", "!=", "=~", "!~", "=="), "a bound (>=1)"),
}
_KEYWORDS = {"for": "a comprehension (for ... in ...)", "if": "a comprehension (if ...)", "let": "a let clause"}


@dataclass(slots=True)
class CueFile:
    """What a text holds: its value, and the imports by the name they have in it."""

    value: Value
    imports: dict[str, str] = field(default_factory=dict)


def parse_cue(text: str) -> CueFile:
    """Read a text; raises `CueError`, or `UnsupportedCueError` for what needs the cue program."""
    parser = _Parser(tokenize(text))
    value = parser.file()
    return CueFile(value, parser.imports)


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0
        self.path: list[str] = []
        self.imports: dict[str, str] = {}

    # -- words

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def peek(self, ahead: int = 1) -> Token:
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)]

    def take(self) -> Token:
        token = self.token
        if token.kind != "end":
            self.at += 1
        return token

    def skip_newlines(self) -> None:
        while self.token.kind == "newline":
            self.at += 1

    def expect(self, operator: str, purpose: str) -> Token:
        if not self.token.is_(operator):
            raise CueError(f"expected {operator!r} {purpose}, found {self.token}", self.token.offset)
        return self.take()

    @contextmanager
    def nested(self, label: str | None = None) -> Iterator[None]:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise CueError(f"the values are nested more than {MAX_DEPTH} deep", self.token.offset)
        if label is not None:
            self.path.append(label)
        yield
        if label is not None:
            self.path.pop()
        self.depth -= 1

    # -- the file

    def file(self) -> Value:
        self.skip_newlines()
        if self.token.value == "package" and self.token.kind == "identifier" and self.peek().kind == "identifier":
            self.at += 2
            self.separator("after the package's name")
        while self.token.kind == "identifier" and self.token.value == "import" and not self.peek().is_(":"):
            self.imported()
        return self.declarations(closing=None, offset=0)

    def imported(self) -> None:
        self.take()
        if not self.token.is_("("):
            self.one_import()
        else:
            self.take()
            self.skip_newlines()
            while not self.token.is_(")"):
                self.one_import()
                if not self.token.is_(")"):
                    self.separator("after an import")
            self.take()
        self.separator("after an import")

    def one_import(self) -> None:
        alias = str(self.take().value) if self.token.kind == "identifier" else None
        path = self.token
        if path.kind != "string":
            raise CueError(f"expected the imported package in quotes, found {path}", path.offset)
        self.take()
        name = str(path.value)
        package, _, chosen = name.partition(":")
        if package not in PACKAGES:
            raise UnsupportedCueError(f"the import of {name!r}", path.offset)
        self.imports[alias or chosen or package.rpartition("/")[2]] = package

    def separator(self, purpose: str) -> None:
        """Step over the comma or the line end between two fields; JSON may have both."""
        before = self.at
        self.skip_newlines()
        if self.token.is_(","):
            self.take()
            self.skip_newlines()
        if self.at == before and self.token.kind != "end":
            raise CueError(f"expected a comma or a new line {purpose}, found {self.token}", self.token.offset)

    # -- structs

    def declarations(self, closing: str | None, offset: int) -> Value:
        found: Value | None = None
        self.skip_newlines()
        while not (self.token.is_(closing) if closing else self.token.kind == "end"):
            if self.token.kind == "end":
                raise CueError(f"expected {closing!r}, found the end of the file", self.token.offset)
            value = self.declaration()
            if value is not None:
                found = value if found is None else unify(found, value, tuple(self.path))
            if not (closing and self.token.is_(closing)):
                self.separator("between two fields")
        if closing:
            self.take()
        value = Value("struct", {}, offset) if found is None else found
        return Value("struct", value.data, offset, value.definitions) if value.kind == "struct" else value

    def declaration(self) -> Value | None:
        self.refuse_clauses()
        if self.token.is_("..."):
            self.take()
            return None
        start = self.token
        if start.kind in {"identifier", "string"}:
            if self.is_label():
                return self.labelled()
            self.refuse_labels()
        value = self.expression()
        if self.token.is_(":") and start.is_("[", "("):
            what = "a pattern ([...]: ...)" if start.value == "[" else "a computed label"
            raise UnsupportedCueError(what, start.offset)
        return value

    def is_label(self) -> bool:
        """Whether a label starts here; in JSON its colon may stand on a later line."""
        ahead = 1
        while self.peek(ahead).kind == "newline" and self.token.kind == "string":
            ahead += 1
        return self.token.kind in {"identifier", "string"} and self.peek(ahead).is_(":")

    def labelled(self) -> Value | None:
        label = self.take()
        self.skip_newlines()
        self.take()
        self.skip_newlines()
        name = str(label.value)
        hidden = label.kind == "identifier" and name.startswith(("#", "_"))
        with self.nested(name):
            if self.is_label():
                inner = self.labelled()
                value = Value("struct", {}, self.token.offset) if inner is None else inner
            else:
                value = self.expression()
        return None if hidden else Value("struct", {name: value}, label.offset)

    def refuse_clauses(self) -> None:
        token = self.token
        if token.is_("@"):
            raise UnsupportedCueError("an attribute (@...)", token.offset)
        if token.kind == "identifier" and token.value in _KEYWORDS and not self.peek().is_(":", "?", "!"):
            raise UnsupportedCueError(_KEYWORDS[str(token.value)], token.offset)

    def refuse_labels(self) -> None:
        label, following = self.token, self.peek()
        if following.is_("?", "!") and self.peek(2).is_(":"):
            raise UnsupportedCueError(f"the optional or required field {label.value}{following.value}", label.offset)
        if following.is_("="):
            raise UnsupportedCueError(f"the alias {label.value}", label.offset)
        if following.kind in {"identifier", "string", "number"} or following.is_("{", "["):
            raise CueError(
                f"expected label or ':', found {following} after {label.value!r}; write a field as name: value",
                following.offset,
            )

    # -- expressions

    def expression(self) -> Value:
        with self.nested():
            value = self.operand()
            while self.token.kind == "operator" and self.token.value in {"&", *_BINARY}:
                operator = self.take()
                if operator.value != "&":
                    raise UnsupportedCueError(_BINARY[str(operator.value)], operator.offset)
                self.skip_newlines()
                value = unify(value, self.operand(), tuple(self.path))
        return value

    def operand(self) -> Value:
        token = self.take()
        if token.kind in {"string", "number"}:
            value = Value("scalar", token.value, token.offset)
        elif token.kind == "identifier":
            value = self.named(token)
        elif token.is_("{"):
            value = self.declarations("}", token.offset)
        elif token.is_("["):
            value = self.list_(token)
        elif token.is_("("):
            value = self.expression()
            self.skip_newlines()
            self.expect(")", "after the expression")
        elif token.is_("-", "+"):
            return self.signed(token)
        elif token.kind == "operator" and token.value in _PREFIX:
            raise UnsupportedCueError(_PREFIX[str(token.value)], token.offset)
        else:
            raise CueError(f"expected a value, found {token}", token.offset)
        return self.refuse_selection(value)

    def refuse_selection(self, value: Value) -> Value:
        if self.token.is_(".", "[", "("):
            what = "a call" if self.token.value == "(" else "a reference into a value"
            raise UnsupportedCueError(what, self.token.offset)
        return value

    def signed(self, sign: Token) -> Value:
        number = self.take()
        if not isinstance(number.value, (int, float)):
            raise UnsupportedCueError(f"arithmetic ({sign.value}a)", sign.offset)
        return Value("scalar", -number.value if sign.value == "-" else number.value, sign.offset)

    def list_(self, opening: Token) -> Value:
        items: list[Value] = []
        self.skip_newlines()
        while not self.token.is_("]"):
            if self.token.kind == "end":
                raise CueError("expected ']', found the end of the file", self.token.offset)
            if self.token.kind == "identifier" and self.token.value in {"for", "if"}:
                raise UnsupportedCueError(_KEYWORDS[str(self.token.value)], self.token.offset)
            if self.token.kind == "identifier" and self.peek().is_("="):
                raise UnsupportedCueError(f"the alias {self.token.value}", self.token.offset)
            self.path.append(str(len(items)))
            items.append(self.expression())
            self.path.pop()
            if not self.token.is_("]"):
                self.separator("between two elements")
        self.take()
        return Value("list", items, opening.offset)

    def named(self, token: Token) -> Value:
        name = str(token.value)
        if name in _CONSTANTS:
            return Value("scalar", _CONSTANTS[name], token.offset)
        if name in self.imports and self.token.is_("."):
            return self.definition(token)
        if name in TYPES:
            return Value("type", name, token.offset)
        if self.token.is_("("):
            raise UnsupportedCueError(f"the call of {name}", token.offset)
        raise UnsupportedCueError(f"the reference to {name!r}", token.offset)

    def definition(self, package: Token) -> Value:
        self.take()
        name = self.take()
        imported = self.imports[str(package.value)]
        definitions, known = PACKAGES[imported], str(name.value).removeprefix("#")
        if name.kind != "identifier" or known not in definitions or not str(name.value).startswith("#"):
            listed = ", ".join(f"#{each}" for each in definitions)
            raise CueError(f"{imported} has no {name}; it has {listed}", name.offset)
        fields = {key: Value("scalar", given, package.offset) for key, given in definitions[known].items()}
        return Value("struct", fields, package.offset, frozenset({known}))
