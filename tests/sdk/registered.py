"""Registrations as an SDK makes them, and their problems."""

from __future__ import annotations

import json
from pathlib import Path

from inngest_testkit.errors import InvalidFunctionsError
from inngest_testkit.sdk.registration import read_functions

RECORDINGS = Path(__file__).parents[1] / "recordings" / "data" / "sdk"
URL = "http://app.test/api/inngest"


def recording(name):
    text = (RECORDINGS / f"{name}.json").read_text(encoding="utf-8")
    return json.loads(text.replace("{app_url}", URL).replace("<app>", "app.test"))


def problems_of(*configs, app_id="shop"):
    try:
        read_functions(app_id, configs)
    except InvalidFunctionsError as error:
        return list(error.problems)
    return []


def function(**fields):
    step = {"id": "step", "name": "step", "runtime": {"type": "http", "url": f"{URL}?fnId=shop-a&stepId=step"}}
    return {"id": "shop-a", "name": "a", "triggers": [{"event": "go"}], "steps": {"step": step}, **fields}


def with_step(**fields):
    return function(steps={"step": {**function()["steps"]["step"], **fields}})


def problem_of(**fields):
    """Give the one problem of a function with these fields, without the function's name."""
    (found,) = problems_of(function(**fields))
    assert found.startswith("function 'shop-a', ")
    return found.removeprefix("function 'shop-a', ")
