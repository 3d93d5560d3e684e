"""What an inspector tells of a run, and what it tells only once."""

from __future__ import annotations

import inngest_testkit.sdk.inspection.findings as module
from inngest_testkit.sdk.inspection import (
    Inspector,
    NondeterminismWarning,
    ParallelStepsWarning,
    concurrent_steps,
    find_collisions,
    find_duplicates,
    steps_in_tasks,
)
from inngest_testkit.sdk.protocol import hash_step

from .traces import entry, steps


def kinds(inspector, *entries):
    return [finding.kind for one in entries for finding in inspector.enter(one, {})]


def test_steps_in_tasks():
    """Steps in tasks count, unless they are in a group."""
    assert [step.id for step in steps_in_tasks(entry("a b~ (c~) d~"))] == ["b", "d"]
    assert concurrent_steps(entry("a b~ c~"), {"a"}) == steps("a b~ c~")[1:]
    assert concurrent_steps(entry("a b~ c~"), {"a", "b"}) == ()
    assert concurrent_steps(entry("(a~) (b~)"), ()) == ()


def test_a_gather_is_told_with_its_remedy():
    """The message names the steps and how to write them."""
    (finding,) = Inspector().enter(entry("a~ b~ c~", "a"), {})
    assert (finding.kind, finding.steps) == ("gather", ("a", "b", "c"))
    assert str(finding).endswith(
        "use await ctx.group.parallel((lambda: ctx.step.run('a', ...), lambda: ctx.step.run('b', ...), ...))"
    )


def test_a_gather_is_told_once_for_its_steps():
    """Neither its later entries nor the order of its tasks are told; another gather is."""
    inspector = Inspector()
    assert kinds(inspector, entry("a~ b~ c~", "a"), entry("a~ c~ b~", "c", number=1)) == ["gather"]
    assert kinds(inspector, entry("a~ b~ c~", "b", number=2), entry("a~ b~ c~ d~ e~", "d", number=3)) == ["gather"]


def test_nondeterminism_is_told_once_for_a_place():
    """An id that changes at each entry is one finding; another place is another."""
    inspector = Inspector()
    tokens = [entry(f"a r{i}", f"r{i}", number=i) for i in range(5)]
    assert kinds(inspector, *tokens) == ["nondeterminism"]
    assert kinds(inspector, entry("b", "b", number=5)) == ["nondeterminism"]


def test_an_entry_that_an_error_ended_is_not_the_one_to_compare_with():
    """What it did not come to must come later all the same."""
    inspector = Inspector()
    assert kinds(inspector, entry("a b", "b"), entry("a", number=1, status=500)) == []
    assert kinds(inspector, entry("a c", "c", number=2)) == ["nondeterminism"]
    inspector = Inspector()
    assert kinds(inspector, entry("r1", status=500), entry("r2", number=1, status=500)) == ["nondeterminism"]
    inspector = Inspector()
    assert kinds(inspector, entry("a b", "b"), entry("a b c", number=1, status=500)) == []
    assert kinds(inspector, entry("a b d", "d", number=2)) == ["nondeterminism"]


def test_a_targeted_entry_is_compared_and_not_kept():
    """In it, a step that is gone counts; a step that only it came to does not."""
    group = entry("(p) (q) (t)", "p q t")
    inspector = Inspector()
    assert kinds(inspector, group, entry("(p) (q) (some) (t)", "t", number=1, target="t")) == []
    assert kinds(inspector, entry("(p) (q) (all) (t)", "all", number=2)) == []
    assert kinds(Inspector(), group, entry("(p) (t)", "t", number=1, target="t")) == ["nondeterminism"]
    assert kinds(Inspector(), entry("(p)", "p", target="p"), entry("(q)", "q", number=1)) == []


def test_a_call_that_began_before_another_may_end_after_it():
    """It had fewer memos, and so may lack what the other came to."""
    inspector = Inspector()
    race = entry("(a) (b)", "a b"), entry("(a) (a2) (b)", "a2 b", number=2)
    assert kinds(inspector, *race, entry("(a) (b)", "b", number=1, target="b")) == []
    assert kinds(inspector, entry("(a) (b)", "a b", number=1), entry("(a) (b)", "a b", number=3)) == ["nondeterminism"]


