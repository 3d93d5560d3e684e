"""Disagreements between two entries: which there are, and how they read."""

from __future__ import annotations

import pickle

import pytest

from inngest_testkit.errors import NondeterminismError, TestkitError
from inngest_testkit.sdk.inspection import find_disagreement

from .traces import entry


def kind(earlier, later):
    difference = find_disagreement(earlier, later)
    return difference and (difference.kind, difference.index, difference.later_index)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (entry("a", "a"), entry("a b", "b")),
        (entry("a b", "b"), entry("a b", status=200)),
        (entry("a b", "b"), entry("a", status=500)),
        (entry("a", status=500), entry("a b", "b")),
        (entry("(a) (b)", "a b"), entry("(a) (c) (b) (d)", "c d")),
        (entry("(a) (b)", "a b"), entry("(a) (c)", status=500)),
        (entry("(a) (c) (b)", "b", target="b"), entry("(a) (b)", "a", target="a")),
        (entry("parent child", "parent"), entry("parent other", "other")),
        (entry("a~ b~", "a"), entry("a~ c~ b~", "c")),
        (entry("", status=0), entry("a", "a")),
    ],
)
def test_entries_that_agree(earlier, later):
    """New steps behind what stopped the earlier entry, errors that end one, nested steps, skipped branches."""
    assert kind(earlier, later) is None


@pytest.mark.parametrize(
    ("earlier", "later", "found"),
    [
        (entry("a r1", "r1"), entry("a r2", "r2"), ("ids", 1, 1)),
        (entry("a r1", "r1"), entry("a r2", status=500), ("ids", 1, 1)),
        (entry("(a) (r1)", "a r1"), entry("(a) (r2)", "a", target="a"), ("ids", 1, 1)),
        (entry("(r1)", "r1"), entry("(r2)", status=500, target="r1"), ("ids", 0, 0)),
        (entry("a b c", "c"), entry("a c b", status=200), ("order", 1, 1)),
        (entry("a b c", "c"), entry("b a", status=500), ("order", 0, 0)),
        (entry("(a) (b)", "a b"), entry("(a)", status=200, target="b"), ("missing", 1, 1)),
        (entry("a b c", "c"), entry("a c", status=200), ("missing", 1, 1)),
        (entry("(a) (b)", "a b"), entry("(x) (a) (b)", "x"), ("extra", 0, 0)),
        (entry("(a) (b) c", "c"), entry("(a) (b) (x) c", status=200), ("extra", 2, 2)),
        (entry("a", status=200), entry("a b", "b"), ("extra", 1, 1)),
        (entry("(a) (b)", "b", target="b"), entry("(a)", "a", target="a"), ("missing", 1, 1)),
        (entry("(a) (b)", "b", target="b"), entry("(b) (a)", status=200), ("order", 0, 0)),
    ],
)
def test_entries_that_disagree(earlier, later, found):
    """Another id, another order, a step gone, a step come too early: with the place in both traces."""
    assert kind(earlier, later) == found


def test_a_disagreement_reads_as_two_traces():
    """The message marks the first difference, shows a few steps around it, and says what to do."""
    before = " ".join(f"s{i}" for i in range(6))
    earlier = entry(f"{before} token-17", "token-17", number=6)
    later = entry(f"{before} token-42", "token-42", number=7, attempt=1)
    assert str(find_disagreement(earlier, later)) == (
        "the handler does not come to the same steps in the same order at each entry: "
        "entry 7 (attempt 1) came to step 'token-42' where entry 6 had come to 'token-17'\n"
        "    entry 6     entry 7 (attempt 1)\n"
        "    … 2 before\n"
        "    's2'        's2'\n"
        "    's3'        's3'\n"
        "    's4'        's4'\n"
        "    's5'        's5'\n"
        "  > 'token-17'  'token-42'   <- the first difference\n"
        "    (answer)    (answer)\n"
        "Step ids and their order must be the same at each entry. "
        "Put what is random or reads the clock into a step and use its result; keep counters inside the handler."
    )


def test_a_gap_shows_where_there_is_no_step():
    """A step that is gone, and one that is new, stand opposite nothing."""
    gone = find_disagreement(entry("(a) (b)", "a b"), entry("(a)", status=200, number=1, target="b"))
    assert "did not come to step 'b', as entry 0 had" in str(gone)
    assert "  > 'b'       -   <- the first difference\n    (answer)  (result)\n" in str(gone)
    new = find_disagreement(entry("a (b) (c)", "b c"), entry("a (x) (b) (c)", "x", number=1))
    assert "came to a new step 'x' before 'b', which entry 0 had come to without it" in str(new)
    assert "  > -         'x'   <- the first difference\n    'b'       'b'\n" in str(new)
    ended = find_disagreement(entry("a", status=200), entry("a b", "b", number=1))
    assert "came to a new step 'b' after entry 0 had ended with a result" in str(ended)


def test_long_traces_and_ids_are_cut():
    """Neither a thousand steps nor an id of a page fill the screen."""
    ids = [f"s{i}" for i in range(1000)]
    difference = find_disagreement(entry("x" * 400 + " " + " ".join(ids)), entry("y" * 400 + " " + " ".join(ids)))
    assert len(str(difference).splitlines()) < 15
    assert max(map(len, str(difference).splitlines()[1:-1])) < 150
    assert "… 996 after" in str(difference)


def test_an_inserted_branch_stands_alone():
    """Steps that rightly came in between have no counterpart."""
    difference = find_disagreement(entry("(a) (b) c", "c"), entry("(b) (a) c", status=200))
    assert difference.kind == "order"
    difference = find_disagreement(entry("(a) (b) (c)", "a b c"), entry("(a) (x) (c) (b)", "x", number=1))
    assert "    'a'       'a'\n              'x'\n  > 'b'       'c'" in str(difference)


def test_the_error_names_the_run():
    """The error keeps what was found."""
    difference = find_disagreement(entry("a"), entry("b"))
    error = NondeterminismError("run-1", difference)
    assert isinstance(error, TestkitError)
    assert (error.run_id, error.disagreement) == ("run-1", difference)
    assert str(error).startswith("run run-1: the handler does not come to the same steps")


def test_an_entry_can_be_read():
    """The repr says what was called and what came of it."""
    first = entry("a b b", "b:1", number=2, attempt=1, target="b:1")
    assert repr(first) == "<entry 2 (attempt 1, for 'b:1') at 2026-01-01T00:00:02+00:00: a, b, b:1 -> b:1>"
    assert repr(entry("", status=200)).endswith("no step -> result>")
    assert repr(entry("a", status=503)).endswith("a -> error 503>")
    assert pickle.loads(pickle.dumps(first)) == first
