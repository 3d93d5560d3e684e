"""What the pages in `docs` say is true: their tests pass, and print what is shown below them."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import timedelta

import inngest
import pytest

from inngest_testkit.functions.flow_options import check_flow_control, plan_flow_control
from inngest_testkit.functions.model import OPTIONS

from .pages import PAGES, ROOT, run, sections

SECTIONS = [(page, heading) for page in PAGES for heading in sections(page) if heading]
NAMES = [f"{page.stem}: {heading}" for page, heading in SECTIONS]


def names_of(page):
    """What the sections of a page share: the names of the blocks before the first heading."""
    names = {"__name__": page.stem}
    for block in sections(page).get("", []):
        if block.language == "python":
            assert run(page, block, names) == (block.shown or "")
    return names


@pytest.mark.parametrize(("page", "heading"), SECTIONS, ids=NAMES)
def test_a_sections_blocks_run_and_print_what_is_shown(page, heading):
    names = names_of(page)
    for block in sections(page)[heading]:
        if block.language == "python":
            assert run(page, block, names).rstrip() == (block.shown or "").rstrip(), f"{page.name}:{block.line}"
        else:
            # A block of text that shows no output would not be checked.
            assert block.language not in ("", "text"), f"{page.name}:{block.line}"


BLOCKS = [(page, block) for page in PAGES for blocks in sections(page).values() for block in blocks]
SCRIPTS = [(page, block) for page, block in BLOCKS if block.language == "javascript"]


@pytest.mark.parametrize(("page", "block"), SCRIPTS, ids=[f"{page.name}:{block.line}" for page, block in SCRIPTS])
def test_javascript_is_valid(page, block, tmp_path):
    script = tmp_path / "script.mjs"
    script.write_text(block.text)
    checked = subprocess.run(["node", "--check", str(script)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


WAYS = [
    (page.name, dict(re.findall(r"^\| (builder|`inngest\.json`|SDK) \| `(.*)` \|$", table, flags=re.MULTILINE)))
    for page in PAGES
    for table in re.findall(r"^\| where \| how \|\n(?:\|.*\n)+", page.read_text(), flags=re.MULTILINE)
]


@pytest.mark.parametrize(("page", "ways"), WAYS, ids=[way["builder"].partition("=")[0] for _, way in WAYS])
def test_the_ways_to_write_a_rule_mean_the_same(page, ways):
    names = {"inngest": inngest, "timedelta": timedelta}
    builder, sdk = (eval(f"dict({ways[way]})", names) for way in ("builder", "SDK"))
    written = [
        {OPTIONS[name]: value for name, value in builder.items()},
        {OPTIONS[name]: value for name, value in sdk.items()},
        json.loads("{" + ways["`inngest.json`"] + "}"),
    ]
    assert [check_flow_control(each) for each in written] == [[], [], []]
    first, *others = (plan_flow_control(each) for each in written)
    assert first is not None
    assert others == [first, first]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_lead_somewhere(page):
    for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_linked_from_the_readme(page):
    assert f"(docs/{page.name})" in (ROOT / "README.md").read_text()
