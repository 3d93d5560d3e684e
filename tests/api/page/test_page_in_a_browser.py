"""The page as a person uses it, in a real browser."""

from __future__ import annotations

import inngest
import pytest

from inngest_testkit import Engine, Function, Step, on_event
from inngest_testkit.api.server import LiveServer

from .browser import expect

PLACED = {"amount": 12}


def sleepy():
    """An app whose function sleeps for an hour."""
    client = inngest.Inngest(app_id="sleepy", is_production=False)

    @client.create_function(fn_id="doze", trigger=inngest.TriggerEvent(event="app/doze"))
    def doze(ctx: inngest.ContextSync) -> str:
        ctx.step.sleep("nap", 3_600_000)
        return "awake"

    return client, [doze]


def rows(tab):
    return tab.locator("#rows .row")


def state_of(tab, node):
    return tab.locator(f'.graph .node[data-node="{node}"]').get_attribute("data-state")


def open_run(tab, server, run):
    tab.goto(f"{server.url}/#/runs/{run.id}")
    expect(tab.locator(".graph svg")).to_be_visible()


# -- the list


def test_without_runs_it_says_how_to_start_one(tab, server):
    expect(tab.locator(".empty")).to_contain_text("No runs yet.")
    expect(tab.locator(".empty pre")).to_have_text(
        f"""curl {server.url}/e/key -d '{{"name":"app/hello","data":{{}}}}'"""
    )


def test_without_functions_it_says_how_to_get_some(open_tab, serve):
    server = serve(Engine())
    tab = open_tab()
    tab.goto(server.url)
    expect(tab.locator(".empty")).to_contain_text("No function is here yet.")
    expect(tab.locator(".empty pre")).to_contain_text(f"INNGEST_DEV={server.url}")


def test_the_list_follows_what_happens(tab, engine):
    expect(tab.locator("#live")).to_have_text("Live")
    engine.send("app/hello")
    expect(rows(tab)).to_have_count(1)
    expect(rows(tab)).to_contain_text("hello")
    expect(rows(tab).locator(".badge")).to_have_text("✓Completed")
    engine.send("shop/order.placed", PLACED)
    expect(rows(tab)).to_have_count(2)
    newest = rows(tab).first
    expect(newest.locator(".badge")).to_have_text("◔Waiting")
    expect(newest.locator(".what")).to_have_text("NonRetriableError: the card was declined")
    engine.advance("30d")
    expect(newest.locator(".badge")).to_have_text("✕Failed")


def test_it_can_be_narrowed_down(tab, engine):
    for _ in range(3):
        engine.send("app/hello")
    engine.send("shop/order.placed", PLACED)
    expect(rows(tab)).to_have_count(4)
    tab.get_by_label("Status", exact=True).select_option("RUNNING")
    expect(rows(tab)).to_have_count(1)
    expect(rows(tab)).to_contain_text("order")
    tab.get_by_label("Function", exact=True).select_option("hello")
    expect(tab.locator(".empty")).to_contain_text("No run is like that.")
    tab.get_by_role("button", name="Show all runs").click()
    expect(rows(tab)).to_have_count(4)
    tab.get_by_role("searchbox").fill("ORDER.placed")
    expect(rows(tab)).to_have_count(1)


# -- one run


def test_a_run_shows_its_steps_waits_error_and_event(tab, server, engine):
    run = engine.send("shop/order.placed", PLACED).run
    open_run(tab, server, run)
    expect(tab.locator("h1")).to_have_text("order")
    expect(tab.locator("#detail")).to_contain_text(run.id)
    waits = tab.locator(".lines li").filter(has=tab.locator(".until"))
    expect(waits).to_have_count(2)
    expect(waits.nth(0)).to_contain_text("review waits until 2024-01-04 00:00:00")
    expect(waits.nth(1)).to_contain_text("returned waits for shop/order.returned until 2024-01-31 00:00:00")
    failed = tab.locator('details[data-key="step-charge"]')
    expect(failed.locator(".error p")).to_contain_text("NonRetriableError: the card was declined conftest.py:")
    expect(failed.locator(".attempts li")).to_have_count(1)
    done = tab.locator('details[data-key="step-reserve"]')
    expect(done.locator("pre")).to_be_hidden()
    done.locator("summary").click()
    expect(done.locator("pre")).to_have_text('{\n  "warehouse": "Lyon"\n}')
    event = tab.locator('details[data-key="event-shop/order.placed"]')
    event.locator("summary").click()
    expect(event.locator("pre")).to_contain_text('"amount": 12')
    outcomes = tab.locator("table .outcome")
    expect(outcomes.first).to_have_text("run starts: event 'shop/order.placed' if event.data.amount > 0")


