// One run: where it stands, its graph, its steps, and all that happened.

import { badge, byId, h, moment, serverNow, isVirtual, shownState, span, timeOf } from "./dom.js";
import { graphOf } from "./graph.js";
import { cancel } from "./server.js";
import { openSend } from "./send.js";

const SIGNS = { ok: "✓", retry: "↻", failed: "✕", waits: "◔", skipped: "–", run: "▸" };
const KINDS = { ok: "done", retry: "tried again", failed: "failed", waits: "waits", skipped: "skipped", run: "run" };

export function runView(run) {
  return [
    h("p", { class: "back" }, h("a", { href: "#/runs" }, "← All runs")),
    h("div", { class: "title" }, h("h1", {}, run.function), badge(shownState(run)), stopping(run)),
    facts(run),
    run.error && part("Error", errorView(run.error, "run")),
    (run.waiting.length > 0 || run.held.length > 0) && part("Waits", waits(run)),
    part("Graph", graph(run)),
    run.steps.length > 0 && part("Steps", h("div", { class: "steps" }, run.steps.map(step))),
    part("Timeline", timeline(run)),
    part(run.events.length === 1 ? "Event" : "Events", run.events.map(eventView)),
    run.output && part("Output", json(run.output)),
  ];
}

const part = (title, ...content) => h("section", { class: "part" }, h("h2", {}, title), ...content);

function graph(run) {
  const props = { class: "graph", tabindex: "0", role: "group", "aria-label": "Graph of the run", data: { key: "graph" } };
  return h("div", props, graphOf(run.graph, run.events[0]?.name ?? "schedule", showStep));
}

function stopping(run) {
  if (run.ended_at !== null) return null;
  const stop = async (event) => {
    event.target.disabled = true;
    try {
      await cancel(run.id);
    } catch (error) {
      event.target.disabled = false;
      byId("notice").textContent = error.message;
      byId("notice").hidden = false;
    }
  };
  return h("button", { type: "button", class: "danger", onclick: stop, data: { key: "cancel" } }, "Cancel run");
}

function facts(run) {
  const rows = [
    ["Run", h("code", {}, run.id)],
    ["Started", timeOf(run.started_at)],
  ];
  if (run.ended_at !== null) rows.push(["Ended", [timeOf(run.ended_at), ` · took ${span(run.ended_at - run.started_at)}`]]);
  return h("dl", { class: "facts" }, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

function waits(run) {
  const lines = run.waiting.map((wait) => [
    badge(wait.kind === "retry" ? "retrying" : wait.kind === "step" ? "running" : "waiting"),
    h("span", {}, h("strong", {}, wait.step || run.function), " ", waitText(wait), " ", until(wait.until)),
    wait.kind === "event" && h("button", { type: "button", onclick: () => openSend({ event: eventFor(wait) }) }, "Send it"),
  ]);
  const held = run.held.map((each) => [
    badge("queued"),
    h("span", {}, h("strong", {}, each.step || run.function), ` is held by ${each.rule}${each.key ? ` '${each.key}'` : ""}`, each.until === null ? "" : " ", each.until === null ? "" : until(each.until)),
  ]);
  return h("ul", { class: "lines" }, [...lines, ...held].map((line) => h("li", {}, line)));
}

const eventFor = (wait) => JSON.stringify({ name: wait.event, data: {} }, null, 2);

function waitText(wait) {
  const match = wait.match ? ` for which ${wait.match}` : "";
  if (wait.kind === "event" && wait.on_timeout) return `runs unless ${wait.event}${match} comes`;
  if (wait.kind === "event") return `waits for ${wait.event}${match}`;
  if (wait.kind === "invoke") return `waits for the run of ${wait.event}`;
  if (wait.kind === "retry") return "is tried again";
  if (wait.kind === "step") return "is at work";
  return wait.kind === "sleep" ? "sleeps" : "waits";
}

function until(ms) {
  const left = isVirtual() ? "" : ms > serverNow() ? ` (in ${span(ms - serverNow())})` : "";
  return h("span", { class: "until" }, "until ", timeOf(ms), left);
}

function showStep(id) {
  const details = document.querySelector(`details[data-key="${CSS.escape(`step-${id}`)}"]`);
  if (!details) return;
  details.open = true;
  details.scrollIntoView({ block: "nearest" });
  details.querySelector("summary").focus({ preventScroll: true });
}

function step(record) {
  const took = record.ended_at === null ? "" : span(record.ended_at - record.started_at);
  const tries = record.attempts.length > 1 ? `${record.attempts.length} attempts` : "";
  return h(
    "details",
    { class: "step", data: { key: `step-${record.id}` }, open: record.status === "FAILED" },
    h(
      "summary",
      {},
      badge(record.status.toLowerCase()),
      h("strong", {}, record.id),
      h("span", { class: "sub" }, [tries, took].filter(Boolean).join(" · ")),
    ),
    record.output && [h("h3", {}, "Output"), json(record.output)],
    record.error && record.status !== "COMPLETED" && [h("h3", {}, "Error"), errorView(record.error, record.id)],
    h("h3", {}, "Attempts"),
    h("ol", { class: "attempts", start: "0" }, record.attempts.map(attempt)),
  );
}

function attempt(each) {
  const end = each.ended_at === null ? "in flight" : each.error ? `${each.error.name}: ${each.error.message}` : "ok";
  return h(
    "li",
    {},
    timeOf(each.started_at),
    ` · ${end}`,
    each.error?.place ? ` (${each.error.place})` : "",
    each.retry_at === null ? "" : ` · tried again at ${moment(each.retry_at)}`,
  );
}

function errorView(error, of) {
  return h(
    "div",
    { class: "error" },
    h("p", {}, h("strong", {}, error.name), error.message ? `: ${error.message}` : "", error.place ? h("span", { class: "place" }, ` ${error.place}`) : ""),
    error.stack && h("details", { data: { key: `stack-${of}` } }, h("summary", {}, "Stack"), h("pre", { tabindex: "0" }, error.stack)),
  );
}

function json(value) {
  const rest = value.more ? h("p", { class: "hint" }, `${value.more} more characters are not shown.`) : null;
  return [h("pre", { class: "json", tabindex: "0" }, value.text), rest];
}

function eventView(event) {
  return h(
    "details",
    { class: "step", data: { key: `event-${event.name}` } },
    h("summary", {}, h("strong", {}, event.name)),
    json(event),
    h("p", {}, h("button", { type: "button", onclick: () => openSend({ event: again(event.text) }) }, "Send again")),
  );
}

/** An event without its id and time, which would make it the same one. */
export function again(text) {
  try {
    const { id: _, ts: __, ...rest } = JSON.parse(text);
    return JSON.stringify(rest, null, 2);
  } catch {
    return text; // it was cut
  }
}

function timeline(run) {
  const lines = run.timeline.map((line) =>
    h(
      "tr",
      { class: line.kind },
      h("td", { class: "at" }, line.at),
      h("td", {}, h("span", { class: "sign", title: KINDS[line.kind], "aria-hidden": "true" }, SIGNS[line.kind] ?? "·"), line.step),
      h("td", { class: "number" }, line.attempt),
      h("td", { class: "outcome" }, line.outcome),
    ),
  );
  const heads = ["At", "Step", "Attempt", "Outcome"].map((name) => h("th", { scope: "col" }, name));
  return [
    run.lines_left_out > 0 && h("p", { class: "hint" }, `${run.lines_left_out} earlier lines are left out.`),
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "group", "aria-label": "Timeline", data: { key: "timeline" } },
      h("table", {}, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, lines)),
    ),
  ];
}
