// The list of events, each with the runs that it started, and one of them.

import { badge, briefMoment, byId, empty, h, isVirtual, serverNow, swap, timeOf } from "./dom.js";
import * as server from "./server.js";
import { openSend } from "./send.js";
import { again } from "./run.js";

const asked = { text: "", internal: "" };
const before = { list: "", detail: "" };
let latest = Date.now();

export function open({ changed }) {
  Object.assign(before, { list: "", detail: "" });
  const search = h("input", {
    type: "search",
    placeholder: "Find an event",
    "aria-label": "Find an event",
    id: "filter-text",
    oninput: (event) => {
      asked.text = event.target.value;
      changed();
    },
  });
  const internal = h("input", {
    type: "checkbox",
    id: "filter-internal",
    onchange: (event) => {
      asked.internal = event.target.checked ? "1" : "";
      changed();
    },
  });
  search.value = asked.text;
  internal.checked = Boolean(asked.internal);
  byId("filters").replaceChildren(search, h("label", { class: "check" }, internal, "Those of the server itself"));
}

export async function read(key, isShown) {
  const [list, detail] = await Promise.all([
    server.events(asked),
    key ? server.event(key).catch((error) => ({ problem: error.message })) : null,
  ]);
  if (!isShown()) return;
  latest = Math.max(...list.events.map((event) => event.at), isVirtual() ? 0 : serverNow());
  const told = JSON.stringify([list, key]);
  if (told !== before.list) swap(byId("rows"), rows(list, key));
  before.list = told;
  const about = JSON.stringify([key, detail, list.events.length > 0]);
  if (about !== before.detail || !byId("detail").hasChildNodes()) swap(byId("detail"), shown(key, detail, list));
  before.detail = about;
}

function rows(list, key) {
  if (!list.events.length) {
    const isFiltered = Boolean(asked.text);
    return [isFiltered ? empty("No event is like that.") : empty("No events yet.", h("p", {}, "Send one with the button above, or from your app."))];
  }
  return [
    h("ul", { class: "items" }, list.events.map((event) => h("li", {}, row(event, key)))),
    list.more && h("p", { class: "hint more" }, `The newest ${list.events.length} are shown. Narrow them down above.`),
  ];
}

function row(event, key) {
  const count = event.runs.length + event.runs_left_out;
  const props = { class: "row", href: address(event.delivery), data: { key: `row-${event.delivery}` } };
  if (event.delivery === key) props["aria-current"] = "true";
  return h(
    "a",
    props,
    h("span", { class: "head" }, h("strong", {}, event.name), h("span", { class: "count" }, count === 1 ? "1 run" : `${count} runs`)),
    h(
      "span",
      { class: "sub" },
      h("span", { class: "what" }, count ? event.runs.map((run) => run.function).join(", ") : "started nothing"),
      h("span", { class: "when" }, timeOf(event.at, briefMoment(event.at, latest))),
    ),
  );
}

const address = (delivery) => `#/events/${delivery.split("/").map(encodeURIComponent).join("/")}`;

function shown(key, event, list) {
  if (!key) return list.events.length ? empty("Choose an event to see what it did.") : null;
  if (event.problem) return empty("This event is not here.", h("p", {}, event.problem));
  const runs = event.runs.map((run) =>
    h("li", {}, badge(run.status.toLowerCase()), h("a", { href: `#/runs/${encodeURIComponent(run.id)}`, data: { key: `run-${run.id}` } }, run.function), h("code", {}, run.id)),
  );
  const facts = [
    ["Id", h("code", {}, event.id)],
    ["Received", timeOf(event.at)],
  ];
  return [
    h("p", { class: "back" }, h("a", { href: "#/events" }, "← All events")),
    h("div", { class: "title" }, h("h1", {}, event.name), h("button", { type: "button", onclick: () => openSend({ event: again(event.event.text) }), data: { key: "again" } }, "Send again")),
    h("dl", { class: "facts" }, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    h(
      "section",
      { class: "part" },
      h("h2", {}, "Runs that it started"),
      runs.length ? h("ul", { class: "lines" }, runs) : h("p", { class: "hint" }, event.why_nothing || "None."),
      event.runs_left_out > 0 && h("p", { class: "hint" }, `${event.runs_left_out} more are not shown.`),
    ),
    h("section", { class: "part" }, h("h2", {}, "Event"), h("pre", { class: "json", tabindex: "0" }, event.event.text), event.event.more > 0 && h("p", { class: "hint" }, `${event.event.more} more characters are not shown.`)),
  ];
}
