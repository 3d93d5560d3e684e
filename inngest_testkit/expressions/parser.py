"""From tokens to the tree: CEL's grammar by recursive descent, with its macros. It knows no names.

Nesting is limited, so that no text can exhaust the interpreter's stack. Chains of `&&` and `||` are not.
"""

from __future__ import annotations

from typing import NoReturn

from inngest_testkit.errors import ExpressionSyntaxError
from inngest_testkit.expressions import tree
from inngest_testkit.expressions.lexer import Token, tokenize

__all__ = ["MAX_CHAIN", "MAX_NESTING", "parse"]

#: How deep brackets, arguments and conditionals may nest.
MAX_NESTING = 60
#: How many arithmetic or comparison operators, or selections, may follow each other.
MAX_CHAIN = 150

_RESERVED_WORDS = "as break const continue else for function if import let loop namespace package return var void while"
_RESERVED = frozenset(_RESERVED_WORDS.split(" "))
_KEYWORDS: dict[str, object] = {"true": True, "false": False, "null": None}
_LEVELS = (
    frozenset({"<", "<=", ">", ">=", "==", "!=", "in"}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
)
# Macros by name, with the numbers of arguments that make a call one.
_MACROS = {"all": (2,), "exists": (2,), "exists_one": (2,), "filter": (2,), "map": (2, 3)}


def parse(text: str, *, literal_backslashes: bool = False) -> tree.Node:
    """The tree of `text`. Raises ExpressionSyntaxError with the place and the remedy."""
    parser = _Parser(text, tokenize(text, literal_backslashes=literal_backslashes))
    try:
        return parser.whole()
    except RecursionError:
        raise ExpressionSyntaxError(text, 0, "the expression is nested too deeply") from None


class _Parser:
    def __init__(self, text: str, tokens: list[Token]) -> None:
        self._text = text
        self._tokens = tokens
        self._next = 0
        self._nesting = 0

    # Tokens.

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _at(self, *operators: str) -> bool:
        token = self._token
        return token.kind == "op" and token.text in operators

    def _take(self) -> Token:
        token = self._token
        self._next += 1
        return token

    def _accept(self, operator: str) -> bool:
        if self._at(operator):
            self._next += 1
            return True
        return False

    def _expect(self, operator: str, why: str) -> None:
        if not self._accept(operator):
            self._refuse(f"{operator!r} is missing {why}, found {self._found()}")

    def _found(self) -> str:
        token = self._token
        return "the end" if token.kind == "end" else repr(token.text)

    def _refuse(self, reason: str, offset: int | None = None) -> NoReturn:
        place = self._token.offset if offset is None else offset
        raise ExpressionSyntaxError(self._text, place, f"Syntax error: {reason}")

    # Grammar, from the loosest binding to the tightest.

    def whole(self) -> tree.Node:
        node = self._expression()
        if self._token.kind != "end":
            self._refuse(f"unexpected {self._found()}: an operator is missing before it")
        return node

    def _expression(self) -> tree.Node:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            self._refuse(f"the expression is nested too deeply (more than {MAX_NESTING} levels)")
        node = self._or()
        if self._at("?"):
            offset = self._take().offset
            yes = self._or()
            self._expect(":", "in 'condition ? yes : no'")
            node = tree.Conditional(offset, node, yes, self._expression())
        self._nesting -= 1
        return node

    def _or(self) -> tree.Node:
        first = self._and()
        if not self._at("||"):
            return first
        offset, terms = self._token.offset, [first]
        while self._accept("||"):
            terms.append(self._and())
        return tree.Logic(offset, "||", tuple(terms))

    def _and(self) -> tree.Node:
        first = self._binary(0)
        if not self._at("&&"):
            return first
        offset, terms = self._token.offset, [first]
        while self._accept("&&"):
            terms.append(self._binary(0))
        return tree.Logic(offset, "&&", tuple(terms))

    def _binary(self, level: int) -> tree.Node:
        deeper = level + 1 < len(_LEVELS)
        node = self._binary(level + 1) if deeper else self._unary()
        length = 0
        while self._token.kind in ("op", "ident") and self._token.text in _LEVELS[level]:
            length += 1
            if length > MAX_CHAIN:
                self._refuse(f"more than {MAX_CHAIN} operators in a row")
            operator = self._take()
            right = self._binary(level + 1) if deeper else self._unary()
            node = tree.Binary(operator.offset, operator.text, node, right)
        return node

    def _unary(self) -> tree.Node:
        if not self._at("!", "-"):
            return self._member(self._primary())
        first = self._token
        count = 0
        while self._accept(first.text):
            count += 1
        if first.text == "-" and self._token.kind in ("int", "float"):
            node = self._member(self._number(negative=True))
            count -= 1
        else:
            node = self._member(self._primary())
        # Two in a row cancel each other out, as in the reference implementation.
        return node if count % 2 == 0 else tree.Unary(first.offset, first.text, node)

    def _member(self, node: tree.Node) -> tree.Node:
        length = 0
        while self._at(".", "[", "{"):
            length += 1
            if length > MAX_CHAIN:
                self._refuse(f"more than {MAX_CHAIN} selections in a row")
            operator = self._take()
            if operator.text == ".":
                node = self._selection(node)
            elif operator.text == "[":
                key = self._nested_expression()
                self._expect("]", "after the index")
                node = tree.Index(operator.offset, node, key)
            else:
                self._refuse_message(node, operator)
        return node

    def _refuse_message(self, node: tree.Node, brace: Token) -> NoReturn:
        if tree.constant_path(node) is not None:
            self._refuse("messages cannot be made: write a map, such as {'key': value}", brace.offset)
        self._refuse("unexpected '{': an operator is missing before it", brace.offset)

    def _nested_expression(self) -> tree.Node:
        if self._at("?"):
            self._refuse("optional values ('?') are not supported")
        return self._expression()

    def _selection(self, operand: tree.Node) -> tree.Node:
        if self._at("?"):
            self._refuse("optional values ('?') are not supported")
        name = self._take()
        if name.kind != "ident" or name.text in (*_KEYWORDS, "in"):
            self._next -= 1
            self._refuse(f"a field's name is missing after '.', found {self._found()}")
        if not self._accept("("):
            return tree.Select(name.offset, operand, name.text)
        args = self._list(")")
        if len(args) in _MACROS.get(name.text, ()):
            return self._macro(name, operand, args)
        return tree.Call(name.offset, name.text, operand, args)

    def _macro(self, name: Token, operand: tree.Node, args: tuple[tree.Node, ...]) -> tree.Node:
        variable = args[0]
        if not isinstance(variable, tree.Ident) or self._text[: variable.offset].rstrip().endswith("."):
            self._refuse(
                f"the first argument of {name.text}() is the name of its variable: x.{name.text}(i, i > 1)",
                variable.offset,
            )
        condition = args[1] if len(args) > 2 else None
        return tree.Macro(name.offset, name.text, operand, variable.name, condition, args[-1])

    def _list(self, closing: str) -> tuple[tree.Node, ...]:
        """Expressions up to the closing bracket. A comma may end a list, but not arguments."""
        items: list[tree.Node] = []
        while not self._at(closing):
            if closing == "]" and not items and self._accept(","):
                break  # `[,]` is in the grammar
            items.append(self._nested_expression())
            if not self._accept(","):
                break
            if closing == ")" and self._at(")"):
                self._refuse("an argument is missing after ','")
        self._expect(closing, "after this" if items else "")
        return tuple(items)

    def _primary(self) -> tree.Node:
        token = self._token
        if token.kind in ("int", "uint", "float"):
            return self._number(negative=False)
        if self._at("-") and self._tokens[self._next + 1].kind in ("int", "float"):
            self._take()  # a sign belongs to its number, so that `!-1` is an expression and `!-x` is not
            return self._number(negative=True)
        if token.kind in ("text", "bytes"):
            return tree.Constant(self._take().offset, token.value)
        if token.kind == "ident" and token.text != "in":
            return self._name()
        if self._at("."):
            return self._absolute_name()
        return self._bracket()

    def _absolute_name(self) -> tree.Node:
        """`.name`, which is the same as `name` here."""
        self._take()
        if self._token.kind != "ident" or self._token.text in (*_KEYWORDS, "in"):
            self._refuse(f"a name is missing after '.', found {self._found()}")
        return self._name(macros=False)

    def _bracket(self) -> tree.Node:
        offset = self._token.offset
        if self._accept("("):
            node = self._expression()
            self._expect(")", "after this")
            return node
        if self._accept("["):
            return tree.ListNode(offset, self._list("]"))
        if not self._accept("{"):
            self._refuse(f"a value is missing, found {self._found()}")
        return self._map(offset)

    def _map(self, offset: int) -> tree.Node:
        entries: list[tuple[tree.Node, tree.Node]] = []
        while not self._at("}"):
            if not entries and self._accept(","):
                break  # so is `{,}`
            key = self._nested_expression()
            self._expect(":", "after the key")
            entries.append((key, self._expression()))
            if not self._accept(","):
                break
        self._expect("}", "after the map")
        return tree.MapNode(offset, tuple(entries))

    def _number(self, *, negative: bool) -> tree.Node:
        token = self._take()
        value = token.value
        if token.kind == "int":
            value = -value if negative else value  # type: ignore[operator]
            if not -(2**63) <= value < 2**63:  # type: ignore[operator]
                self._refuse("this number does not fit into 64 bits", token.offset)
        elif negative:
            value = -value  # type: ignore[operator]
        return tree.Constant(token.offset, value)

    def _name(self, *, macros: bool = True) -> tree.Node:
        token = self._take()
        if token.text in _KEYWORDS:
            return tree.Constant(token.offset, _KEYWORDS[token.text])
        if token.text in _RESERVED:
            self._refuse(f"reserved identifier: {token.text}; quote it if it is text", token.offset)
        if not self._accept("("):
            return tree.Ident(token.offset, token.text)
        args = self._list(")")
        if macros and token.text == "has" and len(args) == 1:
            return self._has(token, args[0])
        return tree.Call(token.offset, token.text, None, args)

    def _has(self, token: Token, argument: tree.Node) -> tree.Node:
        if not isinstance(argument, tree.Select):
            self._refuse("has() takes a field with a dot, such as has(event.data.plan)", argument.offset)
        return tree.Has(token.offset, argument.operand, argument.field)
