// The functions, and what starts each.

import { byId, empty, h, swap } from "./dom.js";
import * as server from "./server.js";
import { openSend } from "./send.js";

const before = { list: "" };
let wanted = "";

export function open({ changed }) {
  before.list = "";
  const search = h("input", {
    type: "search",
    placeholder: "Find a function or trigger",
    "aria-label": "Find a function or trigger",
    id: "filter-text",
    oninput: (event) => {
      wanted = event.target.value.toLowerCase();
      changed();
    },
  });
  search.value = wanted;
  byId("filters").replaceChildren(search);
}

export async function read(key, isShown) {
  const { functions } = await server.functions();
  if (!isShown()) return;
  const found = functions.filter((each) => [each.id, ...each.triggers.map((trigger) => trigger.text)].some((text) => text.toLowerCase().includes(wanted)));
  const told = JSON.stringify([found, key]);
  if (told === before.list) return;
  before.list = told;
  swap(byId("rows"), functions.length ? (found.length ? h("ul", { class: "items" }, found.map((each) => h("li", {}, row(each, key)))) : empty("No function is like that.")) : beginning());
  const chosen = functions.find((each) => each.id === key);
  swap(byId("detail"), chosen ? view(chosen) : key ? empty("This function is not here.", h("p", {}, "It may have been removed.")) : functions.length ? empty("Choose a function to see its triggers and steps.") : null);
}

function beginning() {
  return empty(
    "No function is here yet.",
    h("p", {}, "Start the server with a folder that has inngest.json files, or let an app register itself:"),
    h("pre", { tabindex: "0" }, `INNGEST_DEV=${location.origin} …your app`),
  );
}

function row(each, key) {
  const props = { class: "row", href: `#/functions/${encodeURIComponent(each.id)}`, data: { key: `row-${each.id}` } };
  if (each.id === key) props["aria-current"] = "true";
  const kind = each.app ? `app ${each.app}` : each.steps.length === 1 ? "1 step" : `${each.steps.length} steps`;
  return h(
    "a",
    props,
    h("span", { class: "head" }, h("strong", {}, each.id), h("span", { class: "count" }, kind)),
    h("span", { class: "sub" }, h("span", { class: "what" }, each.triggers.map((trigger) => trigger.text).join(" · "))),
  );
}

function view(each) {
  const triggers = each.triggers.map((trigger) =>
    h("li", {}, h("code", {}, trigger.text), trigger.event && h("button", { type: "button", onclick: () => openSend({ trigger: trigger.event }) }, "Send event")),
  );
  const steps = each.steps?.map((step) => h("li", {}, h("strong", {}, step.id), step.runtime && h("span", { class: "sub" }, step.runtime)));
  return [
    h("p", { class: "back" }, h("a", { href: "#/functions" }, "← All functions")),
    h("div", { class: "title" }, h("h1", {}, each.id)),
    each.name !== each.id && h("p", { class: "hint" }, each.name),
    h("section", { class: "part" }, h("h2", {}, "Triggers"), h("ul", { class: "lines" }, triggers)),
    h("section", { class: "part" }, h("h2", {}, "Steps"), steps ? h("ul", { class: "lines" }, steps) : h("p", { class: "hint" }, `Its steps are known to app ${each.app}; a run shows those that it came to.`)),
    each.flow.length > 0 && h("section", { class: "part" }, h("h2", {}, "Flow control"), h("p", {}, each.flow.join(", "))),
  ];
}
