"""What the page reads, and who may read it."""

from __future__ import annotations

import httpx
import inngest
import pytest

from inngest_testkit import AsyncEngine, Engine, Function, Step, after, on_cron, on_event
from inngest_testkit.api import ApiSettings, make_app
from inngest_testkit.api.page.assets import POLICY
from inngest_testkit.api.page.examples import example_of
from inngest_testkit.api.page.graph import graph_of
from inngest_testkit.api.page.values import LONGEST
from inngest_testkit.functions.model import EventDefinition

FILES = ["index.html", "app.css", "app.js", "icon.svg"]


def fail():
    raise ValueError("no")


@pytest.fixture
async def engine():
    async with AsyncEngine() as engine:
        yield engine


@pytest.fixture
async def functions(engine):
    wait = Step("a", lambda: 1, after=after(wait="1d"))
    await engine.register(
        Function("works", on_event("app/go"), steps=[Step("a", lambda: {"n": 1})]),
        Function("fails", on_event("app/fail"), steps=[Step("a", fail)]),
        Function("waits", on_event("app/wait"), on_cron("0 3 * * *"), steps=[wait]),
    )


async def read(client, path, status=200):
    answer = await client.get(path)
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.mark.parametrize("path", ["/", *(f"/page/{name}" for name in FILES)])
async def test_its_files_are_served_with_a_strict_policy(client, path):
    answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "unsafe" not in POLICY


async def test_the_page_has_neither_scripts_nor_styles_of_its_own_and_asks_nobody_else(client):
    html = (await client.get("/")).text
    assert "<style" not in html
    assert " style=" not in html
    assert html.count("<script") == html.count('<script type="module" src="/page/')
    assert "http://" not in html.replace('xmlns="http://www.w3.org', "")
    assert "https://" not in html
    assert not any(f" on{event}=" in html for event in ("click", "load", "submit", "error"))


async def test_only_its_own_files_are_served(client):
    for path in ("/page/part.py", "/page/../part.py", "/page/static/app.js", "/page/%2e%2e/part.py", "/page/"):
        assert (await client.get(path)).status_code == 404


async def test_runs_are_listed_newest_first_and_by_status_function_and_text(client, engine, functions):
    for name in ("app/go", "app/fail", "app/wait"):
        await engine.send(name)
    found = (await read(client, "/page/runs.json"))["runs"]
    assert [(run["function"], run["status"]) for run in found] == [
        ("waits", "RUNNING"),
        ("fails", "RUNNING"),
        ("works", "COMPLETED"),
    ]
    assert found[0]["waits"]["kind"] == "time"
    assert (found[2]["started_at"], found[2]["events"]) == (1_704_067_200_000, ["app/go"])

    async def functions_of(query):
        return [run["function"] for run in (await read(client, f"/page/runs.json?{query}"))["runs"]]

    assert await functions_of("status=COMPLETED") == ["works"]
    assert await functions_of("function=waits") == ["waits"]
    assert await functions_of("text=APP/FA") == ["fails"]
    assert await functions_of(f"text={found[1]['id'].lower()}") == ["fails"]
    assert await read(client, "/page/runs.json?limit=2") == {"runs": found[:2], "more": True}
    assert (await read(client, "/page/runs.json?limit=3"))["more"] is False


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=", "limit=-1", "limit=99999", "limit=²", "status=DONE"])
async def test_what_makes_no_sense_is_refused(client, query):
    answer = await read(client, f"/page/runs.json?{query}", 404)
    assert query.partition("=")[2] in answer["error"]


async def test_a_run_that_was_looked_at_here_still_counts_as_not_looked_at(client, engine, functions):
    """A test whose run fails is told so, whoever had the page open."""
    await engine.send("app/fail")
    await engine.advance("1d")
    [run] = (await read(client, "/page/runs.json?function=fails"))["runs"]
    detail = await read(client, f"/page/runs/{run['id']}.json")
    assert (detail["status"], detail["error"]["name"]) == ("FAILED", "ValueError")
    assert [each.id for each in engine.unobserved_failures] == [run["id"]]


