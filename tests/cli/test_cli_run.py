from __future__ import annotations

import io
import json
import sys

import pytest

from inngest_testkit import Engine

STEP = {"id": "charge", "name": "charge", "path": "file://.", "runtime": {"type": "docker"}}
LOGIN = '[{"name": "user/signed.up", "data": {"id": 1}}, {"name": "user/logged.in", "data": {"id": 1}}]'


def http_step(url: str) -> dict[str, object]:
    return {"id": "charge", "name": "charge", "runtime": {"type": "http", "url": url}}


# -- what is printed


def test_a_run_prints_the_same_timeline_as_the_library_and_a_summary(cli, drip):
    ended = cli("run", "functions", "--mock", "welcome=null", "--mock", "reminder=1")
    engine = Engine()
    engine.load("functions")
    engine.mock("drip", "welcome", returns=None)
    engine.mock("drip", "reminder", returns=1)
    run = engine.send("user/signed.up").run
    engine.run_until_complete()
    assert ended.out == (f"{run.timeline()}\n\n1 run: 1 completed · 3d of virtual time, until 2024-01-04 00:00:00\n")
    assert ended.status == 0


def test_without_an_event_one_is_made_for_each_trigger_and_told(cli, payment, drip):
    ended = cli("run", "functions", "--mock", "charge=1", "--mock", "welcome=1", "--mock", "reminder=1")
    assert (
        'Note: no --event given: sending {"name": "order/placed"} '
        "(the trigger of payment has no definition, so its data are empty)" in ended.err
    )
    assert 'sending {"name": "user/signed.up"}' in ended.err
    assert "2 runs: 2 completed" in ended.out


def test_triggers_that_one_event_serves_share_it(cli, project):
    for name in ("a", "b"):
        project(name, [{"event": "order/placed"}], STEP)
    ended = cli("run", "functions", "--mock", "a/charge=1", "--mock", "b/charge=2")
    assert ended.err.count("no --event given") == 1
    assert "2 runs: 2 completed" in ended.out


def test_json_holds_the_runs_with_steps_waits_and_history(cli, drip):
    ended = cli("run", "functions", "--mock", 'welcome={"sent": true}', "--until", "1d", "--json", "--seed", 7)
    document = ended.json
    assert ended.status == 0
    assert list(document) == ["seed", "started_at", "now", "runs"]
    assert (document["seed"], document["now"]) == (7, "2024-01-02T00:00:00+00:00")
    (run,) = document["runs"]
    assert list(run) == [
        "id",
        "function",
        "status",
        "started_at",
        "ended_at",
        "events",
        "output",
        "error",
        "steps",
        "waiting",
        "history",
    ]
    assert (run["function"], run["status"], run["ended_at"]) == ("drip", "RUNNING", None)
    welcome = run["steps"]["welcome"]
    assert welcome["status"] == "COMPLETED"
    assert welcome["output"] == {"sent": True}
    assert (welcome["started_at"], welcome["error"]) == ("2024-01-01T00:00:00+00:00", None)
    assert [attempt["number"] for attempt in welcome["attempts"]] == [0]
    assert [(wait["step"], wait["until"][:10]) for wait in run["waiting"]] == [
        ("reminder", "2024-01-04"),
        ("tips", "2024-01-04"),
    ]
    assert run["history"][0]["kind"] == "run.created"


def test_json_of_a_failed_run_has_its_errors(cli, payment):
    ended = cli("run", payment, "--mock", "charge=!card declined", "--json")
    (run,) = ended.json["runs"]
    assert ended.status == 1
    assert run["error"] == {"name": "StepFailedError", "message": "card declined"}
    assert [attempt["retry_at"] is None for attempt in run["steps"]["charge"]["attempts"]] == [False, False, True]


def test_the_same_seed_gives_the_same_output_and_another_seed_other_ids(cli, drip):
    options = ("run", "functions", "--mock", "welcome=1", "--mock", "reminder=1", "--json")
    first, again, other = cli(*options), cli(*options), cli(*options, "--seed", 1)
    assert first == again
    assert first.json["runs"][0]["id"] != other.json["runs"][0]["id"]


def test_start_sets_the_clock(cli, payment):
    ended = cli("run", payment, "--start", "2025-06-01T09:00:00+02:00", "--mock", "charge=1")
    assert "2025-06-01 07:00:00" in ended.out


