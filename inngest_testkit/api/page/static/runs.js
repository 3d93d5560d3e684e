// The list of runs, and one of them.

import { badge, briefMoment, byId, empty, h, serverNow, isVirtual, shownState, span, swap, timeOf } from "./dom.js";
import * as server from "./server.js";
import { runView } from "./run.js";

const STATUSES = ["QUEUED", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"];
const asked = { status: "", function: "", text: "" };
const read_before = { list: "", detail: "" };
let latest = Date.now();

export function open({ changed }) {
  Object.assign(read_before, { list: "", detail: "" });
  const choose = (name, label, options) =>
    h("select", {
      "aria-label": label,
      id: `filter-${name}`,
      onchange: (event) => {
        asked[name] = event.target.value;
        changed();
      },
    }, options);
  const option = (value, text) => h("option", { value, selected: asked[value] === value }, text);
  const search = h("input", {
    type: "search",
    placeholder: "Find a run, function or event",
    "aria-label": "Find a run, function or event",
    id: "filter-text",
    oninput: (event) => {
      asked.text = event.target.value;
      changed();
    },
  });
  const words = STATUSES.map((status) => option(status, status[0] + status.slice(1).toLowerCase()));
  const status = choose("status", "Status", [option("", "Any status"), ...words]);
  const functions = choose("function", "Function", [option("", "Any function")]);
  byId("filters").replaceChildren(search, status, functions);
  [search.value, status.value] = [asked.text, asked.status];
}

/** Offer the functions that there are; one that is chosen stays, even when it is gone. */
function offer(functions) {
  const select = byId("filter-function");
  const names = functions.map((each) => each.id);
  if (asked.function && !names.includes(asked.function)) names.push(asked.function);
  if ([...select.options].slice(1).map((each) => each.value).join("\n") === names.join("\n")) return;
  select.replaceChildren(h("option", { value: "" }, "Any function"), ...names.map((name) => h("option", { value: name }, name)));
  select.value = asked.function;
}

export async function read(key, isShown) {
  const [list, known, detail] = await Promise.all([
    server.runs(asked),
    server.functions(),
    key ? server.run(key).catch((error) => ({ problem: error.message })) : null,
  ]);
  if (!isShown()) return;
  offer(known.functions);
  latest = Math.max(...list.runs.map((run) => run.ended_at ?? run.started_at), isVirtual() ? 0 : serverNow());
  const told = JSON.stringify([list, key, known.functions.length]);
  if (told !== read_before.list) swap(byId("rows"), rows(list, key, known.functions));
  read_before.list = told;
  const about = JSON.stringify([key, detail, list.runs.length > 0]);
  if (about !== read_before.detail || !byId("detail").hasChildNodes()) swap(byId("detail"), shown(key, detail, list));
  read_before.detail = about;
}

function shown(key, detail, list) {
  if (!key) return list.runs.length ? empty("Choose a run to see what happened in it.") : null;
  if (detail.problem) return empty("This run is not here.", h("p", {}, detail.problem));
  return runView(detail);
}

function rows(list, key, functions) {
  if (!list.runs.length) return [isFiltered() ? empty("No run is like that.", clearing()) : beginning(functions)];
  return [
    h("ul", { class: "items" }, list.runs.map((run) => h("li", {}, row(run, key)))),
    list.more && h("p", { class: "hint more" }, `The newest ${list.runs.length} are shown. Narrow them down above.`),
  ];
}

function row(run, key) {
  const took = run.ended_at === null ? "" : span(run.ended_at - run.started_at);
  const link = { class: "row", href: `#/runs/${encodeURIComponent(run.id)}`, data: { key: `row-${run.id}` } };
  if (run.id === key) link["aria-current"] = "true";
  return h(
    "a",
    link,
    h("span", { class: "head" }, h("strong", {}, run.function), badge(shownState(run))),
    h(
      "span",
      { class: "sub" },
      h("span", { class: "what" }, about(run)),
      h("span", { class: "when" }, timeOf(run.started_at, briefMoment(run.started_at, latest)), took && ` · ${took}`),
    ),
  );
}

function about(run) {
  if (run.error) return run.error;
  if (run.held.length) return `held by ${run.held[0].rule}`;
  if (run.waits?.event) return `${run.waits.kind === "invoke" ? "invoked" : "waits for"} ${run.waits.event}`;
  if (run.waits?.kind === "sleep" || run.waits?.kind === "time") return `${run.waits.step} waits until ${briefMoment(run.waits.until, latest)}`;
  return run.events.join(", ");
}

const isFiltered = () => Boolean(asked.status || asked.function || asked.text);

function clearing() {
  const clear = () => {
    Object.assign(asked, { status: "", function: "", text: "" });
    for (const name of ["status", "function", "text"]) byId(`filter-${name}`).value = "";
    byId("filter-status").dispatchEvent(new Event("change"));
  };
  return h("p", {}, h("button", { type: "button", onclick: clear }, "Show all runs"));
}

function beginning(functions) {
  const origin = location.origin;
  if (!functions.length) {
    return empty(
      "No function is here yet.",
      h("p", {}, "Start the server with a folder that has inngest.json files, or let an app register itself:"),
      h("pre", { tabindex: "0" }, `INNGEST_DEV=${origin} …your app`),
    );
  }
  return empty(
    "No runs yet.",
    h("p", {}, "Send an event with the button above, or from a terminal:"),
    h("pre", { tabindex: "0" }, `curl ${origin}/e/key -d '${JSON.stringify(firstExample(functions))}'`),
  );
}

function firstExample(functions) {
  const triggers = functions.flatMap((each) => each.triggers);
  return triggers.find((trigger) => trigger.example)?.example ?? { name: "app/user.created", data: {} };
}