async def test_a_runs_steps_have_their_attempts_and_values(client, engine, functions):
    run = (await engine.send("app/fail")).run
    detail = await read(client, f"/page/runs/{run.id}.json")
    [step] = detail["steps"]
    assert step["status"] == "RETRYING"
    [attempt] = step["attempts"]
    assert (attempt["number"], attempt["error"]["message"]) == (0, "no")
    assert attempt["retry_at"] == detail["waiting"][0]["until"] == 1_704_067_210_000
    assert "raise ValueError" in step["error"]["stack"]
    done = await read(client, f"/page/runs/{(await engine.send('app/go')).run.id}.json")
    assert done["steps"][0]["output"] == {"text": '{\n  "n": 1\n}', "more": 0}
    assert done["timeline"][-1]["outcome"] == "run.completed"


async def test_long_values_are_cut(client, engine):
    await engine.register(Function("long", on_event("long"), steps=[Step("a", lambda: "x" * 30_000)]))
    run = (await engine.send("long")).run
    output = (await read(client, f"/page/runs/{run.id}.json"))["output"]
    assert (len(output["text"]), output["more"]) == (LONGEST, 30_002 - LONGEST)


async def test_an_unknown_run_is_not_found(client):
    assert "01NONE" in (await read(client, "/page/runs/01NONE.json", 404))["error"]


async def test_events_tell_what_they_started_or_why_nothing(client, engine, functions):
    run = (await engine.send("app/go")).run
    await engine.send("app/gone", {"n": 1})
    newest, first = (await read(client, "/page/events.json"))["events"]
    assert (newest["name"], newest["runs"]) == ("app/gone", [])
    assert first["runs"] == [{"id": run.id, "function": "works", "status": "COMPLETED"}]
    detail = await read(client, f"/page/event.json?delivery={newest['delivery']}")
    assert '"n": 1' in detail["event"]["text"]
    assert "no function is triggered by 'app/gone'" in detail["why_nothing"]
    assert (await read(client, f"/page/event.json?delivery={first['delivery']}"))["why_nothing"] == ""
    assert [each["name"] for each in (await read(client, "/page/events.json?text=gone"))["events"]] == ["app/gone"]
    await read(client, "/page/event.json?delivery=send/none", 404)


async def test_functions_of_both_kinds_are_described(client, engine, functions):
    client_of_app = inngest.Inngest(app_id="shop", is_production=False)

    @client_of_app.create_function(fn_id="pay", trigger=inngest.TriggerEvent(event="pay/*"))
    def pay(ctx: inngest.ContextSync) -> None: ...

    await engine.serve(client_of_app, [pay])
    found = {each["id"]: each for each in (await read(client, "/page/functions.json"))["functions"]}
    assert found["waits"]["steps"] == [{"id": "a", "runtime": "python"}]
    assert [trigger["cron"] for trigger in found["waits"]["triggers"]] == [None, "0 3 * * *"]
    assert (found["shop-pay"]["app"], found["shop-pay"]["steps"]) == ("shop", None)
    assert found["shop-pay"]["triggers"][0]["example"] == {"name": "pay/example", "data": {}}


def test_an_example_has_what_the_definition_names():
    address = {"type": "object", "properties": {"city": {"default": "Lyon"}}}
    schema = {
        "type": "object",
        "properties": {
            "name": {"const": "order/placed"},
            "data": {
                "type": "object",
                "properties": {
                    "id": {"type": "string", "examples": ["o-1"]},
                    "amount": {"type": "number"},
                    "gift": {"type": ["boolean", "null"]},
                    "tags": {"type": "array"},
                    "plan": {"enum": ["free", "pro"]},
                    "to": {"anyOf": [address, {"type": "null"}]},
                    "any": {},
                },
            },
        },
    }
    trigger = on_event("order/placed", definition=EventDefinition("json-schema", schema))
    data = {"id": "o-1", "amount": 0, "gift": False, "tags": [], "plan": "free", "to": {"city": "Lyon"}, "any": None}
    assert example_of(trigger) == {"name": "order/placed", "data": data}
    assert example_of(on_event("x", definition=EventDefinition("cue", "{name: string}"))) == {"name": "x", "data": {}}


def test_a_schema_that_holds_itself_has_an_end():
    schema = {"type": "object", "properties": {}}
    schema["properties"]["data"] = schema
    assert example_of(on_event("x", definition=EventDefinition("json-schema", schema)))["name"] == "x"


