"""What the README says of SDK functions is true: the snippets run, in order, as they stand."""

from __future__ import annotations

import asyncio
import builtins
import re
import tomllib
from itertools import pairwise
from pathlib import Path

import inngest
import pytest

import inngest_testkit
from examples.drip_campaign.app import app
from examples.drip_campaign.emails import MailboxUnavailableError, gateway
from examples.drip_campaign.functions import campaign, choose_tips, client
from inngest_testkit import Engine, Limits, RunStatus
from inngest_testkit.clock import epoch_ms
from inngest_testkit.sdk.private import SUPPORTED

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SECTION = README.split("### Functions of the Python SDK\n")[1].split("\n### ")[0]
FLOW_CONTROL = README.split("### Flow control\n")[1].split("\n### ")[0]
PAGE = README.split("## Coming from mocked and from the dev server\n")[1].split("\n## ")[0]


def blocks(text, language="python"):
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


@pytest.fixture
def _one_loop():
    """`mocked` runs async functions on the current event loop; without one it leaves a new one open at each entry."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture
def names():
    """What a snippet may use without an import."""
    with Engine() as engine:
        yield {
            "Engine": Engine,
            "Limits": Limits,
            "MailboxUnavailableError": MailboxUnavailableError,
            "NOW_MS": epoch_ms(engine.now),
            "RunStatus": RunStatus,
            "app": app,
            "campaign": campaign,
            "choose_tips": choose_tips,
            "client": client,
            "engine": engine,
            "inngest": inngest,
        }
    gateway.outbox.clear()


def run_all(text, names):
    for number, block in enumerate(blocks(text)):
        gateway.outbox.clear()
        exec(compile(block, f"block {number} of {len(blocks(text))}", "exec"), names)


def test_the_first_sdk_example_is_short_and_passes_in_an_empty_project(pytester):
    (example,) = [block for block in blocks(README) if "two weeks" in block]
    assert len(example.splitlines()) <= 12
    pytester.makepyfile(test_trial=example)
    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=1)


def test_the_fixture_serves_the_functions(pytester):
    (fixture,) = [block for block in blocks(README) if "def engine(inngest_engine)" in block]
    functions = "import pytest\nfrom examples.drip_campaign.functions import campaign, choose_tips, client\n"
    test = "def test_it(engine):\n    assert {campaign.id, choose_tips.id} < {each.id for each in engine.functions}\n"
    pytester.makepyfile(functions + fixture + test)
    pytester.syspathinsert(ROOT)
    pytester.runpytest_inprocess("-p", "no:randomly", "-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_the_sections_snippets_run(names):
    run_all(SECTION, names)


@pytest.mark.usefixtures("_one_loop")
def test_the_pages_snippets_run_and_print_what_is_shown(names, capsys):
    run_all(PAGE, names)
    (shown,) = blocks(PAGE, "text")
    assert capsys.readouterr().out.strip() == shown.strip()


def test_every_name_that_the_pages_call_on_an_engine_exists():
    for text in (SECTION, FLOW_CONTROL, PAGE):
        for name in set(re.findall(r"engine\.(\w+)\(", text)):
            assert callable(getattr(Engine, name))
        for name in set(re.findall(r"`(\w+(?:Warning|Error))`", text)):
            assert any(hasattr(where, name) for where in (inngest_testkit, inngest, builtins))


def test_the_delays_are_those_of_the_engine(names):
    told = re.search(r"retries come (.*?) after", SECTION, re.DOTALL).group(1)

    @client.create_function(fn_id="always", trigger=inngest.TriggerEvent(event="always"), retries=10)
    def always(ctx: inngest.ContextSync) -> None:
        raise RuntimeError

    engine = names["engine"]
    engine.serve(client, [always])
    run = engine.execute(always)
    attempts = [entry.at for entry in run.entries]
    waits = [(later - earlier).total_seconds() for earlier, later in pairwise(attempts)]
    units = {"s": 1, "min": 60, "h": 3600}
    expected, unit = [], "s"
    for number, given in reversed(re.findall(r"(\d+)(?: (s|min|h))?", told)):
        unit = given or unit
        expected.insert(0, int(number) * units[unit])
    assert waits == expected


def test_the_supported_versions_are_those_that_the_package_names():
    assert f"Versions {SUPPORTED[0]} to {SUPPORTED[1]} are supported" in SECTION
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["sdk"]
    assert any(each.startswith(f"inngest>={SUPPORTED[0]},") for each in extra)


def test_a_list_of_events_makes_the_run_of_a_batch_as_the_table_says(names):
    assert "`engine.execute(fn, [first, second])`: a run of a batch" in PAGE
    trigger = inngest.TriggerEvent(event="order")
    function = client.create_function(fn_id="orders", trigger=trigger)(lambda ctx: [each.name for each in ctx.events])
    names["engine"].serve(client, [function])
    run = names["engine"].execute(function, [inngest.Event(name="order"), inngest.Event(name="order")])
    assert run.output == ["order", "order"]


def test_links_lead_somewhere():
    headings = re.findall(r"^#+ (.*)", README, flags=re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    for target in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert target[1:] in anchors if target.startswith("#") else (ROOT / target).exists()
    for target in re.findall(r"`(examples/[\w/.-]+)`", README):
        assert (ROOT / target).exists()
