// The form that sends events: an example to begin with, the mistakes in it, and where to look then.

import { byId, h } from "./dom.js";
import { functions, send } from "./server.js";

const PLAIN = { name: "app/something.happened", data: {} };
let examples = [];

/** Open the form, with the example for a trigger by its event's name, or with an event. */
export async function openSend({ trigger = "", event = "" } = {}) {
  problem("");
  byId("send-dialog").showModal();
  byId("send-event").focus();
  try {
    await offer(trigger);
  } catch (error) {
    problem(error.message);
  }
  if (event) byId("send-event").value = event;
}

async function offer(wanted) {
  const { functions: found } = await functions();
  examples = found.flatMap((each) =>
    each.triggers.filter((trigger) => trigger.event).map((trigger) => ({ ...trigger, function: each.id })),
  );
  const select = byId("send-trigger");
  const chosen = Math.max(0, examples.findIndex((each) => (wanted ? each.event === wanted : false)));
  const options = examples.length
    ? examples.map((each, number) => h("option", { value: number }, `${each.event} → ${each.function}`))
    : [h("option", { value: "" }, "no function has an event yet")];
  select.replaceChildren(...options);
  select.disabled = !examples.length;
  select.value = examples.length ? String(chosen) : "";
  choose();
}

function choose() {
  const chosen = examples[byId("send-trigger").value];
  byId("send-event").value = JSON.stringify(chosen?.example ?? PLAIN, null, 2);
  byId("send-condition").hidden = !chosen?.condition;
  byId("send-condition").textContent = chosen?.condition ? `It starts the function only if ${chosen.condition}` : "";
  problem("");
}

function problem(text) {
  byId("send-problem").textContent = text;
  if (text) byId("send-event").setAttribute("aria-invalid", "true");
  else byId("send-event").removeAttribute("aria-invalid");
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** Say what is wrong with an event, "" when nothing is. */
export function mistake(value) {
  if (Array.isArray(value)) {
    if (!value.length) return "The list is empty; it needs at least one event.";
    const number = value.findIndex((each) => mistakeOfOne(each));
    return number < 0 ? "" : `Event ${number + 1} of ${value.length}: ${mistakeOfOne(value[number])}`;
  }
  return mistakeOfOne(value);
}

function mistakeOfOne(value) {
  if (!isObject(value)) return 'An event is an object, such as {"name": "app/user.created", "data": {}}.';
  if (typeof value.name !== "string" || !value.name) return 'It needs a "name", a text such as "app/user.created".';
  for (const part of ["data", "user"]) {
    if (part in value && value[part] !== null && !isObject(value[part])) return `"${part}" has to be an object.`;
  }
  if ("ts" in value && !Number.isInteger(value.ts)) return '"ts" is a whole number of milliseconds since 1970.';
  return "";
}

/** Read the JSON of the form; returns the event or null, and shows what is wrong. */
function written() {
  let value;
  try {
    value = JSON.parse(byId("send-event").value);
  } catch (error) {
    problem(`This is not JSON: ${error.message}`);
    return null;
  }
  problem(mistake(value));
  return mistake(value) ? null : value;
}

async function submit(submitted) {
  submitted.preventDefault();
  const event = written();
  if (event === null) {
    byId("send-event").focus();
    return;
  }
  try {
    const { ids } = await send(byId("send-key").value.trim() || "page", event);
    byId("send-dialog").close();
    location.hash = ids.length === 1 ? `#/events/send/${encodeURIComponent(ids[0])}` : "#/events";
  } catch (error) {
    problem(error.message);
    if (error.status === 401) {
      for (const id of ["send-key", "send-key-label"]) byId(id).hidden = false;
      byId("send-key").select();
    }
  }
}

byId("send-form").addEventListener("submit", submit);
byId("send-trigger").addEventListener("change", choose);
byId("send-event").addEventListener("input", () => written());
