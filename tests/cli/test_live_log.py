"""The lines of a running server: what is told, and what is only counted."""

from __future__ import annotations

import json

import pytest

from inngest_testkit import Engine, Function, NonRetriableError, Step, after, on_event
from inngest_testkit.cli.live_log import Level, LiveLog
from inngest_testkit.cli.remains import MOST_RUNS, Remains


def decline():
    raise NonRetriableError("declined\x1b[2J")


@pytest.fixture
def engine():
    with Engine() as engine:
        engine.register(
            Function("pay", on_event("go"), steps=[Step("charge", lambda: 1)]),
            Function("bad", on_event("bad"), steps=[Step("charge", decline)]),
            Function("waits", on_event("wait"), steps=[Step("late", lambda: 1, after=after(wait="1d"))]),
        )
        yield engine


def logged(engine, **options):
    written = []
    log = LiveLog(engine._core.journal, local_time=False, write=written.append, **options)
    engine._core.journal.listen(log.see)

    def lines():
        log.flush()
        told = "".join(written).splitlines()
        written.clear()
        return told

    return log, lines


def test_each_step_is_a_line_with_the_run_that_it_is_of(engine):
    _, lines = logged(engine)
    sent = engine.send("go")
    tail = sent.run.id[-6:]
    at = "2024-01-01 00:00:00"
    assert lines() == [
        f"{at}  ◆  go  {sent.ids[0]}",
        f"{at}  ▸  pay  {tail}  run starts: event 'go'",
        f"{at}  ✓  pay  {tail}  charge  ok 1",
        f"{at}  ▸  pay  {tail}  run.completed",
    ]


def test_how_long_a_run_took_is_told(engine):
    _, lines = logged(engine)
    engine.send("wait")
    engine.advance("1d")
    assert lines()[-1].endswith("run.completed  · 1d")


def test_what_a_terminal_would_obey_is_not_written(engine):
    _, lines = logged(engine)
    engine.send("bad")
    told = "\n".join(lines())
    assert "declined" in told
    assert "\x1b" not in told


def test_colours_are_those_of_the_states(engine):
    _, lines = logged(engine, color=True)
    engine.send("bad")
    assert any("\x1b[31m" in line and "declined" in line for line in lines())


def test_what_nobody_can_read_is_counted_but_failures_are_shown(engine):
    log, lines = logged(engine)
    for _ in range(50):
        engine.send("go")
    engine.send("bad")
    told = lines()
    assert len(told) < 60
    assert any("✕  bad" in line for line in told)
    assert told[-1].strip().startswith("… ")
    assert (log.counts["events"], log.counts["runs"], log.counts["completed"], log.counts["failed"]) == (51, 51, 50, 1)
    engine.send("go")
    assert len(lines()) == 4  # the next moment is told in full


def test_for_machines_nothing_is_left_out(engine):
    _, lines = logged(engine, as_json=True)
    for _ in range(50):
        engine.send("go")
    told = [json.loads(line) for line in lines()]
    assert [each["kind"] for each in told].count("run.completed") == 50
    assert {each.get("function_id") for each in told if each["run_id"]} == {"pay"}


@pytest.mark.parametrize(("level", "count"), [(Level.DEBUG, 5), (Level.INFO, 4), (Level.WARN, 2), (Level.ERROR, 2)])
def test_the_level_says_how_much_is_told(engine, level, count):
    engine.register(
        Function("odd", on_event("odd"), steps=[Step("a", decline), Step("b", decline, after=after(if_="false"))])
    )
    _, lines = logged(engine, level=level)
    engine.send("odd")
    assert len(lines()) == count


def test_a_note_lists_the_first_runs_and_counts_all(engine, tmp_path):
    log, _ = logged(engine)
    for _ in range(MOST_RUNS + 5):
        engine.send("wait")
    remains = Remains(tmp_path, 1)
    note = remains.note(engine._core.journal, log.counts)
    assert (len(note.open), note.open_count, note.events_accepted) == (MOST_RUNS, MOST_RUNS + 5, MOST_RUNS + 5)
    assert note.words.count("waits 01") == 3
    assert f"and {MOST_RUNS + 2} more" in note.words
    remains.write(note)
    assert remains.read() == note
    assert remains.file.stat().st_size < 200_000


def test_a_kill_without_open_runs_is_told_and_a_clean_stop_is_not(engine, tmp_path):
    log, _ = logged(engine)
    remains = Remains(tmp_path, 1)
    killed = remains.note(engine._core.journal, log.counts)
    assert "was killed: no run was open; events accepted after its last note" in killed.words
    assert remains.note(engine._core.journal, log.counts, stopped=True).words == ""


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"open": [{}]}'])
def test_a_file_that_is_no_note_is_told(tmp_path, text):
    remains = Remains(tmp_path, 1)
    remains.file.parent.mkdir()
    remains.file.write_text(text)
    with pytest.raises(ValueError, match="is not a note of a server; delete it"):
        remains.read()


def test_a_note_that_cannot_be_written_leaves_nothing_behind(engine, tmp_path, monkeypatch):
    log, _ = logged(engine)
    remains = Remains(tmp_path, 1)
    remains.file.mkdir(parents=True)  # a folder stands in its place
    with pytest.raises(OSError):
        remains.write(remains.note(engine._core.journal, log.counts))
    assert sorted(path.name for path in remains.file.parent.iterdir()) == [".gitignore", "dev-1.json"]