def test_what_is_open_and_focused_stays_so_while_the_run_goes_on(tab, server, engine):
    run = engine.send("shop/order.placed", PLACED).run
    open_run(tab, server, run)
    step = tab.locator('details[data-key="step-reserve"]')
    step.locator("summary").click()
    engine.advance("3d")
    expect(tab.locator('details[data-key="step-review"]')).to_be_visible()
    expect(step.locator("pre")).to_be_visible()


def test_the_graph_shows_where_each_step_stands(tab, server, engine):
    run = engine.send("shop/order.placed", PLACED).run
    open_run(tab, server, run)
    names = ["reserve", "charge", "receipt", "gift", "review", "returned"]
    expected = ["completed", "failed", "pending", "skipped", "waiting", "waiting"]
    assert [state_of(tab, name) for name in names] == expected
    edges = tab.locator(".graph .edge")
    assert edges.count() == 6
    assert tab.locator('.edge[data-to="gift"]').get_attribute("data-state") == "not_taken"
    expect(tab.locator('.node[data-node="review"] .label')).to_have_text("wait 3d")
    expect(tab.locator('.node[data-node="charge"] .state')).to_have_text("✕ Failed")
    engine.advance("30d")
    expect(tab.locator('.node[data-node="review"][data-state="completed"]')).to_be_visible()
    assert [state_of(tab, name) for name in ("receipt", "returned")] == ["not_reached", "skipped"]


def test_no_node_of_a_graph_covers_another_and_no_edge_a_node(tab, server, engine):
    edges = {"a": [], "b": ["a"], "c": ["a"], "d": ["b"], "e": ["a", "d"], "f": ["c", "e"], "g": ["a"]}
    steps = [Step(name, lambda: 1, after=parents or "$trigger") for name, parents in edges.items()]
    engine.register(Function("wide", on_event("app/wide"), steps=steps))
    open_run(tab, server, engine.send("app/wide").run)
    boxes = tab.evaluate(
        "[...document.querySelectorAll('.node rect')].map((r) => r.getBBox()).map((b) => [b.x, b.y, b.width, b.height])"
    )
    assert len(boxes) == 8
    apart = [
        (one, other)
        for number, one in enumerate(boxes)
        for other in boxes[:number]
        if abs(one[0] - other[0]) < one[2] and abs(one[1] - other[1]) < one[3]
    ]
    assert apart == []
    # Along each edge, a point in every 5 px.
    points = tab.evaluate("""[...document.querySelectorAll('.edge')].flatMap((edge) => {
        const length = edge.getTotalLength();
        const at = Array.from({ length: Math.floor(length / 5) }, (_, number) => edge.getPointAtLength(number * 5));
        return at.map((point) => [point.x, point.y]);
    })""")
    inside = [
        (x, y) for x, y in points for left, top, w, h in boxes if left < x < left + w and top + 1 < y < top + h - 1
    ]
    assert inside == []


def test_a_step_is_chosen_in_the_graph_with_the_keyboard(tab, server, engine):
    open_run(tab, server, engine.send("shop/order.placed", PLACED).run)
    tab.locator('.node[data-node="reserve"]').focus()
    tab.keyboard.press("Enter")
    expect(tab.locator('details[data-key="step-reserve"] pre')).to_be_visible()
    assert tab.evaluate("document.activeElement.closest('details').dataset.key") == "step-reserve"