def test_duplicates():
    """Both uses are told, and only those of one answer."""
    (duplicate,) = find_duplicates(steps("(a) (b) (a)"), ("a", "b", "a:1"))
    assert (duplicate.kind, duplicate.keys) == ("repeated", ("a", "a:1"))
    assert str(duplicate).startswith(
        "step id 'a' is used 2 times among the steps of one parallel group, as 'a' and 'a:1'"
    )
    assert find_duplicates(steps("a a"), ("a:1",)) == ()
    assert find_duplicates(steps("b (a) (b)"), ("a", "b:1")) == ()


def test_an_id_that_looks_generated():
    """A literal `y:1` is the second `y` on the wire."""
    trace = steps("(y) (y) (y:1)")
    (repeated,), (collision,) = find_duplicates(trace, ("y", "y:1", "y:1")), find_collisions(trace)
    assert (repeated.kind, repeated.keys, collision.kind) == ("repeated", ("y", "y:1"), "collision")
    assert (collision.ids, collision.keys) == (("y", "y:1"), ("y:1",))
    (collision,) = find_collisions(steps("y y:1 y"))
    assert (collision.ids, collision.keys) == (("y:1", "y"), ("y:1",))
    assert find_collisions(steps("y y y:2")) == ()


def test_a_duplicate_is_told_once():
    """Race mode names the open steps of a group again."""
    inspector = Inspector()
    one, other = entry("(a) (a) (a)", "a a:1 a:2"), entry("(a) (a) (a)", "a:1 a:2", number=1)
    assert [finding.steps for finding in inspector.enter(one, {})] == [("a", "a:1", "a:2")]
    assert inspector.enter(other, {}) == ()


def test_type_changes_are_told_once_for_an_id():
    """A loop's steps are one finding, with the path of each change."""
    inspector = Inspector()
    (finding,) = inspector.enter(entry("a", "a"), {hash_step("a"): {"when": (1,)}})
    assert (finding.kind, finding.steps) == ("type-change", ("a",))
    assert str(finding).startswith("step 'a': output['when']: tuple becomes list, since ")
    assert inspector.enter(entry("a a", "a:1", number=1), {hash_step("a:1"): (1,)}) == ()
    assert inspector.enter(entry("a a b", "b", number=2), {hash_step("b"): [1]}) == ()
    assert len(inspector.enter(entry("a a b c", "c", number=3), {hash_step("c"): (1,)})) == 1


def test_many_type_changes_are_counted():
    """A table of tuples does not fill the screen."""
    (finding,) = Inspector().enter(entry("a", "a"), {hash_step("a"): [(i,) for i in range(100)]})
    assert len(finding.changes) == 100
    assert "; and 95 more, since" in finding.message


def test_a_value_of_an_unknown_step_is_told_by_its_hash():
    """A body that ends after the answer may have no step in the trace."""
    (finding,) = Inspector().enter(entry(""), {"abc": ()})
    assert finding.steps == ("abc",)


def test_the_warnings_are_named_as_they_are_imported():
    """A filter in pytest's settings names the package."""
    assert {kind.__module__ for kind in (NondeterminismWarning, ParallelStepsWarning)} == {"inngest_testkit"}


def test_a_run_of_many_steps_compares_each_entry_once(monkeypatch):
    """The cost of a run is at most one comparison for each entry, with the one before."""
    compared = []
    real = module.find_disagreement
    monkeypatch.setattr(module, "find_disagreement", lambda *both: compared.append(both) or real(*both))
    ids = " ".join(f"s{i}" for i in range(50)).split()
    inspector = Inspector()
    entries = [entry(" ".join(ids[: i + 1]), ids[i], number=i) for i in range(50)]
    assert kinds(inspector, *entries) == []
    assert len(compared) <= 49
    assert {later.number - earlier.number for earlier, later in compared} <= {1}