def test_an_error_is_printed_in_full_where_the_run_ends(cli, payment):
    message = "word " * 30 + "end"
    ended = cli("run", payment, "--mock", f"charge=!{message}")
    assert f"run.failed: StepFailedError: {message}\n" in ended.out


# -- events


def test_an_event_is_sent_and_nothing_else(cli, payment, drip):
    ended = cli(
        "run", "functions", "--event", '{"name": "order/placed", "data": {"a": 1}}', "--mock", "charge=1", "--json"
    )
    (run,) = ended.json["runs"]
    assert (run["function"], run["events"][0]["data"]) == ("payment", {"a": 1})
    assert "Note" not in ended.err


def test_the_events_of_a_list_arrive_together_and_those_of_two_options_one_after_the_other(cli, drip):
    mocks = ("--mock", "welcome=1", "--mock", "tips=1", "--mock", "reminder=1")
    together = cli("run", drip, "--event", LOGIN, *mocks, "--json").json["runs"][0]
    assert "reminder" in together["steps"]  # the wait did not exist yet
    first, second = json.loads(LOGIN)
    apart = cli("run", drip, "--event", json.dumps(first), "--event", json.dumps(second), *mocks, "--json")
    assert "tips" in apart.json["runs"][0]["steps"]


def test_an_event_comes_from_a_file(cli, payment, tmp_path):
    (tmp_path / "events.json").write_text('\ufeff[{"name": "order/placed"}, {"name": "order/placed"}]')
    assert "2 runs: 2 completed" in cli("run", payment, "--event", "@events.json", "--mock", "charge=1").out


def test_an_event_comes_from_the_standard_input(cli, payment, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"name": "order/placed"}'))
    assert "1 run: 1 completed" in cli("run", payment, "--event", "@-", "--mock", "charge=1").out


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (
            '{"name": "order/place"}',
            (
                "Error: no function is triggered by 'order/place'; known events: 'order/placed'; "
                "did you mean 'order/placed'?\n"
            ),
        ),
        (
            '{"name": "a",\n "data": {x: 1}}',
            (
                "Error: --event:2:11: this is not JSON: expecting property name enclosed in double quotes\n"
                ' |  "data": {x: 1}}\n |           ^\n'
            ),
        ),
        (
            "order/placed",
            (
                'Error: --event:1:1: this is not JSON: expecting value; write {"name": "order/placed"}\n'
                " | order/placed\n | ^\n"
            ),
        ),
        ("", "Error: --event: there is nothing in it; expected the JSON of an event\n"),
        ("[]", "Error: --event: the list is empty; give at least one event\n"),
        ("7", 'Error: --event: an event is an object such as {"name": "user/signed.up"}, found 7\n'),
        (
            '[{"name": "order/placed"}, {"data": {}}]',
            (
                "Error: --event: event 2 of 2: an event needs a name, a text such as 'user/signed.up', "
                "found {'data': {}}\n"
            ),
        ),
        (
            '{"name": "order/placed", "data": [1]}',
            (
                "Error: --event: event 'order/placed': data must be an object (a mapping with text keys), "
                "found list: [1]\n"
            ),
        ),
        ('{"name": "order/placed", "ts": NaN}', "Error: --event: this is not JSON: JSON has no NaN; write null\n"),
        ("@nope.json", "Error: --event @nope.json: the file cannot be read: No such file or directory\n"),
    ],
)
def test_a_bad_event_is_told_with_its_place_and_nothing_runs(cli, payment, event, message):
    ended = cli("run", payment, "--event", event)
    assert (ended.status, ended.out, ended.err) == (2, "", message)


def test_a_place_in_a_file_is_written_so_that_it_can_be_clicked(cli, payment, tmp_path):
    (tmp_path / "events.json").write_text('{"name":\n  order}')
    assert cli("run", payment, "--event", "@events.json").err.startswith("Error: events.json:2:3: this is not JSON")


def test_an_event_that_starts_nothing_is_an_error_that_says_why(cli, drip):
    ended = cli("run", drip, "--event", '{"name": "user/signed.up", "data": {"plan": "internal"}}')
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == (
        "Error: no run was started: the condition of no trigger on 'user/signed.up' was true for "
        "{'plan': 'internal'}. Give another event with --event\n"
    )