def test_of_an_apps_function_the_steps_that_were_found_are_drawn(open_tab, serve):
    client = inngest.Inngest(app_id="shop", is_production=False)

    @client.create_function(fn_id="pay", trigger=inngest.TriggerEvent(event="pay"))
    def pay(ctx: inngest.ContextSync) -> str:
        ctx.step.run("first", lambda: 1)
        ctx.group.parallel((lambda: ctx.step.run("left", lambda: 1), lambda: ctx.step.run("right", lambda: 2)))
        ctx.step.wait_for_event("paid", event="pay/done", timeout=60_000)
        return "paid"

    engine = Engine()
    engine.serve(client, [pay])
    server = serve(engine)
    run = engine.send("pay").run
    tab = open_tab()
    open_run(tab, server, run)
    states = {name: state_of(tab, name) for name in ("first", "left", "right", "paid")}
    assert states == {"first": "completed", "left": "completed", "right": "completed", "paid": "waiting"}
    edges = tab.evaluate("[...document.querySelectorAll('.edge')].map((e) => `${e.dataset.from}>${e.dataset.to}`)")
    assert sorted(edges) == ["$trigger>first", "first>left", "first>right", "left>paid", "right>paid"]


def test_a_run_is_cancelled(tab, server, engine):
    run = engine.send("shop/order.placed", PLACED).run
    open_run(tab, server, run)
    tab.get_by_role("button", name="Cancel run").click()
    expect(tab.locator(".title .badge")).to_have_text("⊘Cancelled")
    expect(tab.get_by_role("button", name="Cancel run")).to_have_count(0)
    assert run.status == "CANCELLED"


def test_a_run_that_is_not_there_is_told(tab, server, open_tab):
    tab.goto(f"{server.url}/#/runs/01NONE")
    expect(tab.locator("#detail")).to_contain_text("this engine does not have it")
    assert any("404" in text for text in open_tab.wrong())
    open_tab.forgive()


# -- events and functions


def test_an_event_is_sent_and_leads_to_its_run(tab, engine):
    tab.get_by_role("button", name="Send event").click()
    event = tab.locator("#send-event")
    tab.locator("#send-trigger").select_option(label="shop/order.placed → order")
    assert event.input_value() == '{\n  "name": "shop/order.placed",\n  "data": {}\n}'
    expect(tab.locator("#send-condition")).to_have_text("It starts the function only if event.data.amount > 0")
    event.fill('{"name": "shop/order.placed", "data": {"amount": 7}}')
    tab.get_by_role("button", name="Send", exact=True).click()
    expect(tab.locator("h1")).to_have_text("shop/order.placed")
    tab.locator("#detail").get_by_role("link", name="order").click()
    expect(tab.locator("h1")).to_have_text("order")
    assert [event.data for event in engine.events("shop/order.placed")] == [{"amount": 7}]


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ('{"name": ', "This is not JSON"),
        ("[]", "The list is empty"),
        ('"app/hello"', "An event is an object"),
        ('{"data": {}}', 'It needs a "name"'),
        ('[{"name": "a"}, {"name": "b", "data": 1}]', 'Event 2 of 2: "data" has to be an object.'),
        ('{"name": "a", "ts": "now"}', '"ts" is a whole number'),
    ],
)
def test_what_is_no_event_is_not_sent(tab, engine, written, problem):
    tab.get_by_role("button", name="Send event").click()
    expect(tab.locator("#send-event")).not_to_have_value("")
    tab.locator("#send-event").fill(written)
    tab.get_by_role("button", name="Send", exact=True).click()
    expect(tab.locator("#send-problem")).to_contain_text(problem)
    expect(tab.locator("#send-event")).to_have_attribute("aria-invalid", "true")
    assert engine.events() == []


def test_what_the_server_refuses_is_told(tab, open_tab):
    tab.get_by_role("button", name="Send event").click()
    expect(tab.locator("#send-event")).not_to_have_value("")
    tab.locator("#send-event").fill('{"name": "inngest/mine"}')
    tab.get_by_role("button", name="Send", exact=True).click()
    expect(tab.locator("#send-problem")).to_contain_text("inngest/")
    expect(tab.locator("#send-dialog")).to_be_visible()
    open_tab.forgive()  # the console tells of the answer's status


def test_events_show_what_they_started_or_why_nothing(tab, server, engine):
    engine.send("app/hello")
    engine.send("app/helo")
    tab.get_by_role("link", name="Events").click()
    expect(rows(tab)).to_have_count(2)
    expect(rows(tab).nth(0)).to_contain_text("started nothing")
    expect(rows(tab).nth(1)).to_contain_text("1 run")
    rows(tab).nth(0).click()
    expect(tab.locator("#detail")).to_contain_text("did you mean 'app/hello'?")


