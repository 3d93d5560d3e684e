"""Every recorded expression, replayed."""

from __future__ import annotations

import ast
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from inngest_testkit.errors import ExpressionEvaluationError, ExpressionSyntaxError
from inngest_testkit.expressions import DAG, SDK, Dialect, compile_expression

DATA = Path(__file__).parents[1] / "recordings" / "data"
NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)


def outcome(text: str, dialect: Dialect, variables: dict[str, object]) -> object:
    try:
        return compile_expression(text, dialect).test(variables, lambda: NOW)
    except ExpressionSyntaxError:
        return "refused"
    except ExpressionEvaluationError:
        return "error"


def load(name: str) -> dict:
    return json.loads((DATA / name).read_text())


def dag_rows() -> list:
    found = []
    for name in ("compare", "functions", "dates"):
        recording = load(f"dag/expressions-{name}.json")
        found += [
            pytest.param(row["expression"], row["outcome"], recording["expression_context"], id=row["expression"])
            for row in recording["expressions"]
        ]
    return found


@pytest.mark.parametrize(("text", "expected", "event"), dag_rows())
def test_dag_expressions(text, expected, event):
    assert outcome(text, DAG, {"event": event}) == expected


def trigger_rows() -> list:
    recording = load("expressions/triggers.json")
    return [pytest.param(text, answer, recording["event"], id=text) for text, answer in recording["answers"].items()]


@pytest.mark.parametrize(("text", "expected", "event"), trigger_rows())
def test_sdk_triggers(text, expected, event):
    got = outcome(text, SDK, {"event": event})
    assert ("not true" if got in (False, "error") else got) == expected


def sdk_rows() -> list:
    found = []
    for name in ("expressions", "expressions_missing"):
        module = ast.parse((DATA / f"sdk/{name}.py").read_text())
        values = {
            statement.targets[0].id: ast.literal_eval(statement.value)
            for statement in module.body
            if isinstance(statement, ast.Assign) and statement.targets[0].id in ("EVENT", "EXPRESSIONS")
        }
        event = {"ts": 1_787_000_000_000, **values["EVENT"]}  # the server fills it in
        ran = {run["function"] for run in load(f"sdk/{name}.json")["runs"]}
        found += [
            pytest.param(text, f"shop-x-{key}" in ran, event, id=text) for key, text in values["EXPRESSIONS"].items()
        ]
    return found


@pytest.mark.parametrize(("text", "ran", "event"), sdk_rows())
def test_sdk_expressions(text, ran, event):
    assert (outcome(text, SDK, {"event": event}) is True) == ran


def test_the_rows_are_there():
    assert (len(dag_rows()), len(trigger_rows()), len(sdk_rows())) >= (150, 60, 108)


EDGES = sorted(path.name for path in (DATA / "dag").glob("edge-if-*.json"))


def answer(recording: dict, step: str) -> dict:
    given = recording["responders"].get(step, [{}])[0]
    return {"status": given.get("status", 200), "body": given.get("body", {"ok": True, "step": step})}


@pytest.mark.parametrize("name", EDGES)
def test_edge_conditions(name):
    """A condition on an edge is true exactly where the recorded run took it."""
    recording = load(f"dag/{name}")
    steps = recording["functions"][0]["steps"]
    free = [step for step, config in steps.items() if not any("if" in after for after in config["after"])]
    for number, request in enumerate(recording["script"]):
        called = {call["step"] for call in recording["calls"] if call["run"] == f"run-{number}"}
        if not called:
            continue  # the server had stopped
        for step, config in steps.items():
            for after in config["after"]:
                if "if" not in after:
                    continue
                parent = after["step"]
                done = [] if parent == "$trigger" else [*free, parent]
                variables = {
                    "event": request["send"],
                    "steps": {one: answer(recording, one) for one in done},
                    "response": {} if parent == "$trigger" else answer(recording, parent),
                }
                assert (outcome(after["if"], DAG, variables) is True) == (step in called), after["if"]


def test_trigger_sees_the_user():
    """Only the first of the four events has a user that fits."""
    recording = load("dag/trigger-expression-user.json")
    text = recording["functions"][0]["triggers"][0]["expression"]
    assert [outcome(text, DAG, dict(r["send"])) for r in recording["script"]] == [True, False, False, False]


