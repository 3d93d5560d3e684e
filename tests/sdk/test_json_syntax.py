"""What is wrong with a text that is no JSON is said as the server says it."""

from __future__ import annotations

import pytest

from inngest_testkit.sdk.json_syntax import problem_of

UNFINISHED = "unexpected end of JSON input"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{}", ""),
        (' [{"a": [-1.5e+3, true, null, "\\u00e9\\n", {}]}, []] \n', ""),
        ("", UNFINISHED),
        ("[", UNFINISHED),
        ('{"a":', UNFINISHED),
        ('{"a', UNFINISHED),
        ('{"a":"\\', UNFINISHED),
        ('{"a":"\\u12', UNFINISHED),
        ("[tru", UNFINISHED),
        ("[-", UNFINISHED),
        ("[1.", UNFINISHED),
        ("[1e+", UNFINISHED),
        ("{} x", "invalid character 'x' after top-level value"),
        ("{}{}", "invalid character '{' after top-level value"),
        ("[1 2]", "invalid character '2' after array element"),
        ("[01]", "invalid character '1' after array element"),
        ("[1}", "invalid character '}' after array element"),
        ('{"a":1 "b"}', "invalid character '\"' after object key:value pair"),
        ('{"a" 1}', "invalid character '1' after object key"),
        ("{a:1}", "invalid character 'a' looking for beginning of object key string"),
        ('{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        ("[1,]", "invalid character ']' looking for beginning of value"),
        ("[']", "invalid character '\\'' looking for beginning of value"),
        ("[\\]", "invalid character '\\\\' looking for beginning of value"),
        ("[NaN]", "invalid character 'N' looking for beginning of value"),
        ("[\x00]", "invalid character '\\x00' looking for beginning of value"),
        ("[é]", "invalid character 'Ã' looking for beginning of value"),
        ("[\u0080]", "invalid character 'Â' looking for beginning of value"),
        ('["\n"]', "invalid character '\\n' in string literal"),
        ('["\\x"]', "invalid character 'x' in string escape code"),
        ('["\\u12g4"]', "invalid character 'g' in \\u hexadecimal character escape"),
        ("[trux]", "invalid character 'x' in literal true (expecting 'e')"),
        ("[-x]", "invalid character 'x' in numeric literal"),
        ("[1.x]", "invalid character 'x' after decimal point in numeric literal"),
        ("[1e+x]", "invalid character 'x' in exponent of numeric literal"),
    ],
)
def test_problems_are_named_as_by_the_server(text, problem):
    assert problem_of(text.encode()) == problem


def test_bytes_that_mean_nothing_are_shown():
    assert problem_of(b"[\x85]") == "invalid character '\\u0085' looking for beginning of value"


def test_the_place_in_a_long_text_is_told_by_line_and_column():
    """It is not walked, which would take as long as a thousand requests."""
    long = b"[\n" + b"1," * 200_000 + b"x]"
    assert problem_of(long) == "the request body is not JSON at line 2, column 400001: Expecting value"
    assert problem_of(b"[" + b"1," * 200_000 + b"1]") == ""