def test_events_of_the_server_itself_are_shown_when_asked_for(tab, engine):
    engine.serve(*sleepy())
    engine.send("app/doze")
    engine.advance("1h")
    tab.get_by_role("link", name="Events").click()
    expect(rows(tab)).to_have_count(1)
    tab.get_by_label("Those of the server itself").check()
    expect(rows(tab)).to_have_count(2)
    expect(rows(tab).first).to_contain_text("inngest/function.finished")


def test_functions_show_triggers_and_steps_and_begin_an_event(tab):
    tab.get_by_role("link", name="Functions").click()
    expect(rows(tab)).to_have_count(2)
    tab.get_by_role("searchbox").fill("order.placed")
    expect(rows(tab)).to_have_count(1)
    rows(tab).first.click()
    expect(tab.locator("#detail")).to_contain_text("event 'shop/order.placed' if event.data.amount > 0")
    tab.locator("#detail").get_by_role("button", name="Send event").click()
    expect(tab.locator("#send-event")).to_have_value('{\n  "name": "shop/order.placed",\n  "data": {}\n}')
    tab.keyboard.press("Escape")
    expect(tab.locator("#send-dialog")).to_be_hidden()


# -- the clock


def test_the_clock_is_moved(tab, engine, open_tab):
    run = engine.send("shop/order.placed", PLACED).run
    clock = tab.locator("#clock")
    expect(clock).to_have_text("2024-01-01 00:00:00 UTC")
    clock.click()
    expect(tab.locator("#clock-due")).to_have_text("2024-01-04 00:00:00 UTC, in 3d")
    tab.get_by_label("Advance by").fill("3 days")
    tab.get_by_role("button", name="Advance").click()
    expect(tab.locator("#clock-problem")).to_contain_text("'3 days' is not a duration")
    open_tab.forgive()
    tab.get_by_label("Advance by").fill("3d")
    tab.get_by_role("button", name="Advance").click()
    expect(tab.locator("#clock-now")).to_have_text("2024-01-04 00:00:00 UTC")
    assert run.steps["review"].output == "thanks"
    tab.get_by_role("button", name="1h", exact=True).click()
    expect(clock).to_have_text("2024-01-04 01:00:00 UTC")
    tab.get_by_role("button", name="Close").click()
    expect(tab.locator("#clock-dialog")).to_be_hidden()


def test_the_engine_is_run_to_where_nothing_more_is_due(tab, engine):
    engine.serve(*sleepy())
    run = engine.send("app/doze").run
    tab.locator("#clock").click()
    tab.get_by_role("button", name="Run to idle").click()
    expect(tab.locator("#clock-now")).to_have_text("2024-01-01 01:00:00 UTC")
    assert run.output == "awake"


def test_a_clock_that_another_moves_is_followed(tab, engine):
    expect(tab.locator("#clock")).to_have_text("2024-01-01 00:00:00 UTC")
    engine.advance("2h")
    expect(tab.locator("#clock")).to_have_text("2024-01-01 02:00:00 UTC")


# -- safety, and everyone's screens

HOSTILE = """<img src=x onerror="window.taken=1"><script>window.taken=1</script>"'&amp;"""


def test_what_runs_say_is_shown_as_text_and_never_as_markup(tab, server, engine):
    def fail():
        raise ValueError(HOSTILE)

    steps = [Step(f"step {HOSTILE}", lambda: {HOSTILE: HOSTILE}), Step("fails", fail)]
    engine.register(Function("hostile", on_event(f"app/{HOSTILE}"), name=HOSTILE, steps=steps))
    run = engine.send(f"app/{HOSTILE}", {HOSTILE: HOSTILE}).run
    open_run(tab, server, run)
    for summary in tab.locator("#detail summary").all():
        summary.click()
    expect(tab.locator("#detail")).to_contain_text(HOSTILE)
    for place in ("events", "functions", "functions/hostile", "runs"):
        tab.goto(f"{server.url}/#/{place}")
        expect(tab.locator("#rows")).to_contain_text("<script>window.taken=1</script>")
    assert tab.evaluate("window.taken") is None
    assert tab.locator("main img, main script").count() == 0


