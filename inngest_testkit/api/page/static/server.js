// Everything that the page asks of its server.

/** What the server refused, in its own words; `status` is 0 when it did not answer. */
export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function answered(path, init) {
  let response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new Refused("The server does not answer. Is it still running?", 0);
  }
  const text = await response.text();
  let body = null;
  try {
    body = text ? JSON.parse(text) : null;
  } catch {
    // An answer in words is its own message.
  }
  if (!response.ok) throw new Refused(said(body) || text.trim() || `The server answered ${response.status}`, response.status);
  return body;
}

function said(body) {
  const error = body?.error ?? body?.message;
  return typeof error === "string" ? error : error?.message;
}

const post = (path, value) =>
  answered(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(value) });

const query = (asked) => new URLSearchParams(Object.entries(asked).filter(([, value]) => value)).toString();

export const status = () => answered("/page/status.json");
export const runs = (asked) => answered(`/page/runs.json?${query(asked)}`);
export const run = (id) => answered(`/page/runs/${encodeURIComponent(id)}.json`);
export const events = (asked) => answered(`/page/events.json?${query(asked)}`);
export const event = (delivery) => answered(`/page/event.json?${query({ delivery })}`);
export const functions = () => answered("/page/functions.json");
export const send = (key, event) => post(`/e/${encodeURIComponent(key)}`, event);
export const cancel = (id) => post(`/testkit/runs/${encodeURIComponent(id)}/cancel`, {});
export const advance = (by) => post("/testkit/clock", { advance: by });
export const runToIdle = () => post("/testkit/clock", { run_to_idle: true });

/** Listen to what happens; `told` gets each transition and each status, `state` whether the line is open. */
export function listen({ onEntry, onStatus, onLine }) {
  const source = new EventSource("/page/stream");
  source.addEventListener("entry", (message) => onEntry(JSON.parse(message.data)));
  source.addEventListener("status", (message) => onStatus(JSON.parse(message.data)));
  source.addEventListener("open", () => onLine(true));
  source.addEventListener("error", () => onLine(false));
}