def test_an_event_that_starts_nothing_beside_others_is_a_warning(cli, payment):
    event = '{"name": "order/placed", "id": "o1"}'
    ended = cli("run", payment, "--event", event, "--event", event, "--mock", "charge=1")
    assert ended.status == 0
    assert (
        "Warning: an event started nothing: idempotency of function 'payment': event id 'o1' started run" in ended.err
    )


def test_a_triggers_expression_without_a_value_is_a_warning(cli, project):
    function = project("odd", [{"event": "a/b", "expression": "event.data.x > 3"}, {"event": "a/c"}], STEP)
    ended = cli("run", function, "--event", '{"name": "a/b", "data": {"x": "no"}}')
    assert ended.status == 2
    assert "Warning: function 'odd' was not started by event 'a/b'" in ended.err


# -- time


def test_a_schedule_runs_for_a_day_and_says_so(cli, nightly):
    ended = cli("run", nightly, "--mock", "collect=1")
    assert ended.err == "Note: no --until given: stopping after 1d, since nightly has a schedule\n"
    assert "1 run: 1 completed · 1d of virtual time" in ended.out


def test_a_schedule_runs_until_told(cli, nightly):
    assert "7 runs: 7 completed" in cli("run", nightly, "--mock", "collect=1", "--until", "7d").out


def test_when_no_schedule_is_due_the_next_is_named(cli, nightly):
    ended = cli("run", nightly, "--until", "1h")
    assert (ended.status, ended.out) == (0, "no runs · 1h of virtual time, until 2024-01-01 01:00:00\n")
    assert "Note: no schedule was due; the next is at 2024-01-01 06:00:00, see --until\n" in ended.err


def test_a_run_that_only_waits_is_no_failure(cli, drip):
    ended = cli("run", drip, "--mock", "welcome=1", "--until", "2d12h")
    assert ended.status == 0
    assert "tips               still waiting, until +3d" in ended.out
    assert "1 run: 1 still waiting · 2d12h of virtual time, until 2024-01-03 12:00:00" in ended.out


def test_a_wait_of_more_than_a_year_is_left_waiting(cli, project):
    later = {**STEP, "id": "later", "path": "file://x", "after": [{"step": "charge", "wait": "400d"}]}
    ended = cli("run", project("slow", [{"event": "a/b"}], STEP, later), "--mock", "charge=1")
    assert ended.status == 0
    assert "1 still waiting" in ended.out


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--until=7 days", "Error: --until: '7 days' is not a duration: write '7d'. Write numbers"),
        ("--until=-3d", "Error: --until: '-3d' is negative, and time can't go backwards\n"),
        ("--until=9999999d", "Error: advance by 9999999d leaves the calendar\n"),
        ("--start=soon", "Error: --start: 'soon' is not a moment: write ISO 8601, such as '2024-01-31T09:00:00Z'\n"),
        ("--start=2024-01-01", "Error: --start: 2024-01-01T00:00:00 has no time zone"),
    ],
)
def test_a_bad_time_is_told(cli, payment, option, message):
    ended = cli("run", payment, option, "--mock", "charge=1")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.partition("\n")[2] == "" or "Note" in ended.err
    assert message in ended.err


def test_a_schedule_over_too_long_a_time_ends_in_an_error(cli, project, monkeypatch):
    monkeypatch.setattr("inngest_testkit.cli.run.Engine", lambda **options: Engine(max_steps=50, **options))
    ended = cli("run", project("often", [{"cron": "* * * * *"}], STEP), "--mock", "charge=1", "--until", "30d")
    assert ended.status == 2
    assert "after 50 items of work with more to do: give a shorter --until" in ended.err


# -- mocks


def test_a_mock_may_name_its_function(cli, project):
    for name in ("a", "b"):
        project(name, [{"event": f"{name}/go"}], STEP)
    ended = cli("run", "functions", "--mock", "a/charge=[1]", "--mock", "b/charge=!no", "--json")
    assert [run["output"] for run in ended.json["runs"]] == [[1], None]
    assert ended.status == 1