def test_the_policy_forbids_scripts_that_are_not_the_servers(tab, open_tab):
    """Without this, no violation in the other tests would prove nothing."""
    assert (
        tab.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "window.taken = 1";
        document.head.append(script);
        return window.taken ?? null;
    }""")
        is None
    )
    tab.wait_for_function("window.violations.length > 0")
    assert tab.evaluate("window.violations.splice(0)") == ["script-src-elem"]
    open_tab.forgive()


def test_nothing_is_wider_than_a_phone(open_tab, server, engine):
    long = "x" * 120
    engine.register(Function(long, on_event(f"app/{long}"), steps=[Step(long, lambda: long)]))
    runs = [engine.send("shop/order.placed", PLACED).run, engine.send(f"app/{long}").run]
    tab = open_tab(width=400, height=800)
    for place in ("runs", *(f"runs/{run.id}" for run in runs), "events", "functions", f"functions/{long}"):
        tab.goto(f"{server.url}/#/{place}")
        expect(tab.locator("main h1:visible, #rows:visible .row").first).to_be_visible()
        assert tab.evaluate("document.documentElement.scrollWidth") == 400, place
    for button in ("#send", "#clock"):
        tab.locator(button).click()
        assert tab.evaluate("document.querySelector('dialog[open]').getBoundingClientRect().right") <= 400
        tab.keyboard.press("Escape")


def test_on_a_phone_a_run_stands_in_the_place_of_the_list(open_tab, server, engine):
    engine.send("app/hello")
    tab = open_tab(width=400, height=800)
    tab.goto(server.url)
    rows(tab).first.click()
    expect(tab.locator("#list")).to_be_hidden()
    tab.get_by_role("link", name="All runs").click()
    expect(tab.locator("#list")).to_be_visible()


CONTRASTS = """() => {
    const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map((part) => part / 255)
        .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
        .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
    const behind = (element) => {
        for (let each = element; each; each = each.parentElement) {
            const color = numbers(getComputedStyle(each).backgroundColor);
            if (color.length === 3 || color[3] === 1) return color;
        }
        return [255, 255, 255];
    };
    return [...document.querySelectorAll("header a, header button, .badge, .sub, .what, h1, h2, td, summary, p, li")]
        .filter((element) => element.checkVisibility() && element.textContent.trim())
        .map((element) => {
            const [one, other] = [light(numbers(getComputedStyle(element).color)), light(behind(element))];
            const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
            return [contrast, element.className || element.tagName];
        });
}"""


@pytest.mark.parametrize("dark", [False, True])
def test_all_text_can_be_read_in_light_and_dark(open_tab, server, engine, dark):
    engine.send("app/hello")
    run = engine.send("shop/order.placed", PLACED).run
    tab = open_tab(dark=dark)
    open_run(tab, server, run)
    lightness = sum(
        int(part) for part in tab.evaluate("getComputedStyle(document.body).backgroundColor")[4:-1].split(",")
    )
    assert (lightness < 3 * 60) is dark
    contrasts = tab.evaluate(CONTRASTS)
    assert len(contrasts) > 40
    assert [each for each in contrasts if each[0] < 4.5] == []


def test_it_is_used_with_the_keyboard_alone(tab, engine):
    engine.send("app/hello")
    expect(rows(tab)).to_have_count(1)
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.locator("#rows .row").focus()
    tab.keyboard.press("Enter")
    expect(tab.locator("h1")).to_have_text("hello")
    expect(rows(tab)).to_have_attribute("aria-current", "true")


def test_everything_that_can_be_used_has_a_name(tab, server, engine):
    open_run(tab, server, engine.send("shop/order.placed", PLACED).run)
    tab.locator("#send").click()
    unnamed = tab.evaluate("""() => [...document.querySelectorAll("button, a, input, select, textarea, [role]")]
        .filter((element) => element.checkVisibility())
        .filter((element) => !(element.ariaLabel || element.textContent.trim()))
        .filter((element) => !(element.labels?.length || element.title))
        .map((element) => element.outerHTML)""")
    assert [each for each in unnamed if 'role="status"' not in each and 'role="alert"' not in each] == []


def test_a_server_that_is_gone_is_told_and_found_again(open_tab, serve, engine):
    with LiveServer(engine) as gone:
        tab = open_tab()
        tab.goto(gone.url)
        expect(tab.locator("#live")).to_have_text("Live")
    expect(tab.locator("#live")).to_have_text("Connecting…")
    engine.send("app/hello")
    serve(engine, port=gone.port)
    expect(tab.locator("#live")).to_have_text("Live")
    expect(rows(tab)).to_have_count(1)
    open_tab.forgive()  # of the time without a server
