"""The errors that a user meets when serving functions, and what is left as it was."""

from __future__ import annotations

import inngest
import pytest

from inngest_testkit import Engine, Function, Step, on_event
from inngest_testkit.errors import InvalidFunctionsError, NotFoundError, SetupError

from .apps import GO, client_of, function, serving


def named(ctx):
    return ctx.event.name
    yield


@pytest.fixture
def client():
    return client_of()


@pytest.fixture
def engine(client):
    with serving(client, function(client, named)) as engine:
        yield engine


@pytest.fixture(autouse=True)
def _still_works(engine):
    yield
    assert [each.id for each in engine.functions] == ["shop-f"]
    assert engine.send(GO).run.output == GO


def test_what_is_no_client_is_refused(engine):
    with pytest.raises(SetupError, match=r"expected the app's inngest.Inngest client, found str: 'shop'"):
        engine.serve("shop", [])


def test_functions_come_as_a_list(engine, client):
    with pytest.raises(SetupError, match="serve takes the client and a list of its functions, found Function"):
        engine.serve(client, function(client, named))


@pytest.mark.parametrize("given", [named, "f", None, Function("f", on_event(GO), steps=[Step("s")])])
def test_what_is_no_function_of_the_sdk_is_refused(engine, client, given):
    with pytest.raises(SetupError, match=r"functions made with @client.create_function\(...\), found"):
        engine.serve(client, [given])


def test_a_function_of_another_client_is_refused(engine, client):
    with pytest.raises(SetupError, match="function 'store-f' was made with another client than that of app 'shop'"):
        engine.serve(client, [function(client_of("store"), named)])


def test_an_id_twice_is_refused(engine, client):
    with pytest.raises(SetupError, match="two functions have the id 'shop-f', and the SDK would drop one: rename it"):
        engine.serve(client, [function(client, named), function(client, named)])


def test_a_client_in_production_needs_a_signing_key(engine):
    client = inngest.Inngest(app_id="live", is_production=True, event_key="key")
    with pytest.raises(SetupError, match=r"is in production mode and has no signing key.*is_production=False"):
        engine.serve(client, [function(client, named)])


def test_all_problems_of_all_functions_come_at_once_and_nothing_changes(engine, client):
    triggers = [
        inngest.TriggerEvent(event=GO, expression="event.data.n = 1"),
        inngest.TriggerCron(cron="every day"),
    ]
    broken = [function(client, named, id=f"bad-{index}", on=trigger) for index, trigger in enumerate(triggers)]
    with pytest.raises(InvalidFunctionsError) as caught:
        engine.serve(client, [*broken, function(client, named, id="good", on="good")])
    assert len(caught.value.problems) == 2
    assert "shop-bad-0" in caught.value.problems[0]
    assert "'every day'" in caught.value.problems[1]
    assert engine.send("good").runs == ()


def test_an_app_function_cannot_have_the_id_of_a_dag_function(client):
    engine = Engine()
    engine.register(Function("shop-f", on_event("dag"), steps=[Step("s", lambda: "dag")]))
    with pytest.raises(InvalidFunctionsError, match="function 'shop-f': another function has this id; rename one"):
        engine.serve(client, [function(client, named)])
    assert engine.send("dag").run.output == "dag"


def test_a_dag_function_cannot_have_the_id_of_an_app_function(engine):
    with pytest.raises(InvalidFunctionsError, match="function 'shop-f': another function has this id, of an app"):
        engine.register(Function("shop-f", on_event("dag"), steps=[Step("s", lambda: 1)]))


def test_apps_whose_ids_run_together_cannot_share_a_function_id(engine):
    first, second = client_of("a"), client_of("a-b")
    with serving(first, function(first, named, id="b-f")) as other:
        with pytest.raises(InvalidFunctionsError, match="function 'a-b-f': another function has this id"):
            other.serve(second, [function(second, named, id="f")])
        assert other.send(GO).run.function_id == "a-b-f"


def test_a_second_client_of_an_app_takes_its_functions_over(client):
    engine = serving(client, function(client, named))
    second = inngest.Inngest(app_id="shop", is_production=False)
    engine.serve(second, [function(second, named, id="g", on="g")])
    assert [each.id for each in engine.functions] == ["shop-g"]


def test_a_local_id_that_two_apps_have_is_ambiguous(client):
    engine = serving(client, function(client, named))
    store = client_of("store")
    engine.serve(store, [function(store, named)])
    with pytest.raises(NotFoundError, match=r"several apps have a function of this id.*'shop-f', 'store-f'"):
        engine.runs(function="f")
    engine.send(GO)
    assert [len(engine.runs(function=name)) for name in ("shop-f", "store-f")] == [1, 1]


@pytest.mark.parametrize("given", ["g", "shop-g", 7, None])
def test_a_function_that_is_not_served_is_named_with_those_that_are(engine, given):
    with pytest.raises(NotFoundError, match=r"there is no function .*; known functions: 'shop-f'"):
        engine.mock(given, "step", returns=1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"returns": 1, "occurrence": -1}, "counted from 0, found -1"),
        ({"returns": 1, "occurrence": True}, "counted from 0, found True"),
        ({}, "say what it does"),
    ],
)
def test_a_mock_that_cannot_work_says_why(engine, wrong, message):
    with pytest.raises(SetupError, match=message):
        engine.mock("f", "step", **wrong)
