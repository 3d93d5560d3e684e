// Elements made from data. Text is only ever set as text: nothing that comes from a run is read as markup.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** Make an element; `props` are attributes, but for `on*` functions and `data` (an object). */
export function h(tag, props = {}, ...children) {
  return filled(document.createElement(tag), props, children);
}

/** Make an element of a drawing. */
export function s(tag, props = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), props, children);
}

function filled(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Replace what is in a container; what was open, focused or scrolled there stays so (by `data-key`). */
export function swap(container, ...children) {
  const keyed = (root) => new Map([...root.querySelectorAll("[data-key]")].map((each) => [each.dataset.key, each]));
  const before = keyed(container);
  const focused = container.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  const scrolls = [...before].filter(([, each]) => each.scrollTop || each.scrollLeft);
  const positions = scrolls.map(([key, each]) => [key, each.scrollTop, each.scrollLeft]);
  container.replaceChildren(...children.flat(Infinity).filter((child) => child));
  const after = keyed(container);
  for (const [key, each] of after) {
    const old = before.get(key);
    if (old && each.tagName === "DETAILS") each.open = old.open;
  }
  for (const [key, top, left] of positions) {
    const each = after.get(key);
    if (each) [each.scrollTop, each.scrollLeft] = [top, left];
  }
  if (focused !== undefined) after.get(focused)?.focus({ preventScroll: true });
}

const two = (number) => String(number).padStart(2, "0");
const clock = { virtual: true, ahead: 0 };

/** Tell the formats which kind of time the server has, and how far its clock is ahead of the browser's. */
export function setClock(virtual, now) {
  clock.virtual = virtual;
  clock.ahead = now - Date.now();
}

/** The parts of a moment: of a virtual clock in UTC, else where the reader is. */
function parts(ms) {
  const shifted = clock.virtual ? ms : ms - new Date(ms).getTimezoneOffset() * 60000;
  const iso = new Date(shifted).toISOString();
  return { date: iso.slice(0, 10), time: iso.slice(11, 19), fraction: iso.slice(19, 23) };
}

/** A moment with its date: `2024-01-01 00:00:00`. */
export function moment(ms) {
  if (ms === null || ms === undefined) return "";
  const { date, time } = parts(ms);
  return `${date} ${time}`;
}

/** A moment as short as can be: without its date, when that is today's. */
export function briefMoment(ms, now) {
  const { date, time } = parts(ms);
  return now !== undefined && parts(now).date === date ? time : `${date.slice(5)} ${time}`;
}

/** An element for a moment, with the whole of it in its title. */
export function timeOf(ms, text) {
  return h("time", { datetime: new Date(ms).toISOString(), title: new Date(ms).toISOString() }, text ?? moment(ms));
}

/** The server's time, as far as the browser can tell. */
export const serverNow = () => Date.now() + clock.ahead;
export const isVirtual = () => clock.virtual;

/** A span: `12 ms`, `1.2 s`, `1h 30m`, `3d 2h`. */
export function span(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60000) return `${Number((ms / 1000).toFixed(1))} s`;
  const seconds = Math.round(ms / 1000);
  const units = [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]];
  const found = [];
  let left = seconds;
  for (const [unit, size] of units) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count) found.push(`${unit === "d" || !found.length ? count : two(count).replace(/^0/, "")}${unit}`);
  }
  return found.slice(0, 2).join(" ");
}

const STATES = {
  completed: ["✓", "Completed"],
  failed: ["✕", "Failed"],
  running: ["▸", "Running"],
  waiting: ["◔", "Waiting"],
  retrying: ["↻", "Retrying"],
  queued: ["○", "Queued"],
  cancelled: ["⊘", "Cancelled"],
  planned: ["○", "Planned"],
  pending: ["·", "Not yet"],
  skipped: ["–", "Skipped"],
  not_reached: ["–", "Not reached"],
};

/** The sign and the word of a state: never a colour alone. */
export const stateWords = (state) => STATES[state] ?? ["?", state];

/** A badge for a state. */
export function badge(state) {
  const [sign, word] = stateWords(state);
  return h("span", { class: `badge ${state}` }, h("span", { class: "sign", "aria-hidden": "true" }, sign), word);
}

/** How a run is shown: one that runs and only waits is waiting. */
export function shownState(run) {
  const waits = run.waits ?? run.waiting?.[0];
  if (run.status === "RUNNING" && waits && waits.kind !== "step") {
    return waits.kind === "retry" ? "retrying" : "waiting";
  }
  return run.status.toLowerCase();
}

/** An empty list, and what to do about it. */
export function empty(title, ...how) {
  return h("div", { class: "empty" }, h("p", { class: "title" }, title), ...how);
}