@pytest.mark.parametrize(
    ("mock", "message"),
    [
        (
            "chrge=1",
            "Error: --mock chrge: there is no step 'chrge'; known steps: 'charge', 'receipt'; did you mean 'charge'?\n",
        ),
        (
            "paymnt/charge=1",
            (
                "Error: --mock paymnt/charge: there is no step 'paymnt/charge'; known steps: 'payment/charge', "
                "'payment/receipt'; did you mean 'payment/charge'?\n"
            ),
        ),
        (
            "charge=ok",
            (
                "Error: --mock charge:1:1: this is not JSON: expecting value\n | ok\n | ^\n"
                "Text needs quotes: --mock 'charge=\"ok\"'\n"
            ),
        ),
        ("charge={]", "Error: --mock charge:1:2: this is not JSON"),
        ("charge=", "Error: --mock charge: there is nothing in it; expected the JSON of the step's output\n"),
        ("charge", "Error: --mock charge: write STEP=JSON, FUNCTION/STEP=JSON, or STEP=!TEXT for a step that fails\n"),
    ],
)
def test_a_bad_mock_is_told(cli, payment, mock, message):
    ended = cli("run", payment, "--mock", mock)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith(message)


def test_a_step_of_several_functions_needs_its_function(cli, project):
    for name in ("a", "b"):
        project(name, [{"event": "go"}], STEP)
    ended = cli("run", "functions", "--mock", "charge=1")
    assert ended.err == "Error: --mock charge: 2 functions have this step; write a/charge or b/charge\n"


def test_a_step_is_mocked_once(cli, payment):
    ended = cli("run", payment, "--mock", "charge=1", "--mock", "payment/charge=2")
    expected = "Error: --mock payment/charge: this step is mocked already, by --mock charge=…; keep one\n"
    assert (ended.status, ended.err) == (2, expected)


def test_a_mock_that_nothing_asked_for_is_noted(cli, payment):
    ended = cli("run", payment, "--mock", "charge=1", "--mock", "receipt=1")
    assert "Note: --mock receipt was not used: the step did not run\n" in ended.err


def test_a_docker_step_fails_with_the_option_that_mocks_it(cli, payment):
    ended = cli("run", payment)
    assert ended.status == 1
    assert "MissingDriverError" in ended.out
    assert (
        "Hint: step 'charge' needs docker, which this command does not run; give its output:\n"
        "  --mock 'charge={\"ok\": true}'\n" in ended.err
    )


def test_an_http_step_that_nobody_answers_gets_the_option_that_mocks_it(cli, project):
    function = project("payment", [{"event": "a/b"}], http_step("http://127.0.0.1:9/charge"))
    ended = cli("run", function)
    assert ended.status == 1
    assert (
        "Hint: step 'charge' got no answer from http://127.0.0.1:9/charge: start what answers there, or give\n"
        '  --mock \'charge={"status": 200, "body": {}}\'\n' in ended.err
    )


def test_the_option_of_a_hint_names_the_function_where_it_must(cli, project):
    for name in ("a", "b"):
        project(name, [{"event": "go"}], STEP)
    ended = cli("run", "functions", "--mock", "b/charge=1")
    assert "--mock 'a/charge={\"ok\": true}'" in ended.err
    assert "b/charge={" not in ended.err


# -- functions


def test_a_path_that_is_not_there_is_told(cli, project):
    ended = cli("run", "nope")
    assert ended.status == 2
    assert ended.err.startswith("Error: there is no file or folder 'nope' (looked in ")
    assert "Traceback" not in ended.err


def test_a_folder_without_functions_says_what_was_looked_for(cli, tmp_path):
    for command in ("run", "graph"):
        ended = cli(command, tmp_path)
        assert ended.err == (
            f"Error: no functions found under '{tmp_path}': looked for inngest.cue or inngest.json in it and in "
            "every folder below it\n"
        )
        assert ended.status == 2


def test_every_problem_of_the_functions_has_its_line(cli, project):
    project("a", [{"event": "go"}], {**STEP, "runtime": {"type": "magic"}})
    project("b", [{"cron": "every day"}], {**STEP, "after": [{"step": "nobody"}]})
    for command in ("run", "graph"):
        ended = cli(command, "functions")
        assert (ended.status, ended.out) == (2, "")
        first, *problems = ended.err.splitlines()
        assert first == f"Error: {len(problems)} problems in the functions:"
        assert [problem.split(":")[0] for problem in problems] == [
            "functions/a/inngest.json",
            *["functions/b/inngest.json"] * (len(problems) - 1),
        ]
        assert any("'every day' isn't a valid cron schedule" in problem for problem in problems)
