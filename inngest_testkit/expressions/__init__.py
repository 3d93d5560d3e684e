"""Expressions as two Inngest servers run them: a CEL that treats missing data, numbers and null its own way.

`compile_expression` makes an `Expression` of a text, in the dialect of the v0.5.0 server (`DAG`) or of
the current one (`SDK`). Nothing here reads a clock, does I/O, or changes what it is given.
"""

from __future__ import annotations

from inngest_testkit.expressions.dialects import DAG, SDK, Dialect
from inngest_testkit.expressions.expression import Expression, compile_expression
from inngest_testkit.expressions.index import Equality, Literal, equality_key, lookup
from inngest_testkit.expressions.values import MISSING, Missing

__all__ = [
    "DAG",
    "MISSING",
    "SDK",
    "Dialect",
    "Equality",
    "Expression",
    "Literal",
    "Missing",
    "compile_expression",
    "equality_key",
    "lookup",
]