async def asked_from(address, settings):
    """The statuses of what a page reads, for someone at an address."""
    async with AsyncEngine() as engine:
        transport = httpx.ASGITransport(make_app(engine, settings), client=(address, 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8288") as client:
            paths = ("/", "/page/runs.json", "/page/status.json", "/page/events.json", "/page/functions.json")
            return [(await client.get(path)).status_code for path in paths]


async def test_other_machines_see_nothing_unless_they_are_let():
    assert await asked_from("10.0.0.9", ApiSettings()) == [200, 403, 403, 403, 403]
    assert await asked_from("10.0.0.9", ApiSettings(remote_control=True)) == [200] * 5
    assert await asked_from("127.0.0.1", ApiSettings()) == [200] * 5


async def test_without_control_there_is_no_page():
    assert await asked_from("127.0.0.1", ApiSettings(control=False)) == [404] * 5


# -- graphs


def states(engine, run):
    graph = graph_of(run, engine._core.journal.shapes[run.id])
    return {node["id"]: node["state"] for node in graph["nodes"]}, graph


def test_a_graph_tells_where_each_step_stands():
    with Engine() as engine:
        engine.register(
            Function(
                "f",
                on_event("go"),
                steps=[
                    Step("a", lambda: 1),
                    Step("b", fail, after="a"),
                    Step("c", lambda: 1, after=after("a", wait="1d")),
                    Step("d", lambda: 1, after=after("a", event="x", ttl="2d")),
                    Step("e", lambda: 1, after=after("a", event="y", ttl="2d", on_timeout=True)),
                    Step("f", lambda: 1, after=after("a", if_="response == 2")),
                    Step("g", lambda: 1, after=after(["b", "c"])),
                ],
            )
        )
        run = engine.send("go").run
        before, graph = states(engine, run)
        assert before == {
            "$trigger": "completed",
            "a": "completed",
            "b": "retrying",
            "c": "waiting",
            "d": "waiting",
            "e": "waiting",
            "f": "skipped",
            "g": "pending",
        }
        layer = {node["id"]: node["layer"] for node in graph["nodes"]}
        assert layer == {"$trigger": 0, "a": 1, "b": 2, "c": 2, "d": 2, "e": 2, "f": 2, "g": 3}
        labels = {(edge["from"], edge["to"]): (edge["label"], edge["all"]) for edge in graph["edges"]}
        assert labels["a", "c"] == ("wait 1d", False)
        assert labels["a", "d"] == ("on 'x', at most 2d", False)
        assert labels["b", "g"][1] is labels["c", "g"][1] is True
        engine.send("y")
        engine.send("x")
        engine.advance("3d")
        after_all, graph = states(engine, run)
        assert after_all == before | {
            "b": "failed",
            "c": "completed",
            "d": "completed",
            "e": "skipped",
            "g": "not_reached",
        }
        taken = {(edge["from"], edge["to"]): edge["state"] for edge in graph["edges"]}
        assert taken["a", "d"] == taken["a", "c"] == "taken"
        assert taken["a", "e"] == taken["a", "f"] == "not_taken"


def test_the_steps_of_an_app_stand_below_what_was_done_before_them():
    client = inngest.Inngest(app_id="shop", is_production=False)

    @client.create_function(fn_id="pay", trigger=inngest.TriggerEvent(event="pay"), retries=0)
    def pay(ctx: inngest.ContextSync) -> None:
        ctx.step.run("first", lambda: 1)
        ctx.group.parallel((lambda: ctx.step.run("left", lambda: 1), lambda: ctx.step.run("right", lambda: 2)))
        ctx.step.sleep("nap", 60_000)
        ctx.step.run("last", fail)

    with Engine() as engine:
        engine.serve(client, [pay])
        run = engine.send("pay").run
        assert states(engine, run)[0]["nap"] == "waiting"
        engine.advance("1m")
        found, graph = states(engine, run)
        assert found["last"] == "failed"
        assert {node["id"]: node["layer"] for node in graph["nodes"]} == {
            "$trigger": 0,
            "first": 1,
            "left": 2,
            "right": 2,
            "nap": 3,
            "last": 4,
        }
        assert run.error is not None
