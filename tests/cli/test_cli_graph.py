from __future__ import annotations

from inngest_testkit.cli.graph import fit
from inngest_testkit.functions.graph import to_mermaid, to_text
from inngest_testkit.functions.loader import load_functions


def test_every_function_is_drawn_as_the_library_draws_it(cli, payment, nightly):
    ended = cli("graph", "functions")
    functions = [loaded.function for loaded in load_functions("functions")]
    assert ended.status == 0
    assert ended.out == "\n".join(to_text(function) for function in functions)
    assert "●  receipt   if response.paid == true" in ended.out


def test_a_single_flowchart_is_mermaid_and_nothing_else(cli, payment):
    (loaded,) = load_functions(payment)
    assert cli("graph", payment, "--mermaid").out == to_mermaid(loaded.function)


def test_several_flowcharts_are_headed_by_their_functions_as_comments(cli, payment, nightly):
    out = cli("graph", "functions", "--mermaid").out
    assert [line for line in out.splitlines() if line.startswith("%%")] == ["%% nightly", "%% payment"]


def test_on_a_narrow_screen_texts_go_on_beside_the_lines_of_the_picture(drip):
    (loaded,) = load_functions(drip)
    picture = fit(to_text(loaded.function), 60)
    assert picture == (
        "drip\n"
        "\n"
        "●    $trigger   event 'user/signed.up' if event.data.plan !=\n"
        "│        'internal'\n"
        "│\n"
        "●    welcome\n"
        "├─╮\n"
        "● │  tips   on 'user/logged.in' matching async.data.id ==\n"
        "  │      event.data.id, at most 3d\n"
        "  ●  reminder   when no 'user/logged.in' matching\n"
        "         async.data.id == event.data.id comes in 3d\n"
    )


def test_a_picture_that_is_not_for_a_screen_or_has_no_room_stays_as_it_is(drip):
    (loaded,) = load_functions(drip)
    picture = to_text(loaded.function)
    assert fit(picture, None) == fit(picture, 20) == fit(picture, 200) == picture


def test_for_machines_it_prints_the_functions(cli, payment):
    (function,) = cli("graph", "functions", "--json").json["functions"]
    assert function["id"] == "payment"
    assert function["steps"]["receipt"]["after"] == [{"step": "charge", "if": "response.paid == true"}]


def test_two_forms_at_once_are_refused(cli, payment):
    ended = cli("graph", "functions", "--json", "--mermaid")
    assert (ended.status, ended.out) == (2, "")
    assert "give one of them" in ended.err
