"""The DSN of a step's action."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slugify import slugify

from inngest_testkit.functions.dsn import dsn, slug


@pytest.mark.parametrize(
    ("step_id", "expected"),
    [
        ("Send Email!", "send-email"),
        ("b.c", "b-c"),
        ("élan", "elan"),
        ("a_b", "a_b"),
        ("A--b", "a-b"),
        ("this & that", "this-and-that"),
        ("don't", "dont"),
        ("1,000", "1-000"),
        ("影師", "ying-shi"),
        ("!", ""),
    ],
)
def test_slug(step_id, expected):
    assert slug(step_id) == expected


def test_dsn_keeps_the_functions_id():
    assert dsn("My-Fn_1", "Send Email!") == "My-Fn_1-step-send-email-test"
    assert dsn("x", "a", env="prod") == "x-step-a-prod"


@given(st.text())
def test_a_slug_is_its_own_slug(step_id):
    assert slug(slug(step_id)) == slug(step_id)


@given(st.text(st.characters(max_codepoint=127, exclude_characters="\"'&@,")))
def test_ascii_needs_no_table_and_agrees_with_it(step_id):
    table = slugify(step_id, regex_pattern=r"[^-a-z0-9_]+", entities=False, decimal=False, hexadecimal=False)
    assert slug(step_id) == table.strip("-_")