def test_trigger_errors_have_the_recorded_text():
    recording = load("dag/trigger-expression-error.json")
    expression = compile_expression(recording["functions"][0]["triggers"][0]["expression"])
    logged = [line["error"] for line in recording["log"] if line.get("level") == "error"]
    reasons = []
    for request in recording["script"]:
        try:
            expression.test(request["send"], lambda: NOW)
        except ExpressionEvaluationError as error:
            reasons.append(error.reason)
    assert len(reasons) == len(logged) == 2
    for reason, line in zip(reasons, logged, strict=True):
        assert reason in line


def test_sdk_result_errors_have_the_recorded_text():
    errors = {line.get("error", "") for line in load("sdk/expressions.json")["server_log"]}
    with pytest.raises(ExpressionEvaluationError) as caught:
        compile_expression("event.data.s", SDK).test({"event": {"data": {"s": "Hello"}}}, lambda: NOW)
    assert any(caught.value.reason in error for error in errors)


def test_trigger_without_event():
    """In v0.5.0 triggers the variable `event` holds nothing, and everything below it is missing."""
    recording = load("dag/trigger-expression-event-is-missing.json")
    ran = {call["step"] for call in recording["calls"]}
    for function in recording["functions"]:
        step = function["steps"]["a"]["runtime"]["url"].rsplit("/", 1)[1]
        text = function["triggers"][0]["expression"]
        assert (outcome(text, DAG, {"name": "test/go"}) is True) == (step in ran), text


@pytest.mark.parametrize(
    "name", ["async-matched", "async-not-matching-then-timeout", "async-two-runs-match", "async-match-error"]
)
def test_matches(name):
    """A `match` is true for one arriving event at most, the one that resumed the run."""
    recording = load(f"dag/{name}.json")
    text = recording["functions"][0]["steps"]["b"]["after"][0]["async"]["match"]
    sent = [request["send"] for request in recording["script"]]
    waiting = [event for event in sent if event["name"] == "test/go"]
    resumed = sum(call["step"] == "b" for call in recording["calls"])
    arriving = [event for event in sent if event["name"] != "test/go"]
    pairs = [outcome(text, DAG, {"event": own, "async": other}) for own in waiting for other in arriving]
    assert pairs.count(True) == resumed


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("invalid-bad-edge-expression", 11),
        ("invalid-bad-trigger-expression", 15),
        ("invalid-undeclared-variable", 0),
    ],
)
def test_refused_at_load(name, place):
    function = load(f"dag/{name}.json")["functions"][0]
    trigger = function["triggers"][0].get("expression")
    text = trigger or function["steps"]["b"]["after"][0]["if"]
    with pytest.raises(ExpressionSyntaxError) as caught:
        compile_expression(text)
    assert caught.value.offset == place


def test_bad_waits():
    """A wait's expression that does not compile is refused, one without a boolean is an error when it is tested."""
    with pytest.raises(ExpressionSyntaxError):
        compile_expression("event.data.id ==", SDK)
    with pytest.raises(ExpressionSyntaxError, match="undeclared reference to 'foo'"):
        compile_expression("foo.data.id == 7", SDK)
    for text in ("'text'", "async.data.id"):
        assert outcome(text, SDK, {"event": {}, "async": {"data": {"id": 7}}}) == "error"


def test_key_expressions():
    """Keys: an object is a value, a missing operand of `+` is left out, a failing division is an error."""
    event = {"data": {"n": 1, "k": 5, "o": {"a": 1}}}

    def value(text: str, event: dict) -> object:
        return compile_expression(text, SDK).evaluate({"event": event}, lambda: NOW)

    assert value("event.data.k + '-x'", event) == "5-x"
    assert value("event.data.k + '-x'", {"data": {"k": "5"}}) == "5-x"
    assert value("event.data.k + '-x'", {"data": {}}) == "-x"
    assert value("event.data.o", event) == {"a": 1}
    with pytest.raises(ExpressionEvaluationError, match="no such overload"):
        value("event.data.n / 0", event)
