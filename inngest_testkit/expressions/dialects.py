"""The two servers' expression languages, as data.

One evaluator runs both; what differs between them is a field of `Dialect`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["DAG", "SDK", "Dialect"]

_STANDARD: Final = (
    "bool",
    "bytes",
    "contains",
    "double",
    "duration",
    "dyn",
    "endsWith",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "int",
    "matches",
    "size",
    "startsWith",
    "string",
    "timestamp",
    "type",
    "uint",
)
_ADDED: Final = ("date", "lowercase", "now", "now_minus", "now_plus", "uppercase")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    r"""What one server understands. Use `DAG` or `SDK`.

    Attributes:
        name: for messages.
        variables: the declared names; any other is refused when compiling.
        functions: the functions there are, operators and macros apart.
        truthy_logic: `&&`, `||` and the condition of `?:` take operands of any kind, where false, 0,
            empty text, null and missing count as false, and `&&` and `||` give one of their operands.
            Otherwise they take booleans, and are three-valued over missing values.
        joins_texts: `+` of two different kinds joins both as text where no addition is defined, and
            a missing operand of `+` is left out.
        literal_backslashes: a backslash in quotes stands for itself, unless the expression contains
            an escaped quote: this server lifts texts out before it parses (recorded:
            `r'\d' == '\\d'` is not true).
        go_result_types: how a result that is not boolean is named: `string`, or `types.String`.

    """

    name: str
    variables: tuple[str, ...]
    functions: tuple[str, ...]
    truthy_logic: bool
    joins_texts: bool
    literal_backslashes: bool
    go_result_types: bool


#: The v0.5.0 server, which runs functions configured as a DAG of steps.
DAG: Final = Dialect(
    name="DAG",
    variables=("event", "steps", "response", "async", "user", "actions", "action"),
    functions=tuple(sorted((*_STANDARD, *_ADDED))),
    truthy_logic=False,
    joins_texts=False,
    literal_backslashes=False,
    go_result_types=False,
)

#: The current server, which runs functions of the SDKs.
SDK: Final = Dialect(
    name="SDK",
    variables=("event", "async"),
    functions=tuple(sorted((*_STANDARD, *_ADDED, "b64decode", "json_parse"))),
    truthy_logic=True,
    joins_texts=True,
    literal_backslashes=True,
    go_result_types=True,
)
